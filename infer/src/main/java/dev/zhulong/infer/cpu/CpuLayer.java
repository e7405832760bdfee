package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.tensor.Int8Linear;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.function.ObjIntConsumer;

/**
 * The weights of a block, packed. {@code in} is the MLP's gate and up, or up alone; {@code qNorm} and {@code kNorm} are null where the architecture
 * has none.
 */
record CpuLayer(Norm inputNorm, Projection qkv, Norm qNorm, Norm kNorm, Projection out, Norm postNorm, Projection in, Projection down) {
    long bytes() {
        return qkv.bytes() + out.bytes() + in.bytes() + down.bytes();
    }

    void close() {
        qkv.close();
        out.close();
        in.close();
        down.close();
    }

    /** What packs projections, and counts what they take. */
    static final class Loader {
        /** Parts of a matrix that the throughput route hands to threads: some for each, so that one held up hands work on. */
        private static final int PARTS_A_THREAD = 1;
        private static final int TYPICAL_ROWS = 64;

        private final DecoderWeights weights;
        private final DecoderSpec spec;
        private final Arena arena;
        private final ThreadPool pool;
        /** Columns in F32 of the projections, in the order in which they are run; null for the latency route. */
        private final List<int[]> kept;
        private int loaded;

        Loader(DecoderWeights weights, Arena arena, ThreadPool pool, List<int[]> kept) {
            this.weights = weights;
            this.spec = weights.spec();
            this.arena = arena;
            this.pool = pool;
            this.kept = kept;
        }

        PackedWeights packed(String name) {
            try (Arena scratch = Arena.ofShared()) {
                return packed(weights.matrix(name, scratch));
            } catch (IllegalArgumentException e) {
                throw weights.refused(name, e);
            }
        }

        private PackedWeights packed(StoredMatrix stored) {
            return PackedWeights.pack(stored.type(), stored.data(), stored.rows(), stored.columns(), arena, pool);
        }

        /** A matrix's first rows: enough to tell its speed. */
        PackedWeights firstRows(String name, int rows) {
            try (Arena scratch = Arena.ofShared()) {
                return packed(weights.firstRows(name, rows, scratch));
            } catch (IllegalArgumentException e) {
                throw weights.refused(name, e);
            }
        }

        /** Refused where it would spoil every number after it. */
        float[] vector(String name) {
            float[] values = weights.vector(name);
            for (int i = 0; i < values.length; i++) {
                if (!Float.isFinite(values[i])) {
                    throw weights.refused(name, new IllegalArgumentException("value " + i + " is " + values[i] + ": expected finite ones"));
                }
            }
            return values;
        }

        Norm norm(String name) {
            return new Norm(spec.norm(), vector(name + ".weight"), spec.norm() == DecoderSpec.Norm.LAYER ? vector(name + ".bias") : null,
                    (float) spec.normEpsilon());
        }

        private Norm headNorm(String name) {
            return spec.qkNorm() ? new Norm(DecoderSpec.Norm.RMS, vector(name + ".weight"), null, (float) spec.normEpsilon()) : null;
        }

        private Projection projection(boolean bias, String... names) {
            var biases = new float[names.length][];
            for (int i = 0; i < names.length; i++) {
                biases[i] = bias ? vector(names[i] + ".bias") : null;
            }
            return multiplied(names, 1, biases);
        }

        /** GPT-2 keeps queries, keys and values in one matrix. */
        private Projection thirds(String name) {
            var biases = new float[3][];
            float[] bias = vector(name + ".bias");
            for (int i = 0; i < 3; i++) {
                biases[i] = Arrays.copyOfRange(bias, i * bias.length / 3, (i + 1) * bias.length / 3);
            }
            return multiplied(new String[] {name}, 3, biases);
        }

        /** Each matrix in so many parts, by rows. */
        private Projection multiplied(String[] names, int parts, float[][] biases) {
            int n = names.length * parts;
            if (kept == null) {
                var packed = new PackedWeights[n];
                eachPart(names, parts, (stored, i) -> packed[i] = packed(stored));
                return new KernelProjection(packed, biases);
            }
            int[] columns = kept.get(loaded++);
            var projection = new Int8Projection(new Int8Linear[n], columns, biases);
            try {
                eachPart(names, parts, (stored, i) -> projection.linears()[i] = bytes(stored, columns));
            } catch (RuntimeException | Error e) {
                projection.close();
                throw e;
            }
            return projection;
        }

        /** Parts of matrices with their numbers; each matrix is made once, and let go before the next. */
        private void eachPart(String[] names, int parts, ObjIntConsumer<StoredMatrix> then) {
            for (int i = 0; i < names.length; i++) {
                try (Arena scratch = Arena.ofShared()) {
                    StoredMatrix stored = weights.matrix(names[i] + ".weight", scratch);
                    for (int part = 0; part < parts; part++) {
                        then.accept(stored.part(part, parts), i * parts + part);
                    }
                } catch (IllegalArgumentException e) {
                    throw weights.refused(names[i] + ".weight", e);
                }
            }
        }

        private Int8Linear bytes(StoredMatrix stored, int[] columns) {
            return Int8Linear.pack((row, to) -> WeightRows.decode(stored.type(), stored.data(), row, stored.columns(), to), stored.rows(), stored.columns(),
                    columns, pool.threads() * PARTS_A_THREAD, TYPICAL_ROWS, (work, count) -> pool.run(work::accept, count));
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
