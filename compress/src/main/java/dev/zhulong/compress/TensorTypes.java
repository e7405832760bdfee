package dev.zhulong.compress;

import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Types of tensors that the user chooses, as llama-quantize's {@code --tensor-type}: the first expression that is found in a tensor's name decides.
 *
 * @param rules in their order
 */
public record TensorTypes(List<Rule> rules) {
    /** None. */
    public static final TensorTypes NONE = new TensorTypes(List.of());

    public TensorTypes {
        rules = List.copyOf(rules);
    }

    /**
     * A rule.
     *
     * @param name found in the names of the tensors it is about, in lower case
     * @param type that these get
     */
    public record Rule(Pattern name, WeightType type) {}

    /**
     * Reads {@code REGEX=TYPE} texts.
     *
     * @throws IllegalArgumentException for one that is none; says what is wrong
     */
    public static TensorTypes parse(List<String> texts) {
        List<Rule> rules = new ArrayList<>();
        for (String text : texts) {
            int at = text.lastIndexOf('=');
            if (at < 1) {
                throw new IllegalArgumentException("expected REGEX=TYPE such as ffn_down=q6_k, found '" + text + "'");
            }
            WeightType type = type(text.substring(at + 1));
            try {
                rules.add(new Rule(Pattern.compile(text.substring(0, at).toLowerCase(Locale.ROOT)), type));
            } catch (PatternSyntaxException e) {
                throw new IllegalArgumentException("'" + text.substring(0, at) + "' is no regular expression: " + e.getDescription());
            }
        }
        return new TensorTypes(rules);
    }

    private static WeightType type(String name) {
        for (WeightType type : WeightType.values()) {
            boolean gguf = type != WeightType.INT4 && type != WeightType.INT4_ASYM;
            if (gguf && type.name().equalsIgnoreCase(name) && (!type.quantised() || Quantiser.supports(type))) {
                return type;
            }
        }
        throw new IllegalArgumentException("unknown type '" + name + "' of a tensor; expected one such as q8_0, q6_k, q5_k, q4_k, q3_k, q2_k, q5_1, q5_0, q4_1, q4_0, iq4_nl, iq4_xs, f16, bf16 or f32");
    }

    /**
     * The type of a tensor, where a rule is about it.
     *
     * @param name    in GGUF
     * @param columns of a row
     * @throws IllegalArgumentException when rows of so many columns cannot have the type
     */
    Optional<WeightType> of(String name, int columns) {
        for (Rule rule : rules) {
            if (rule.name.matcher(name).find()) {
                if (columns % rule.type.blockElements() != 0) {
                    throw new IllegalArgumentException(name + " has rows of " + columns + " weights, which cannot be " + rule.type.name().toLowerCase(Locale.ROOT) + ": a multiple of "
                            + rule.type.blockElements() + " is needed; name another type for it");
                }
                return Optional.of(rule.type);
            }
        }
        return Optional.empty();
    }
}
