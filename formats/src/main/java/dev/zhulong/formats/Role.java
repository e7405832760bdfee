package dev.zhulong.formats;

/**
 * What a weight does in its network, whatever its family calls it: engines, adapters and quantisers ask for roles, never for names.
 *
 * <p>In the order in which GGUF files list the weights of a layer.
 */
public enum Role {
    /** Token embedding [vocab, hidden]. */
    EMBED,
    /** Learned positions [rows, hidden]. */
    POSITIONS,
    /** Embedding of segments (token types) [segments, hidden]. */
    SEGMENTS,
    /** Norm of the summed embeddings. */
    EMBED_NORM,
    /** Norm of the attention: before it, or in post-norm layers after its sum. */
    NORM1,
    /** Projection to queries. */
    Q,
    /** Projection to keys. */
    K,
    /** Projection to values. */
    V,
    /** Queries, keys and values in one matrix, one after the other. */
    QKV,
    /** The attention's output projection. */
    OUT,
    /** Norm over each head of the queries. */
    Q_NORM,
    /** Norm over each head of the keys. */
    K_NORM,
    /** Norm of the MLP: before it, or in post-norm layers after its sum. */
    NORM2,
    /** The logits by which a mixture chooses experts [experts, hidden]. */
    ROUTER,
    /** The MLP's gate. */
    GATE,
    /** The MLP's way up. */
    UP,
    /** The MLP's way down. */
    DOWN,
    /** Norm after the last layer. */
    FINAL_NORM,
    /** Dense layer between the last layer and the head. */
    HEAD_DENSE,
    /** Norm between {@link #HEAD_DENSE} and the head. */
    HEAD_NORM,
    /** The head: logits of the vocabulary, of labels, or of spans. */
    HEAD;

    /** Whether the weight is a matrix inside a layer that adapters and quantisers take hold of. */
    public boolean isProjection() {
        return switch (this) {
            case Q, K, V, QKV, OUT, GATE, UP, DOWN -> true;
            default -> false;
        };
    }
}
