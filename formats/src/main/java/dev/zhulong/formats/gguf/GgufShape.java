package dev.zhulong.formats.gguf;

import dev.zhulong.formats.FormatException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What the metadata of every decoder say, whatever its architecture. Keys, and values where they are absent, as in ggml's {@code docs/gguf.md} and
 * llama.cpp ({@code llama-model.cpp}).
 *
 * @param vocab         rows of the embedding; tokens may be fewer
 * @param hidden        width of the residual stream
 * @param layers        number of layers
 * @param heads         query heads
 * @param kvHeads       key and value heads; divides {@code heads}
 * @param headDim       width of one head
 * @param inner         width inside the MLP
 * @param contextLength longest sequence, in tokens
 * @param tied          whether there is no head of its own
 * @param bos           id of the beginning-of-sequence token, or -1
 * @param eos           ids that end a sequence
 */
public record GgufShape(int vocab, int hidden, int layers, int heads, int kvHeads, int headDim, int inner, int contextLength, boolean tied, int bos,
        List<Integer> eos) {
    static final String TOKENS = "tokenizer.ggml.tokens";
    static final String BOS = "tokenizer.ggml.bos_token_id";
    private static final String EOS = "tokenizer.ggml.eos_token_id";
    // End of text, of a turn, and of a message to a tool: generation stops at each.
    static final List<String> EOS_KEYS = List.of(EOS, "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id");
    private static final List<String> TURN_ENDS = List.of("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>");
    private static final int MOST = Integer.MAX_VALUE;
    private static final int MOST_LAYERS = 10_000;
    private static final String SPM = "llama";

    /**
     * Of a file.
     *
     * @param at           the architecture with a dot, such as {@code llama.}
     * @param repeatsTied whether a head that is a copy of the embedding is tied
     * @throws FormatException naming file, key or tensor, expected and found
     */
    public static GgufShape read(GgufFile file, String at, boolean repeatsTied) {
        return read(file, at, repeatsTied, null);
    }

    /** The same where a head's values need not be as wide as its keys. @param keyLength the key of the width of a head of the keys */
    public static GgufShape read(GgufFile file, String at, boolean repeatsTied, String keyLength) {
        GgufMetadata metadata = file.metadata();
        int hidden = metadata.integer(at + "embedding_length", 1, MOST);
        int layers = metadata.integer(at + "block_count", 1, MOST_LAYERS);
        int heads = metadata.integerOfLayers(at + "attention.head_count", layers, 1, MOST);
        int kvHeads = metadata.has(at + "attention.head_count_kv") ? metadata.integerOfLayers(at + "attention.head_count_kv", layers, 1, MOST) : heads;
        if (heads % kvHeads != 0) {
            throw metadata.wrong(at + "attention.head_count_kv", "a divisor of attention.head_count " + heads);
        }
        int headDim = keyLength == null ? headDim(metadata, at, hidden, heads) : metadata.integer(keyLength, 1, MOST);
        if ((long) heads * headDim > MOST) {
            throw metadata.wrong(at + "attention.head_count", "heads of " + headDim + " that are at most " + MOST + " wide together");
        }
        int vocab = vocabSize(file, at);
        int context = metadata.integer(at + "context_length", 1, MOST);
        return new GgufShape(vocab, hidden, layers, heads, kvHeads, headDim, metadata.integerOfLayers(at + "feed_forward_length", layers, 1, MOST), context,
                !file.tensors().containsKey("output.weight") || repeatsTied && isCopy(file), metadata.tokenId(BOS, vocab).orElse(isSpm(metadata) && vocab > 1 ? 1 : -1), eosIds(metadata, vocab));
    }

    private static boolean isCopy(GgufFile file) {
        GgufTensor head = file.tensors().get("output.weight");
        GgufTensor embedding = file.tensor("token_embd.weight");
        return head.type() == embedding.type() && head.data().mismatch(embedding.data()) == -1;
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
}
