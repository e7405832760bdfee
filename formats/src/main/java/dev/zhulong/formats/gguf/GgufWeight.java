package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Family;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A weight of a decoder under its name in GGUF and its name in Hugging Face's files, and how the two lie.
 *
 * @param gguf        such as {@code blk.0.attn_q.weight}
 * @param huggingFace such as {@code model.layers.0.self_attn.q_proj.weight}
 * @param layout      what distinguishes the two
 * @param shape       in GGUF, rows first
 * @param headDim     rows of a head where the rows are those of heads, else 0
 */
public record GgufWeight(String gguf, String huggingFace, Layout layout, long[] shape, int headDim) {

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
        TRANSPOSED
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** The weights of a decoder, in the order of the model. */
    public static List<GgufWeight> of(DecoderSpec spec) {
        var weights = new Weights(spec);
        if (spec.family() == Family.GPT2) {
            weights.gpt2();
        } else {
            weights.llama();
        }
        return weights.list;
    }

    /**
     * Rows of GGUF in Hugging Face's order; the blocks of a row stay as they are, whatever their type.
     *
     * @param rows   the whole tensor, rows of {@code rowBytes}
     * @param target as large as {@code rows}
     */
    public void toHuggingFaceRows(MemorySegment rows, MemorySegment target, long rowBytes) {
        moveRows(rows, target, rowBytes, false);
    }

    /** Rows of Hugging Face's in GGUF's order: the inverse of {@link #toHuggingFaceRows}. */
    public void toGgufRows(MemorySegment rows, MemorySegment target, long rowBytes) {
        moveRows(rows, target, rowBytes, true);
    }

    private void moveRows(MemorySegment source, MemorySegment target, long rowBytes, boolean interleave) {
        if (layout != Layout.INTERLEAVED) {
            MemorySegment.copy(source, 0, target, 0, source.byteSize());
            return;
        }
        for (long row = 0; row < shape[0]; row++) {
            long interleaved = interleaved(row);
            MemorySegment.copy(source, (interleave ? row : interleaved) * rowBytes, target, (interleave ? interleaved : row) * rowBytes,
                    rowBytes);
        }
    }

    /** {@link #fromHuggingFace(TensorView, SegmentAllocator)} in memory off the heap that lives as long as it is reachable. */
    public MemorySegment fromHuggingFace(TensorView view) {
        return fromHuggingFace(view, Arena.ofAuto());
    }

    /**
     * The weight as GGUF has it, from Hugging Face's, as F32. Nothing else as large is made on the way.
     *
     * @param view an F64, F32, F16 or BF16 tensor of Hugging Face's shape
     * @param to   gives the memory for the result
     * @return {@link #shape} elements
     */
    public MemorySegment fromHuggingFace(TensorView view, SegmentAllocator to) {
        boolean transposed = layout == Layout.TRANSPOSED;
        view.requireShape(transposed ? new long[] {shape[1], shape[0]} : shape);
        MemorySegment floats = to.allocate(view.elements() * Float.BYTES, Float.BYTES);
        if (layout == Layout.SAME) {
            HalfFloats.toF32(view.type(), view.data(), floats);
            return floats;
        }
        long rows = shape[transposed ? 1 : 0];
        long width = view.elements() / rows;
        float[] row = new float[Math.toIntExact(width)];
        for (long r = 0; r < rows; r++) {
            HalfFloats.toF32(view.type(), view.data().asSlice(r * width * view.type().bytes(), width * view.type().bytes()), MemorySegment.ofArray(row));
            if (transposed) {
                for (int i = 0; i < row.length; i++) {
                    floats.setAtIndex(ValueLayout.JAVA_FLOAT, i * rows + r, row[i]);
                }
            } else {
                MemorySegment.copy(row, 0, floats, ValueLayout.JAVA_FLOAT, interleaved(r) * width * Float.BYTES, row.length);
            }
        }
        return floats;
    }

    /** Where a row of Hugging Face's stands in GGUF's order. */
    private long interleaved(long row) {
        long inHead = row % headDim;
        return row - inHead + 2 * (inHead % (headDim / 2)) + inHead / (headDim / 2);
    }

    /** The list being made. */
    private static final class Weights {
        final List<GgufWeight> list = new ArrayList<>();
        private final DecoderSpec spec;
        private final long hidden;
        private final long inner;

        Weights(DecoderSpec spec) {
            this.spec = spec;
            this.hidden = spec.hiddenSize();
            this.inner = spec.intermediateSize();
        }

        void llama() {
            boolean interleaved = spec.family() == Family.LLAMA || spec.family() == Family.MISTRAL;
            Layout rotary = interleaved ? Layout.INTERLEAVED : Layout.SAME;
            long queries = (long) spec.heads() * spec.headDim();
            long keys = (long) spec.kvHeads() * spec.headDim();
            add("token_embd.weight", "model.embed_tokens.weight", Layout.SAME, spec.vocabSize(), hidden);
            for (int layer = 0; layer < spec.layers(); layer++) {
                String gguf = "blk." + layer + ".";
                String face = "model.layers." + layer + ".";
                add(gguf + "attn_norm.weight", face + "input_layernorm.weight", Layout.SAME, hidden);
                projection(gguf + "attn_q", face + "self_attn.q_proj", rotary, spec.qkvBias(), queries, hidden);
                projection(gguf + "attn_k", face + "self_attn.k_proj", rotary, spec.qkvBias(), keys, hidden);
                projection(gguf + "attn_v", face + "self_attn.v_proj", Layout.SAME, spec.qkvBias(), keys, hidden);
                projection(gguf + "attn_output", face + "self_attn.o_proj", Layout.SAME, spec.outputBias(), hidden, queries);
                if (spec.qkNorm()) {
                    add(gguf + "attn_q_norm.weight", face + "self_attn.q_norm.weight", Layout.SAME, spec.headDim());
                    add(gguf + "attn_k_norm.weight", face + "self_attn.k_norm.weight", Layout.SAME, spec.headDim());
                }
                add(gguf + "ffn_norm.weight", face + "post_attention_layernorm.weight", Layout.SAME, hidden);
                projection(gguf + "ffn_gate", face + "mlp.gate_proj", Layout.SAME, spec.mlpBias(), inner, hidden);
                projection(gguf + "ffn_up", face + "mlp.up_proj", Layout.SAME, spec.mlpBias(), inner, hidden);
                projection(gguf + "ffn_down", face + "mlp.down_proj", Layout.SAME, spec.mlpBias(), hidden, inner);
            }
            add("output_norm.weight", "model.norm.weight", Layout.SAME, hidden);
            head();
        }

        void gpt2() {
            add("token_embd.weight", "transformer.wte.weight", Layout.SAME, spec.vocabSize(), hidden);
            add("position_embd.weight", "transformer.wpe.weight", Layout.SAME, spec.contextLength(), hidden);
            for (int layer = 0; layer < spec.layers(); layer++) {
                String gguf = "blk." + layer + ".";
                String face = "transformer.h." + layer + ".";
                norm(gguf + "attn_norm", face + "ln_1");
                projection(gguf + "attn_qkv", face + "attn.c_attn", Layout.TRANSPOSED, true, 3 * hidden, hidden);
                projection(gguf + "attn_output", face + "attn.c_proj", Layout.TRANSPOSED, true, hidden, hidden);
                norm(gguf + "ffn_norm", face + "ln_2");
                projection(gguf + "ffn_up", face + "mlp.c_fc", Layout.TRANSPOSED, true, inner, hidden);
                projection(gguf + "ffn_down", face + "mlp.c_proj", Layout.TRANSPOSED, true, hidden, inner);
            }
            norm("output_norm", "transformer.ln_f");
            head();
        }

        private void head() {
            if (!spec.tiedEmbeddings()) {
                add("output.weight", "lm_head.weight", Layout.SAME, spec.vocabSize(), hidden);
            }
        }

        private void norm(String gguf, String face) {
            add(gguf + ".weight", face + ".weight", Layout.SAME, hidden);
            add(gguf + ".bias", face + ".bias", Layout.SAME, hidden);
        }

        private void projection(String gguf, String face, Layout layout, boolean bias, long out, long in) {
            add(gguf + ".weight", face + ".weight", layout, out, in);
            if (bias) {
                add(gguf + ".bias", face + ".bias", layout == Layout.TRANSPOSED ? Layout.SAME : layout, out);
            }
        }

        private void add(String gguf, String face, Layout layout, long... shape) {
            list.add(new GgufWeight(gguf, face, layout, shape, layout == Layout.INTERLEAVED ? spec.headDim() : 0));
        }
    }
}
