package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The weights of a block, packed. {@code in} is the MLP's gate and up, or up alone; {@code qNorm} and {@code kNorm} are null where the architecture
 * has none.
 */
record CpuLayer(Norm inputNorm, Projection qkv, Norm qNorm, Norm kNorm, Projection out, Norm postNorm, Projection in, Projection down) {
    /** What packs projections, and counts what they take. */
    static final class Loader {
        private final DecoderWeights weights;
        private final DecoderSpec spec;
        private final Arena arena;
        private final ThreadPool pool;
        private long bytes;

        Loader(DecoderWeights weights, Arena arena, ThreadPool pool) {
            this.weights = weights;
            this.spec = weights.spec();
            this.arena = arena;
            this.pool = pool;
        }

        PackedWeights packed(String name) {
            return packed(name, 0, 1);
        }

        /** Part {@code part} of {@code parts} equal ones, by rows. */
        private PackedWeights packed(String name, int part, int parts) {
            try (Arena scratch = Arena.ofShared()) {
                StoredMatrix stored = weights.matrix(name, scratch);
                int rows = stored.rows() / parts;
                MemorySegment data = stored.data().asSlice((long) part * rows * stored.type().rowBytes(stored.columns()));
                PackedWeights packed = PackedWeights.pack(stored.type(), data, rows, stored.columns(), arena, pool);
                bytes += packed.bytes();
                return packed;
            }
        }

        long bytes() {
            return bytes;
        }

        Norm norm(String name) {
            return new Norm(spec.norm(), weights.vector(name + ".weight"), spec.norm() == DecoderSpec.Norm.LAYER ? weights.vector(name + ".bias") : null,
                    (float) spec.normEpsilon());
        }

        private Norm headNorm(String name) {
            return spec.qkNorm() ? new Norm(DecoderSpec.Norm.RMS, weights.vector(name + ".weight"), null, (float) spec.normEpsilon()) : null;
        }

        private Projection projection(boolean bias, String... names) {
            var packed = new PackedWeights[names.length];
            var biases = new float[names.length][];
            for (int i = 0; i < names.length; i++) {
                packed[i] = packed(names[i] + ".weight");
                biases[i] = bias ? weights.vector(names[i] + ".bias") : null;
            }
            return new Projection(packed, biases);
        }

        /** GPT-2 keeps queries, keys and values in one matrix. */
        private Projection thirds(String name) {
            var packed = new PackedWeights[3];
            var biases = new float[3][];
            float[] bias = weights.vector(name + ".bias");
            for (int i = 0; i < 3; i++) {
                packed[i] = packed(name + ".weight", i, 3);
                biases[i] = Arrays.copyOfRange(bias, i * packed[i].rows(), (i + 1) * packed[i].rows());
            }
            return new Projection(packed, biases);
        }

        CpuLayer layer(int index) {
            if (spec.family() == DecoderSpec.Family.GPT2) {
                String at = "transformer.h." + index + ".";
                return new CpuLayer(norm(at + "ln_1"), thirds(at + "attn.c_attn"), null, null, projection(true, at + "attn.c_proj"), norm(at + "ln_2"),
                        projection(true, at + "mlp.c_fc"), projection(true, at + "mlp.c_proj"));
            }
            String at = "model.layers." + index + ".";
            String attention = at + "self_attn.";
            String mlp = at + "mlp.";
            return new CpuLayer(norm(at + "input_layernorm"),
                    projection(spec.qkvBias(), attention + "q_proj", attention + "k_proj", attention + "v_proj"),
                    headNorm(attention + "q_norm"), headNorm(attention + "k_norm"), projection(spec.outputBias(), attention + "o_proj"),
                    norm(at + "post_attention_layernorm"),
                    spec.gatedMlp() ? projection(spec.mlpBias(), mlp + "gate_proj", mlp + "up_proj") : projection(spec.mlpBias(), mlp + "up_proj"),
                    projection(spec.mlpBias(), mlp + "down_proj"));
        }
    }
}
