package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.SpecDifference;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The shape of a decoder in a GGUF file's metadata, both ways, for the architectures of every {@link GgufFamily}.
 *
 * <p>What the metadata do not say (a head of its own, biases, Llama 3's rotary scaling), the tensors do. A key that would change the logits and is
 * not implemented is refused by name.
 */
public final class GgufConfig {

    static final String ARCHITECTURE = "general.architecture";
    /** What follows the architecture where llama.cpp has no key for what a decoder does: it refuses the file rather than compute something else. */
    public static final String OWN = "-zhulong";

    private GgufConfig() {}

    /** What llama.cpp would compute with and Zhulong does not, with the value that changes nothing. */
    private static final Map<String, Double> NOT_IMPLEMENTED = new TreeMap<>(Map.of("expert_count", 0.0, "attention.clamp_kqv", 0.0,
            "attention.max_alibi_bias", 0.0, "attn_logit_softcapping", 0.0, "final_logit_softcapping", 0.0, "logit_scale", 1.0,
            "residual_scale", 1.0, "embedding_scale", 1.0));

    /**
     * The shape of the decoder in {@code file}.
     *
     * @throws FormatException naming file, key or tensor, expected and found
     */
    public static DecoderSpec read(GgufFile file) {
        GgufMetadata metadata = file.metadata();
        if (metadata.integer("split.count", 0, Integer.MAX_VALUE, 1) > 1) {
            throw metadata.wrong("split.count", "a model in one file (join the parts: llama-gguf-split --merge FIRST_PART OUT)");
        }
        GgufFamily family = family(metadata);
        refuseUnimplemented(metadata, family);
        return family.read(file);
    }

    private static List<GgufFamily> families() {
        return Families.all().stream().filter(GgufFamily.class::isInstance).map(GgufFamily.class::cast).toList();
    }

    private static GgufFamily family(GgufMetadata metadata) {
        String known = families().stream().map(GgufFamily::ggufArchitecture).distinct().collect(Collectors.joining(", "));
        String architecture = metadata.text(ARCHITECTURE).orElse("");
        String published = architecture.endsWith(OWN) ? architecture.substring(0, architecture.length() - OWN.length()) : architecture;
        return families().stream().filter(family -> family.ggufArchitecture().equals(published) && family.claims(metadata)).reduce((general, particular) -> particular)
                .orElseThrow(() -> metadata.wrong(ARCHITECTURE, "one of " + known));
    }

    private static void refuseUnimplemented(GgufMetadata metadata, GgufFamily family) {
        String at = metadata.architecture() + ".";
        NOT_IMPLEMENTED.forEach((key, harmless) -> {
            double value = switch (metadata.values().get(at + key)) {
                case GgufValue.Whole whole -> whole.value();
                case GgufValue.Real real -> real.value();
                case null -> harmless;
                default -> Double.NaN;
            };
            if (value != harmless && !(harmless == 1 && value == 0) && !family.understood().contains(key)) {
                throw metadata.wrong(at + key, "none (not implemented)");
            }
        });
    }

    /**
     * The family of a spec.
     *
     * @throws IllegalArgumentException where llama.cpp has no such architecture
     */
    static GgufFamily family(DecoderSpec spec) {
        if (spec.family() instanceof GgufFamily family) {
            return family;
        }
        throw new IllegalArgumentException("a model of the family " + spec.family().modelType() + " cannot be written as GGUF; write a directory in"
                + " Hugging Face's layout");
    }

    /** Whatever the family's writer left unsaid would be lost in silence. Numbers are stored as floats; the balance of experts matters in training alone. */
    private static void requireSaid(DecoderSpec spec, GgufFamily family, String at, Map<String, GgufValue> metadata) {
        DecoderSpec said = family.read(GgufKeys.of(spec, new GgufMetadata(Path.of("GGUF"), metadata), at));
        if (said != null) {
            SpecDifference.of(said, spec, 1e-6, Set.of("balance")).ifPresent(difference -> {
                throw new IllegalArgumentException("GGUF metadata of " + family.ggufArchitecture() + " cannot say " + difference);
            });
        }
    }

    /**
     * Metadata that {@link #read} turns into the same spec, together with the tensors of {@link GgufWeight}.
     *
     * @throws IllegalArgumentException when the architecture's metadata cannot express the spec; written silently, it would give other
     *                                  logits elsewhere
     */
    public static Map<String, GgufValue> write(DecoderSpec spec) {
        GgufFamily family = family(spec);
        String architecture = family.ggufArchitecture() + (family.runsInLlamaCpp(spec) ? "" : OWN);
        String at = architecture + ".";
        GgufFamily.require(architecture, "attention within blocks, or to global tokens, or a window of its own", false,
                spec.stack().layers().stream().anyMatch(layer -> layer.attention().pattern() != null));
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put(ARCHITECTURE, GgufValue.of(architecture));
        metadata.put(at + "vocab_size", GgufValue.of(spec.vocabSize()));
        metadata.put(at + "context_length", GgufValue.of(spec.contextLength()));
        metadata.put(at + "embedding_length", GgufValue.of(spec.hiddenSize()));
        metadata.put(at + "block_count", GgufValue.of(spec.layers()));
        metadata.put(at + "feed_forward_length", GgufValue.of(spec.intermediateSize()));
        metadata.put(at + "attention.head_count", GgufValue.of(spec.heads()));
        metadata.put(at + "attention.head_count_kv", GgufValue.of(spec.kvHeads()));
        metadata.put(at + family.ggufEpsilon(), GgufValue.of((float) spec.normEpsilon()));
        family.write(spec, at, metadata);
        requireSaid(spec, family, at, metadata);
        GgufFamily.require(architecture, "number of eosIds of at most " + GgufShape.EOS_KEYS.size(), true,
                spec.eosIds().size() <= GgufShape.EOS_KEYS.size());
        if (spec.bosId() >= 0) {
            metadata.put(GgufShape.BOS, GgufValue.of(spec.bosId()));
        }
        for (int i = 0; i < spec.eosIds().size(); i++) {
            metadata.put(GgufShape.EOS_KEYS.get(i), GgufValue.of(spec.eosIds().get(i)));
        }
        return metadata;
    }
}
