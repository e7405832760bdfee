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
    /** Table of distances [2 * span, hidden] that attention sees (DeBERTa). */
    DISTANCES,
    /** Norm of the rows of that table. */
    DISTANCES_NORM,
    /** The embedding of an encoder in front of a decoder, where it is another. */
    ENCODER_EMBED,
    /** Learned positions of such an encoder. */
    ENCODER_POSITIONS,
    /** Norm of its embeddings. */
    ENCODER_EMBED_NORM,
    /** Norm after its last layer. */
    ENCODER_NORM,
    /** Convolution of an encoder that hears, over the bands of a mel spectrogram [hidden, bands, 3]. */
    SOUND_CONV1,
    /** The one behind it, which takes every second frame [hidden, hidden, 3]. */
    SOUND_CONV2,
    /** Positions of such an encoder [rows, hidden]: sines that files hold and nothing trains. */
    SOUND_POSITIONS,
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
    /** Projection of distances to queries, where they do not share the tokens'. */
    Q_DISTANCES,
    /** Projection of distances to keys. */
    K_DISTANCES,
    /** Projection to queries of tokens that see all others (Longformer). */
    Q_GLOBAL,
    /** Projection to the keys that these queries meet. */
    K_GLOBAL,
    /** Projection to the values that these queries gather. */
    V_GLOBAL,
    /** What is added to the scores of each range of distances and each head [buckets, heads]; that of a stack's first layer serves all of them. */
    RELATIVE_BIAS,
    /** One logit a head that takes its share of the attention [heads]. */
    SINKS,
    /** Norm of the attention's result, before it is added. */
    NORM1_RESULT,
    /** From the stream to the narrow row that queries are made from. */
    Q_DOWN,
    /** Norm of that row. */
    Q_DOWN_NORM,
    /** From the stream to the narrow row that keys and values are made from, and the keys' turning part behind it. */
    KV_DOWN,
    /** Norm of that row. */
    KV_DOWN_NORM,
    /** From the narrow row to each head's key, without its turning part, and value. */
    KV_UP,
    /** Norm of the attention to an encoder's output, as {@link #NORM1} is of the other. */
    CROSS_NORM,
    /** Projection to the queries of that attention. */
    CROSS_Q,
    /** Projection of the encoder's output to keys. */
    CROSS_K,
    /** Projection of the encoder's output to values. */
    CROSS_V,
    /** That attention's output projection. */
    CROSS_OUT,
    /** Norm of the MLP: before it, or in post-norm layers after its sum. */
    NORM2,
    /** The logits by which a mixture chooses experts [experts, hidden]. */
    ROUTER,
    /** What is added to a mixture's scores for the choice alone [experts]. */
    CORRECTION,
    /** The logit by which a shared expert's result is scaled [1, hidden]. */
    SHARED_SCALE,
    /** The MLP's gate. */
    GATE,
    /** The MLP's way up. */
    UP,
    /** The MLP's gate and its way up in one matrix, one after the other. */
    GATE_UP,
    /** The MLP's way down. */
    DOWN,
    /** Norm of the MLP's result, before it is added. */
    NORM2_RESULT,
    /** Norm after the last layer. */
    FINAL_NORM,
    /** Dense layer between the last layer and the head. */
    HEAD_DENSE,
    /** Norm between {@link #HEAD_DENSE} and the head. */
    HEAD_NORM,
    /** The head: logits of the vocabulary, of labels, or of spans. */
    HEAD,
    /** A constant that is added to the logits of the vocabulary [1, vocab]; zero where files lack it. */
    LOGITS_BIAS,
    /** What the attention's result is multiplied by, before it is added [hidden] (layer scale, Touvron et al. 2021). */
    SCALE1,
    /** What the MLP's result is multiplied by, before it is added [hidden]. */
    SCALE2,
    /** From a patch of a picture to the stream [hidden, channels, size, size]. */
    PATCHES,
    /** The learned token before the patches, [hidden] in any shape. */
    CLASS_TOKEN,
    /** Learned tokens between it and the patches, [count, hidden] in any shape. */
    REGISTERS,
    /** What stood for hidden patches in pretraining; nothing reads it here. */
    MASK_TOKEN,
    /** Learned positions of patches, [rows, hidden] in any shape. */
    PATCH_POSITIONS,
    /** Norm of the embedded patches. */
    PATCH_NORM,
    /** Norm after the last layer over patches. */
    PICTURE_NORM,
    /** The learned query that gathers a picture's vector, [hidden] in any shape. */
    POOL_QUERY,
    /** Queries, keys and values of that gathering, one after the other [3 * hidden, hidden]. */
    POOL_QKV,
    /** Its output projection. */
    POOL_OUT,
    /** Norm of what was gathered, or of the first token where states are not normalised. */
    POOL_NORM,
    /** Way up of the MLP after it. */
    POOL_UP,
    /** Way down of that MLP. */
    POOL_DOWN,
    /** From a picture's pooled vector to the space of texts. */
    PICTURE_PROJECTION,
    /** From a text's state to the space of pictures. */
    TEXT_PROJECTION,
    /** Logarithm of what the cosines of pictures and texts are multiplied by, one number. */
    LOGIT_SCALE,
    /** What is added to them then, one number. */
    LOGIT_BIAS;

    /** Whether the weight is a matrix inside a layer that adapters and quantisers take hold of. */
    public boolean isProjection() {
        return switch (this) {
            case Q, K, V, QKV, OUT, Q_DISTANCES, K_DISTANCES, Q_GLOBAL, K_GLOBAL, V_GLOBAL, Q_DOWN, KV_DOWN, KV_UP, CROSS_Q, CROSS_K, CROSS_V, CROSS_OUT, GATE, UP, GATE_UP, DOWN -> true;
            default -> false;
        };
    }

    /** Whether quantisers leave the weight as it is: it is small, and a small error in it changes much. */
    public boolean isKeptWhole() {
        return switch (this) {
            case POSITIONS, SEGMENTS, EMBED_NORM, ENCODER_POSITIONS, ENCODER_EMBED_NORM, ENCODER_NORM, SOUND_CONV1, SOUND_CONV2, SOUND_POSITIONS, NORM1, Q_NORM, K_NORM, RELATIVE_BIAS, SINKS, NORM1_RESULT, Q_DOWN_NORM, KV_DOWN_NORM,
                    CROSS_NORM, NORM2, ROUTER, CORRECTION, SHARED_SCALE, NORM2_RESULT, FINAL_NORM, HEAD_NORM, LOGITS_BIAS, SCALE1, SCALE2, CLASS_TOKEN,
                    REGISTERS, MASK_TOKEN, PATCH_POSITIONS, PATCH_NORM, PICTURE_NORM, POOL_QUERY, POOL_NORM, LOGIT_SCALE, LOGIT_BIAS -> true;
            default -> false;
        };
    }

    /** Whether the weight is a constant that files hold: no training moves it. */
    public boolean isConstant() {
        return this == LOGITS_BIAS || this == SOUND_POSITIONS || this == MASK_TOKEN;
    }
}
