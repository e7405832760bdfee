package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.tensor.Int8Linear;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.ObjIntConsumer;

/** The weights of a layer, packed; {@code qNorm} and {@code kNorm} are null where the architecture has none. */
record CpuLayer(Norm inputNorm, Projection qkv, Norm qNorm, Norm kNorm, Projection out, Norm postNorm, CpuMlp mlp) {
    long bytes() {
        return qkv.bytes() + out.bytes() + mlp.bytes();
    }

    void close() {
        qkv.close();
        out.close();
        mlp.close();
    }

    /** What packs projections, and counts what they take. */
    static final class Loader {
        /** Parts of a matrix that the throughput route hands to threads: some for each, so that one held up hands work on. */
        private static final int PARTS_A_THREAD = 1;
        private static final int TYPICAL_ROWS = 64;

        private final DecoderWeights weights;
        private final Stack stack;
        private final Parameters table;
        private final Arena arena;
        private final ThreadPool pool;
        /** Columns in F32 of the projections, in the order in which they are run; null for the latency route. */
        private final List<int[]> kept;
        private int loaded;

        Loader(DecoderWeights weights, Arena arena, ThreadPool pool, List<int[]> kept) {
            this.weights = weights;
            this.stack = weights.network().stack();
            this.table = Parameters.of(weights.network());
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

        /** Rows that are looked up, not multiplied: they stay as they are stored. */
        StoredMatrix rows(String name) {
            try (Arena scratch = Arena.ofShared()) {
                StoredMatrix stored = weights.matrix(name, scratch);
                MemorySegment copy = arena.allocate(stored.rows() * stored.type().rowBytes(stored.columns()), 64);
                MemorySegment.copy(stored.data(), 0, copy, 0, copy.byteSize());
                return new StoredMatrix(stored.type(), copy, stored.rows(), stored.columns());
            } catch (IllegalArgumentException e) {
                throw weights.refused(name, e);
            }
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

        /** The norm of a role; with its bias where it is a LayerNorm. */
        Norm norm(Role role, int layer) {
            return new Norm(stack.norm(), vector(table.get(role, layer).name()), bias(role, layer), (float) stack.normEpsilon());
        }

        /** The RMSNorm over heads, or null where the architecture has none. */
        private Norm headNorm(Role role, int layer) {
            return table.find(role, layer).map(p -> new Norm(DecoderSpec.Norm.RMS, vector(p.name()), null, (float) stack.normEpsilon())).orElse(null);
        }

        /** Null where the architecture has none. */
        private float[] optional(Role role, int layer) {
            return table.find(role, layer).map(p -> vector(p.name())).orElse(null);
        }

        float[] bias(Role role, int layer) {
            return bias(role, layer, -1);
        }

        private float[] bias(Role role, int layer, int expert) {
            return table.find(role, layer, expert, true).map(p -> vector(p.name())).orElse(null);
        }

        Projection projection(int layer, Role... roles) {
            return projection(layer, -1, roles);
        }

        /** @param expert number of the expert whose projection it is, or -1 */
        private Projection projection(int layer, int expert, Role... roles) {
            var names = new String[roles.length];
            var biases = new float[roles.length][];
            for (int i = 0; i < roles.length; i++) {
                names[i] = table.find(roles[i], layer, expert, false).orElseThrow().name();
                biases[i] = bias(roles[i], layer, expert);
            }
            // which rows an expert sees depends on the text: on the throughput route too its products are the kernels'
            return expert < 0 ? multiplied(names, 1, biases) : kernels(names, 1, biases);
        }

        /** Queries, keys and values in one matrix, in thirds. */
        private Projection thirds(int layer) {
            var biases = new float[3][];
            float[] bias = bias(Role.QKV, layer);
            for (int i = 0; bias != null && i < 3; i++) {
                biases[i] = Arrays.copyOfRange(bias, i * bias.length / 3, (i + 1) * bias.length / 3);
            }
            return multiplied(new String[] {table.get(Role.QKV, layer).name()}, 3, biases);
        }

        /** Each matrix in so many parts, by rows. */
        private Projection multiplied(String[] names, int parts, float[][] biases) {
            if (kept == null) {
                return kernels(names, parts, biases);
            }
            int[] columns = kept.get(loaded++);
            var projection = new Int8Projection(new Int8Linear[names.length * parts], columns, biases);
            try {
                eachPart(names, parts, (stored, i) -> projection.linears()[i] = bytes(stored, columns));
            } catch (RuntimeException | Error e) {
                projection.close();
                throw e;
            }
            return projection;
        }

        private Projection kernels(String[] names, int parts, float[][] biases) {
            var packed = new PackedWeights[names.length * parts];
            eachPart(names, parts, (stored, i) -> packed[i] = packed(stored));
            return new KernelProjection(packed, biases);
        }

        /** Parts of matrices with their numbers; each matrix is made once, and let go before the next. */
        private void eachPart(String[] names, int parts, ObjIntConsumer<StoredMatrix> then) {
            for (int i = 0; i < names.length; i++) {
                try (Arena scratch = Arena.ofShared()) {
                    StoredMatrix stored = weights.matrix(names[i], scratch);
                    for (int part = 0; part < parts; part++) {
                        then.accept(stored.part(part, parts), i * parts + part);
                    }
                } catch (IllegalArgumentException e) {
                    throw weights.refused(names[i], e);
                }
            }
        }

        private Int8Linear bytes(StoredMatrix stored, int[] columns) {
            return Int8Linear.pack((row, to) -> WeightRows.decode(stored.type(), stored.data(), row, stored.columns(), to), stored.rows(), stored.columns(),
                    columns, pool.threads() * PARTS_A_THREAD, TYPICAL_ROWS, (work, count) -> pool.run(work::accept, count));
        }

        CpuLayer layer(int l) {
            return new CpuLayer(norm(Role.NORM1, l), table.find(Role.QKV, l).isPresent() ? thirds(l) : projection(l, Role.Q, Role.K, Role.V),
                    headNorm(Role.Q_NORM, l), headNorm(Role.K_NORM, l), projection(l, Role.OUT), norm(Role.NORM2, l), mlp(l));
        }

        private CpuMlp mlp(int l) {
            return switch (stack.layers().get(l).mlp()) {
                case Mlp.Dense dense -> dense(dense, l, -1);
                case Mlp.Experts experts -> {
                    var all = new CpuMlp.Dense[experts.count()];
                    for (int expert = 0; expert < all.length; expert++) {
                        all[expert] = dense(experts.expert(), l, expert);
                    }
                    yield new CpuExperts(experts, packed(table.get(Role.ROUTER, l).name()), bias(Role.ROUTER, l), optional(Role.CORRECTION, l), all,
                            experts.shared() == null ? null : dense(experts.shared(), l, -1), optional(Role.SHARED_SCALE, l));
                }
            };
        }

        private CpuMlp.Dense dense(Mlp.Dense shape, int l, int expert) {
            return new CpuMlp.Dense(shape.gated() ? projection(l, expert, Role.GATE, Role.UP) : projection(l, expert, Role.UP),
                    projection(l, expert, Role.DOWN), shape.width());
        }
    }
}
