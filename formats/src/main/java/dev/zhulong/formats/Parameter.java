package dev.zhulong.formats;

import java.util.Arrays;

/**
 * A weight of a network: its name, what it does, and how it lies in files.
 *
 * @param name   in Hugging Face's files, such as {@code model.layers.0.self_attn.q_proj.weight}
 * @param role   what it does
 * @param bias   whether it is the bias beside the weight of this role
 * @param layer  number of its layer, or -1 outside of layers
 * @param expert number of its expert, or of the head whose norm it is where files hold one for each; -1 elsewhere
 * @param shape  in Hugging Face's files, rows first
 * @param init   how it starts
 * @param decays whether weight decay applies: to matrices and embeddings, not to norms and biases
 * @param layout how the rows of GGUF are made from Hugging Face's
 * @param gguf   name in GGUF, such as {@code blk.0.attn_q.weight}; null where GGUF has none. The experts of a layer share one
 */
public record Parameter(String name, Role role, boolean bias, int layer, int expert, long[] shape, Init init, boolean decays, Layout layout, String gguf) {

    /** How a parameter starts. */
    public enum Init {
        /** N(0, 0.02²). */
        NORMAL,
        /** That over √(2·layers), for what adds to the residual stream (Radford et al. 2019). */
        RESIDUAL,
        /** Ones. */
        ONE,
        /** Zeros. */
        ZERO,
        /** N(0, 1). */
        UNIT,
        /** N(0, 1 / inputs). */
        FAN_IN,
        /** That over √head dim: queries whose scores are not scaled (T5). */
        FAN_IN_HEAD,
        /** Rows of {@link Stack.Positions.Sinusoidal}, closed ones. */
        SINES,
        /** ln(1 / 0.07): what cosines are scaled by at first (CLIP). */
        TEMPERATURE
    }

    /** How the rows of GGUF are made from Hugging Face's. */
    public enum Layout {
        /** They are the same. */
        SAME,
        /**
         * The rows of each head are interleaved: those of its first half become its even rows, those of its second half its odd ones.
         * llama.cpp rotates neighbours in its llama architecture, Hugging Face's code the two halves.
         */
        INTERLEAVED,
        /** GPT-2 keeps its projections as input by output; GGUF as output by input. */
        TRANSPOSED,
        /** {@link Role#QKV} with the queries, the key and the value of each key head together (GPT-NeoX); GGUF has all queries, all keys, all values. */
        BY_HEAD,
        /** A matrix of one row, which GGUF has as a vector. */
        ROW,
        /** GGUF has one more: weights of norms that are stored less one (Gemma). */
        LESS_ONE,
        /** GGUF lacks the rows before that of position 0 (RoBERTa). */
        FROM_FIRST
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Elements. */
    public long count() {
        return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    /** Whether it is a matrix inside a layer that adapters and quantisers take hold of. */
    public boolean isProjection() {
        return role.isProjection() && !bias;
    }

    /** The name without {@code .weight} or {@code .bias}; the whole of one that has no point. */
    public String module() {
        return name.contains(".") ? name.substring(0, name.lastIndexOf('.')) : name;
    }

    /** Outputs of a matrix, whichever way it lies. */
    public long outputs() {
        return shape[layout == Layout.TRANSPOSED ? 1 : 0];
    }

    /** Inputs of a matrix, whichever way it lies. */
    public long inputs() {
        return shape[layout == Layout.TRANSPOSED ? 0 : 1];
    }
}
