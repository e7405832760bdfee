package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Family;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.FormatException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The shape of a decoder in a GGUF file's metadata, both ways, for the architectures {@code llama} (Mistral's models among them),
 * {@code qwen2}, {@code qwen3} and {@code gpt2}.
 *
 * <p>Keys, and values where they are absent, as in ggml's {@code docs/gguf.md} and llama.cpp ({@code llama-model.cpp}). What the metadata
 * do not say (a head of its own, biases, Llama 3's rotary scaling), the tensors do. A key that would change the logits and is not
 * implemented is refused by name.
 */
public final class GgufConfig {

    static final String ARCHITECTURE = "general.architecture";
    static final String TOKENS = "tokenizer.ggml.tokens";

    private static final int MOST = Integer.MAX_VALUE;
    private static final int MOST_LAYERS = 10_000;
    private static final String BOS = "tokenizer.ggml.bos_token_id";
    private static final String EOS = "tokenizer.ggml.eos_token_id";
    // End of text, of a turn, and of a message to a tool: generation stops at each.
    private static final List<String> EOS_KEYS = List.of(EOS, "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id");
    private static final List<String> TURN_ENDS = List.of("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>");
    private static final String SPM = "llama";

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
        requireOneFile(metadata);
        String architecture = architecture(metadata);
        String at = architecture + ".";
        refuseUnimplemented(metadata, at);
        Family family = family(metadata, architecture);
        int hidden = metadata.integer(at + "embedding_length", 1, MOST);
        int layers = metadata.integer(at + "block_count", 1, MOST_LAYERS);
        int heads = metadata.integer(at + "attention.head_count", 1, MOST);
        int kvHeads = metadata.integer(at + "attention.head_count_kv", 1, MOST, heads);
        if (heads % kvHeads != 0) {
            throw metadata.wrong(at + "attention.head_count_kv", "a divisor of attention.head_count " + heads);
        }
        int headDim = headDim(metadata, at, hidden, heads);
        int vocab = vocabSize(file, at);
        int context = metadata.integer(at + "context_length", 1, MOST);
        boolean gpt2 = family == Family.GPT2;
        if (gpt2 && (kvHeads != heads || (long) headDim * heads != hidden)) {
            throw metadata.wrong(at + "attention.head_count", "a divisor of embedding_length " + hidden + " and no fewer key heads");
        }
        Rope rope = gpt2 ? null : GgufRope.read(file, at, headDim, context);
        boolean qkvBias = gpt2 || file.tensors().containsKey("blk.0.attn_q.bias");
        return new DecoderSpec(
                family, vocab, hidden, layers, heads, kvHeads, headDim,
                metadata.integer(at + "feed_forward_length", 1, MOST), context,
                gpt2 ? Norm.LAYER : Norm.RMS, metadata.positive(at + epsilon(family)),
                gpt2 ? Activation.GELU_TANH : Activation.SILU, !gpt2, rope,
                isTied(file, gpt2),
                qkvBias, file.tensors().containsKey("blk.0.attn_output.bias"), file.tensors().containsKey("blk.0.ffn_down.bias"),
                family == Family.QWEN3,
                Collections.nCopies(layers, metadata.integer(at + "attention.sliding_window", 0, MOST, 0)),
                metadata.tokenId(BOS, vocab).orElse(isSpm(metadata) && vocab > 1 ? 1 : -1), eosIds(metadata, vocab));
    }

    private static void requireOneFile(GgufMetadata metadata) {
        if (metadata.integer("split.count", 0, MOST, 1) > 1) {
            throw metadata.wrong("split.count", "a model in one file (join the parts: llama-gguf-split --merge FIRST_PART OUT)");
        }
    }

    private static String architecture(GgufMetadata metadata) {
        return metadata.text(ARCHITECTURE).filter(name -> List.of("llama", "qwen2", "qwen3", "gpt2").contains(name))
                .orElseThrow(() -> metadata.wrong(ARCHITECTURE, "one of llama, qwen2, qwen3, gpt2"));
    }

    private static void refuseUnimplemented(GgufMetadata metadata, String at) {
        NOT_IMPLEMENTED.forEach((key, harmless) -> {
            double value = switch (metadata.values().get(at + key)) {
                case GgufValue.Whole whole -> whole.value();
                case GgufValue.Real real -> real.value();
                case null -> harmless;
                default -> Double.NaN;
            };
            if (value != harmless && !(harmless == 1 && value == 0)) {
                throw metadata.wrong(at + key, "none (not implemented)");
            }
        });
    }

    /** A llama with windows is a Mistral: the only one of the family that has them. */
    private static Family family(GgufMetadata metadata, String architecture) {
        return switch (architecture) {
            case "qwen2" -> Family.QWEN2;
            case "qwen3" -> Family.QWEN3;
            case "gpt2" -> Family.GPT2;
            default -> metadata.integer("llama.attention.sliding_window", 0, MOST, 0) > 0 ? Family.MISTRAL : Family.LLAMA;
        };
    }

    private static int headDim(GgufMetadata metadata, String at, int hidden, int heads) {
        if (!metadata.has(at + "attention.key_length") && hidden % heads != 0) {
            throw metadata.wrong(at + "attention.head_count", "a divisor of embedding_length " + hidden + ", or an attention.key_length");
        }
        int headDim = metadata.integer(at + "attention.key_length", 1, MOST, hidden / heads);
        if (metadata.integer(at + "attention.value_length", 1, MOST, hidden / heads) != headDim) {
            throw metadata.wrong(at + "attention.value_length", "attention.key_length " + headDim);
        }
        return headDim;
    }

    /** Rows of the embedding; tokens may be fewer, never more. */
    private static int vocabSize(GgufFile file, String at) {
        long[] shape = file.tensor("token_embd.weight").shape();
        long rows = shape.length == 2 ? shape[0] : -1;
        if (rows < 1 || rows > MOST) {
            throw FormatException.at(file.path(), "tensor \"token_embd.weight\"", "a row a token", file.tensor("token_embd.weight"));
        }
        GgufMetadata metadata = file.metadata();
        if (metadata.has(TOKENS) && metadata.texts(TOKENS).size() > rows) {
            throw metadata.wrong(TOKENS, "at most " + rows + " tokens, a row of token_embd.weight each");
        }
        return (int) rows;
    }

    /** llama.cpp wants a head of its own for GPT-2, so files of it hold the embedding twice. */
    private static boolean isTied(GgufFile file, boolean gpt2) {
        GgufTensor head = file.tensors().get("output.weight");
        GgufTensor embedding = file.tensor("token_embd.weight");
        return head == null || gpt2 && head.type() == embedding.type() && head.data().mismatch(embedding.data()) == -1;
    }

    private static boolean isSpm(GgufMetadata metadata) {
        return metadata.text("tokenizer.ggml.model").filter(SPM::equals).isPresent();
    }

    /**
     * What the keys name, and where no key names the end of a turn, the mark the chat template ends one with: files from before that key
     * would otherwise run on into the next turn.
     */
    private static List<Integer> eosIds(GgufMetadata metadata, int vocab) {
        var ids = new ArrayList<Integer>();
        for (String key : EOS_KEYS) {
            metadata.tokenId(key, vocab).ifPresent(ids::add);
        }
        if (!metadata.has(EOS) && isSpm(metadata)) {
            ids.addFirst(2);
        }
        Optional<String> template = metadata.text("tokenizer.chat_template");
        if (!metadata.has(EOS_KEYS.get(1)) && template.isPresent() && metadata.has(TOKENS)) {
            List<String> tokens = metadata.texts(TOKENS);
            TURN_ENDS.stream().filter(template.get()::contains).map(tokens::indexOf).filter(id -> id >= 0).forEach(ids::add);
        }
        return ids.stream().distinct().filter(id -> id < vocab).toList();
    }

    private static String epsilon(Family family) {
        return family == Family.GPT2 ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    }

    /**
     * Metadata that {@link #read} turns into the same spec, together with the tensors of {@link GgufWeight}.
     *
     * @throws IllegalArgumentException when the architecture's metadata cannot express the spec; written silently, it would give other
     *                                  logits elsewhere
     */
    public static Map<String, GgufValue> write(DecoderSpec spec) {
        Family family = spec.family();
        boolean gpt2 = family == Family.GPT2;
        String architecture = architecture(family);
        requireExpressible(spec, architecture);
        String at = architecture + ".";
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put(ARCHITECTURE, GgufValue.of(architecture));
        metadata.put(at + "vocab_size", GgufValue.of(spec.vocabSize()));
        metadata.put(at + "context_length", GgufValue.of(spec.contextLength()));
        metadata.put(at + "embedding_length", GgufValue.of(spec.hiddenSize()));
        metadata.put(at + "block_count", GgufValue.of(spec.layers()));
        metadata.put(at + "feed_forward_length", GgufValue.of(spec.intermediateSize()));
        metadata.put(at + "attention.head_count", GgufValue.of(spec.heads()));
        metadata.put(at + "attention.head_count_kv", GgufValue.of(spec.kvHeads()));
        metadata.put(at + epsilon(family), GgufValue.of((float) spec.normEpsilon()));
        if (!gpt2) {
            metadata.put(at + "attention.key_length", GgufValue.of(spec.headDim()));
            metadata.put(at + "attention.value_length", GgufValue.of(spec.headDim()));
            if (spec.windows().getFirst() > 0) {
                metadata.put(at + "attention.sliding_window", GgufValue.of(spec.windows().getFirst()));
            }
            GgufRope.write(metadata, at, spec.rope());
        }
        if (spec.bosId() >= 0) {
            metadata.put(BOS, GgufValue.of(spec.bosId()));
        }
        for (int i = 0; i < spec.eosIds().size(); i++) {
            metadata.put(EOS_KEYS.get(i), GgufValue.of(spec.eosIds().get(i)));
        }
        return metadata;
    }

    private static String architecture(Family family) {
        return switch (family) {
            case LLAMA, MISTRAL -> "llama";
            case QWEN2 -> "qwen2";
            case QWEN3 -> "qwen3";
            case GPT2 -> "gpt2";
        };
    }

    private static void requireExpressible(DecoderSpec spec, String architecture) {
        Family family = spec.family();
        boolean gpt2 = family == Family.GPT2;
        boolean llama = architecture.equals("llama");
        require(architecture, "norm", gpt2 ? Norm.LAYER : Norm.RMS, spec.norm());
        require(architecture, "activation", gpt2 ? Activation.GELU_TANH : Activation.SILU, spec.activation());
        require(architecture, "gatedMlp", !gpt2, spec.gatedMlp());
        require(architecture, "rotary positions", !gpt2, spec.rope() != null);
        require(architecture, "qkNorm", family == Family.QWEN3, spec.qkNorm());
        require(architecture, "qkvBias", llama ? spec.qkvBias() : gpt2 || family == Family.QWEN2, spec.qkvBias());
        require(architecture, "outputBias", gpt2 || llama && spec.outputBias(), spec.outputBias());
        require(architecture, "mlpBias", gpt2 || llama && spec.mlpBias(), spec.mlpBias());
        require(architecture, "kvHeads", gpt2 ? spec.heads() : spec.kvHeads(), spec.kvHeads());
        require(architecture, "headDim", gpt2 ? spec.hiddenSize() / spec.heads() : spec.headDim(), spec.headDim());
        // llama.cpp refuses anything else of its llama architecture, whose rows are interleaved over the whole head.
        require(architecture, "rotaryDims", llama ? spec.headDim() : gpt2 ? 0 : spec.rope().rotaryDims(),
                gpt2 ? 0 : spec.rope().rotaryDims());
        int window = spec.windows().getFirst();
        require(architecture, "windows", Collections.nCopies(spec.layers(), family == Family.LLAMA || gpt2 ? 0 : window), spec.windows());
        require(architecture, "number of eosIds of at most " + EOS_KEYS.size(), true, spec.eosIds().size() <= EOS_KEYS.size());
    }

    private static void require(String architecture, String field, Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new IllegalArgumentException("GGUF metadata of " + architecture + " cannot say " + field + ": expected " + expected
                    + ", found " + found);
        }
    }
}
