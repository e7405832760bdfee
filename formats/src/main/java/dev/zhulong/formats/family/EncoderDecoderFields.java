package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.TensorView;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** What the families of encoder–decoders share of configuration and files. */
final class EncoderDecoderFields {
    private EncoderDecoderFields() {}

    /** Refuses what is one half alone, or has another head. */
    static void requireBoth(JsonFields config, List<String> architectures) {
        ConfigFields.refuse(config, "is_encoder_decoder", true);
        ConfigFields.refuse(config, "is_decoder", false);
        for (var name : config.node("architectures")) {
            if (!architectures.contains(name.asText())) {
                throw config.wrong("architectures", "one of " + String.join(", ", architectures), FormatException.quote(name.asText()));
            }
        }
    }

    /** @param pad, bos, eos, start, forcedEos ids where the file names none; -1 for none */
    static Ids ids(JsonFields config, int vocab, int pad, int bos, int eos, int start, int forcedEos) {
        return new Ids(ConfigFields.bos(config, vocab, bos), ConfigFields.eos(config, vocab, eos), config.integer("pad_token_id", 0, vocab - 1, pad),
                one(config, "decoder_start_token_id", vocab, start), one(config, "forced_bos_token_id", vocab, -1),
                config.has("forced_eos_token_id") ? config.tokenIds("forced_eos_token_id") : forcedEos < 0 ? List.of() : List.of(forcedEos));
    }

    private static int one(JsonFields config, String field, int vocab, int absent) {
        return config.isSet(field) ? config.integer(field, 0, vocab - 1) : absent;
    }

    static void writeIds(Ids ids, ObjectNode config) {
        put(config, "bos_token_id", ids.bos());
        put(config, "eos_token_id", ids.eos());
        config.put("pad_token_id", ids.pad());
        put(config, "decoder_start_token_id", ids.start());
        put(config, "forced_bos_token_id", ids.forcedBos());
        put(config, "forced_eos_token_id", ids.forcedEos());
        config.put("is_encoder_decoder", true).put("use_cache", true);
    }

    private static void put(ObjectNode config, String field, int id) {
        config.put(field, id < 0 ? null : (Integer) id);
    }

    private static void put(ObjectNode config, String field, List<Integer> ids) {
        if (ids.size() > 1) {
            ids.forEach(config.putArray(field)::add);
        } else {
            config.put(field, ids.isEmpty() ? null : ids.getFirst());
        }
    }

    /** The one shape of all layers of a stack. @throws IllegalArgumentException where they differ, which no configuration of these can say */
    static Layer uniform(EncoderDecoderSpec spec, Stack stack) {
        Layer first = stack.layers().getFirst();
        require(spec, stack.layers().stream().allMatch(first::equals), "layers", "the same in a stack", "different ones");
        return first;
    }

    /** For writing: refuses what the family's configuration cannot say. */
    static void require(EncoderDecoderSpec spec, boolean holds, String field, Object expected, Object found) {
        if (!holds) {
            throw new IllegalArgumentException("a config.json of " + spec.family().modelType() + " cannot say " + field + ": expected " + expected
                    + ", found " + found);
        }
    }

    /**
     * Tensors under today's names. An embedding that is one weight may be stored under several names, or under the name of one of its uses alone.
     *
     * @param name  today's name; null for what is no weight
     * @param uses  names that {@code embedding} is stored under too
     * @throws FormatException where two of them differ
     */
    static Map<String, TensorView> tidy(Map<String, TensorView> stored, UnaryOperator<String> name, String embedding, List<String> uses) {
        Map<String, TensorView> copies = new HashMap<>();
        Map<String, TensorView> weights = Families.renamed(stored, view -> {
            String today = name.apply(view.name());
            if (today != null && uses.contains(today)) {
                copies.put(today, view);
                return Optional.empty();
            }
            return Optional.ofNullable(today);
        });
        for (String use : uses) {
            TensorView copy = copies.get(use);
            TensorView whole = copy == null ? null : weights.putIfAbsent(embedding, copy);
            if (whole != null && (whole.type() != copy.type() || whole.data().mismatch(copy.data()) != -1)) {
                throw new FormatException(copy.file(), "tensors " + whole.name() + " and " + copy.name() + " differ, and the network has one embedding for both;"
                        + " keep the one it was trained with");
            }
        }
        return weights;
    }
}
