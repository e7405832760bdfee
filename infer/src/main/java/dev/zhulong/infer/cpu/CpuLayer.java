package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * The weights of a block, packed. {@code qkv} is three projections, or GPT-2's one; {@code gate}, {@code qNorm} and {@code kNorm} are null where the
 * architecture has none.
 */
record CpuLayer(Norm inputNorm, List<Projection> qkv, float[] qNorm, float[] kNorm, Projection out, Norm postNorm, Projection gate, Projection up,
        Projection down) {
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
            try (Arena scratch = Arena.ofShared()) {
                StoredMatrix stored = weights.matrix(name, scratch);
                PackedWeights packed = PackedWeights.pack(stored.type(), stored.data(), stored.rows(), stored.columns(), arena, pool);
                bytes += packed.bytes();
                return packed;
            }
        }

        long bytes() {
            return bytes;
        }

        Norm norm(String name) {
            return new Norm(spec.norm(), weights.vector(name + ".weight"), spec.norm() == DecoderSpec.Norm.LAYER ? weights.vector(name + ".bias") : null,
                    spec.normEpsilon());
        }

        private Projection projection(String name, boolean bias) {
            return new Projection(packed(name + ".weight"), bias ? weights.vector(name + ".bias") : null);
        }

        CpuLayer layer(int index) {
            if (spec.family() == DecoderSpec.Family.GPT2) {
                String at = "transformer.h." + index + ".";
                return new CpuLayer(norm(at + "ln_1"), List.of(projection(at + "attn.c_attn", true)), null, null, projection(at + "attn.c_proj", true),
                        norm(at + "ln_2"), null, projection(at + "mlp.c_fc", true), projection(at + "mlp.c_proj", true));
            }
            String at = "model.layers." + index + ".";
            String attention = at + "self_attn.";
            List<Projection> qkv = List.of(projection(attention + "q_proj", spec.qkvBias()), projection(attention + "k_proj", spec.qkvBias()),
                    projection(attention + "v_proj", spec.qkvBias()));
            float[] qNorm = spec.qkNorm() ? weights.vector(attention + "q_norm.weight") : null;
            float[] kNorm = spec.qkNorm() ? weights.vector(attention + "k_norm.weight") : null;
            return new CpuLayer(norm(at + "input_layernorm"), qkv, qNorm, kNorm, projection(attention + "o_proj", spec.outputBias()),
                    norm(at + "post_attention_layernorm"), spec.gatedMlp() ? projection(at + "mlp.gate_proj", spec.mlpBias()) : null,
                    projection(at + "mlp.up_proj", spec.mlpBias()), projection(at + "mlp.down_proj", spec.mlpBias()));
        }
    }
}
