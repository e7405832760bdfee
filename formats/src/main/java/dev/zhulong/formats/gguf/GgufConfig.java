package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.SpecDifference;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.VisionSpec;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The shape of a network in a GGUF file's metadata, both ways, for the architectures of every {@link GgufArchitecture}.
 *
 * <p>What a decoder's metadata do not say (a head of its own, biases, Llama 3's rotary scaling), the tensors do. A key that would change the logits and is
 * not implemented is refused by name.
 */
public final class GgufConfig {

    static final String ARCHITECTURE = "general.architecture";
    /** What follows the architecture where llama.cpp has no key for what a decoder does: it refuses the file rather than compute something else. */
    public static final String OWN = "-zhulong";

    /** The text of a {@code config.json}, in files of ours that hold no decoder: what llama.cpp's keys cannot say of such a network. */
    public static final String CONFIG = "zhulong.config";

    private GgufConfig() {}

    /** What llama.cpp would compute with and Zhulong does not, with the value that changes nothing. */
    private static final Map<String, Double> NOT_IMPLEMENTED = new TreeMap<>(Map.of("expert_count", 0.0, "attention.clamp_kqv", 0.0,
            "attention.max_alibi_bias", 0.0, "attn_logit_softcapping", 0.0, "final_logit_softcapping", 0.0, "logit_scale", 1.0,
            "residual_scale", 1.0, "embedding_scale", 1.0));

    /**
     * The shape of the network in {@code file}.
     *
     * @throws FormatException naming file, key or tensor, expected and found
     */
    public static NetworkSpec read(GgufFile file) {
        GgufMetadata metadata = file.metadata();
        GgufArchitecture family = family(metadata);
        if (!(family instanceof GgufFamily decoder)) {
            return metadata.has(CONFIG) ? own(metadata, family) : family.read(file);
        }
        refuseUnimplemented(metadata, decoder);
        return decoder.read(file);
    }

    private static NetworkSpec own(GgufMetadata metadata, GgufArchitecture shared) {
        NetworkSpec spec = HfConfig.network(metadata.text(CONFIG).orElseThrow(), metadata.file());
        if (!(spec.family() instanceof GgufArchitecture family) || !shared.ggufArchitecture().equals(family.ggufArchitecture())) {
            throw metadata.wrong(CONFIG, "a configuration of the architecture " + shared.ggufArchitecture());
        }
        return spec;
    }

    private static List<GgufArchitecture> families() {
        return Families.all().stream().filter(GgufArchitecture.class::isInstance).map(GgufArchitecture.class::cast).filter(family -> family.ggufArchitecture() != null).toList();
    }

    private static GgufArchitecture family(GgufMetadata metadata) {
        String known = families().stream().map(GgufArchitecture::ggufArchitecture).distinct().collect(Collectors.joining(", "));
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
        throw refused(spec);
    }

    private static IllegalArgumentException refused(NetworkSpec spec) {
        return new IllegalArgumentException("a model of the family " + spec.family().modelType() + " cannot be written as GGUF; write a directory in"
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
    public static Map<String, GgufValue> write(NetworkSpec spec) {
        return switch (spec) {
            case DecoderSpec decoder -> decoder(decoder);
            case EncoderSpec encoder -> encoder(encoder);
            case EncoderDecoderSpec both -> encoderDecoder(both);
            case VisionSpec vision -> throw refused(vision);
        };
    }

    private static Map<String, GgufValue> encoder(EncoderSpec spec) {
        if (!(spec.family() instanceof GgufEncoder family) || family.ggufArchitecture() == null) {
            throw refused(spec);
        }
        String architecture = family.ggufArchitecture() + (family.runsInLlamaCpp(spec) ? "" : OWN);
        String at = architecture + ".";
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put(ARCHITECTURE, GgufValue.of(architecture));
        metadata.put(CONFIG, GgufValue.of(HfConfig.write(spec, StorageType.F32)));
        metadata.put(at + "vocab_size", GgufValue.of(spec.vocabSize()));
        metadata.put(at + "context_length", GgufValue.of(spec.contextLength()));
        metadata.put(at + "embedding_length", GgufValue.of(spec.hiddenSize()));
        metadata.put(at + "block_count", GgufValue.of(spec.layers()));
        metadata.put(at + "feed_forward_length", GgufValue.of(spec.layer(0).mlp().width()));
        metadata.put(at + "attention.head_count", GgufValue.of(spec.layer(0).attention().heads()));
        metadata.put(at + "attention.causal", GgufValue.of(false));
        metadata.put(at + family.ggufEpsilon(), GgufValue.of((float) spec.stack().normEpsilon()));
        metadata.put("tokenizer.ggml.token_type_count", GgufValue.of(Math.max(1, spec.segments())));
        if (!spec.head().labels().isEmpty()) {
            metadata.put(at + "classifier.output_labels", GgufValue.of(spec.head().labels()));
        }
        family.write(spec, at, metadata);
        return metadata;
    }

    private static Map<String, GgufValue> encoderDecoder(EncoderDecoderSpec spec) {
        if (!(spec.family() instanceof GgufEncoderDecoder family)) {
            throw refused(spec);
        }
        String architecture = family.ggufArchitecture() + (family.runsInLlamaCpp(spec) ? "" : OWN);
        String at = architecture + ".";
        Stack.Layer first = spec.layer(0);
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put(ARCHITECTURE, GgufValue.of(architecture));
        metadata.put(CONFIG, GgufValue.of(HfConfig.write(spec, StorageType.F32)));
        metadata.put(at + "vocab_size", GgufValue.of(spec.vocabSize()));
        metadata.put(at + "context_length", GgufValue.of(spec.encoder().contextLength()));
        metadata.put(at + "embedding_length", GgufValue.of(spec.hiddenSize()));
        metadata.put(at + "block_count", GgufValue.of(spec.encoder().layers().size()));
        metadata.put(at + "decoder_block_count", GgufValue.of(spec.decoder().layers().size()));
        metadata.put(at + "feed_forward_length", GgufValue.of(first.mlp().width()));
        metadata.put(at + "attention.head_count", GgufValue.of(first.attention().heads()));
        metadata.put(at + "attention.key_length", GgufValue.of(first.attention().headDim()));
        metadata.put(at + "attention.value_length", GgufValue.of(first.attention().headDim()));
        metadata.put(at + family.ggufEpsilon(), GgufValue.of((float) spec.stack().normEpsilon()));
        if (spec.ids().start() >= 0) {
            metadata.put(at + "decoder_start_token_id", GgufValue.of(spec.ids().start()));
        }
        family.write(spec, at, metadata);
        return metadata;
    }

    private static Map<String, GgufValue> decoder(DecoderSpec spec) {
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
