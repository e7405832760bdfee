package dev.zhulong.infer.cpu;

import dev.zhulong.formats.FusedRows;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.tensor.Int8Linear;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.ObjIntConsumer;
import java.util.stream.IntStream;

/**
 * The weights of a layer, packed. Norms that the architecture does not have are null.
 *
 * @param inputNorm  of the attention
 * @param qNorms     of the parts of a row of queries, one after the other; none where there are none
 * @param kNorms     the same of keys
 * @param sinks      a logit a head; null for none
 * @param outNorm    of the attention's result
 * @param postNorm   of the MLP
 * @param resultNorm of the MLP's result
 * @param cross      attention to an encoder's output, after the other; null where there is none
 * @param latent     what else attention from narrow rows has, whose {@code qkv} gives these; null for others
 */
record CpuLayer(Norm inputNorm, Projection qkv, Norm[] qNorms, Norm[] kNorms, float[] sinks, Projection out, Norm outNorm, CpuCross cross, Norm postNorm,
        CpuMlp mlp, Norm resultNorm, CpuLatent.Weights latent) {
    long bytes() {
        return qkv.bytes() + out.bytes() + mlp.bytes() + (cross == null ? 0 : cross.bytes()) + (latent == null ? 0 : latent.bytes());
    }

    /** Bytes of the weights that a token is multiplied with. */
    long bytesOfAToken() {
        return bytes() - mlp.bytes() + mlp.bytesOfAToken();
    }

    void close() {
        qkv.close();
        out.close();
        mlp.close();
        if (cross != null) {
            cross.close();
        }
        if (latent != null) {
            latent.close();
        }
    }

    /** What packs projections, and counts what they take. */
    static final class Loader {
        /** Parts of a matrix that the throughput route hands to threads: some for each, so that one held up hands work on. */
        private static final int PARTS_A_THREAD = 1;
        private static final int TYPICAL_ROWS = 64;

        private final DecoderWeights weights;
        private final NetworkSpec network;
        private final Stack stack;
        private final Parameters table;
        private final Arena arena;
        private final ThreadPool pool;
        /** Columns in F32 of the projections, in the order in which they are run; null for the latency route. */
        private final List<int[]> kept;
        private int loaded;

        Loader(DecoderWeights weights, Arena arena, ThreadPool pool, List<int[]> kept) {
            this.weights = weights;
            this.network = weights.network();
            this.stack = network.stack();
            this.table = Parameters.of(network);
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

        /** The norm of a role. */
        Norm norm(Role role, int layer) {
            return stack.hasPlainNorm(role) ? Norm.plain(stack.hiddenSize(), stack.normEpsilon()) : norm(table.get(role, layer));
        }

        /** The same, or null where the architecture has none. */
        Norm normIfAny(Role role, int layer) {
            return stack.hasPlainNorm(role) ? norm(role, layer) : table.find(role, layer).map(this::norm).orElse(null);
        }

        private Norm norm(Parameter weight) {
            return Norm.of(stack.norm(), vector(weight.name()), bias(weight.role(), weight.layer(), weight.expert()), stack.normEpsilon());
        }

        /** What a row of queries or keys of so many heads is normed by, part for part. */
        private Norm[] headNorms(Role role, int layer, int heads) {
            return switch (network.layer(layer).attention().headNorm()) {
                case NONE -> new Norm[0];
                case HEAD, TURNED_HEAD -> Collections.nCopies(heads, norm(role, layer)).toArray(Norm[]::new);
                case EACH_HEAD -> {
                    List<Parameter> parts = table.parts(role, layer);
                    yield parts.size() == 1 ? norm(parts.getFirst()).parts(heads) : parts.stream().map(this::norm).toArray(Norm[]::new);
                }
                case ROW -> new Norm[] {norm(role, layer)};
            };
        }

        /** Null where the architecture has none. */
        private float[] optional(Role role, int layer) {
            return table.find(role, layer).map(p -> vector(p.name())).orElse(null);
        }

        float[] bias(Role role, int layer) {
            return bias(role, layer, -1);
        }

        /** What is added to the logits of the vocabulary; null for nothing. */
        float[] logitsBias() {
            return table.find(Role.LOGITS_BIAS).filter(p -> weights.holds(p.name())).map(p -> vector(p.name())).orElseGet(() -> bias(Role.HEAD, -1));
        }

        private float[] bias(Role role, int layer, int expert) {
            return table.find(role, layer, expert, true).map(p -> vector(p.name())).orElse(null);
        }

        /**
         * A matrix and its bias.
         *
         * @param rows of each of its products
         * @param bias null for none
         */
        private record Source(String name, int[][] rows, float[] bias) {
            float[] bias(int[] of) {
                return bias == null ? null : gather(bias, of);
            }

            private static float[] gather(float[] from, int[] of) {
                float[] some = new float[of.length];
                for (int i = 0; i < of.length; i++) {
                    some[i] = from[of[i]];
                }
                return some;
            }
        }

        Projection projection(int layer, Role... roles) {
            return projection(layer, -1, roles);
        }

        /** @param expert number of the expert whose projection it is, or -1 */
        private Projection projection(int layer, int expert, Role... roles) {
            var sources = new Source[roles.length];
            for (int i = 0; i < roles.length; i++) {
                Parameter weight = table.find(roles[i], layer, expert, false).orElseThrow();
                sources[i] = new Source(weight.name(), FusedRows.of(weight, layer < 0 ? null : network.layer(layer)), bias(roles[i], layer, expert));
            }
            float[][] biases = Arrays.stream(sources).flatMap(source -> Arrays.stream(source.rows).map(source::bias)).toArray(float[][]::new);
            // which rows an expert sees depends on the text: on the throughput route too its products are the kernels'
            return expert < 0 && kept != null ? bytes(sources, biases) : kernels(sources, biases);
        }

        private Projection bytes(Source[] sources, float[][] biases) {
            int[] columns = kept.get(loaded++);
            var projection = new Int8Projection(new Int8Linear[biases.length], columns, biases);
            try {
                eachProduct(sources, (stored, i) -> projection.linears()[i] = bytes(stored, columns));
            } catch (RuntimeException | Error e) {
                projection.close();
                throw e;
            }
            return projection;
        }

        private Projection kernels(Source[] sources, float[][] biases) {
            var packed = new PackedWeights[biases.length];
            eachProduct(sources, (stored, i) -> packed[i] = packed(stored));
            return new KernelProjection(packed, biases);
        }

        /** The matrices of products with their numbers; each that is stored is made once, and let go before the next. */
        private void eachProduct(Source[] sources, ObjIntConsumer<StoredMatrix> then) {
            int product = 0;
            for (Source source : sources) {
                try (Arena scratch = Arena.ofShared()) {
                    StoredMatrix stored = weights.matrix(source.name, scratch);
                    for (int[] rows : source.rows) {
                        then.accept(stored.some(rows, scratch), product++);
                    }
                } catch (IllegalArgumentException e) {
                    throw weights.refused(source.name, e);
                }
            }
        }

        private Int8Linear bytes(StoredMatrix stored, int[] columns) {
            return Int8Linear.pack((row, to) -> WeightRows.decode(stored.type(), stored.data(), row, stored.columns(), to), stored.rows(), stored.columns(),
                    columns, pool.threads() * PARTS_A_THREAD, TYPICAL_ROWS, (work, count) -> pool.run(work::accept, count));
        }

        /** The layer that the network's {@link Parameters} have under this number. */
        CpuLayer layer(int l) {
            Attention attention = network.layer(l).attention();
            Projection first = attention.latent() != null ? projection(l, attention.latent().queryRank() > 0 ? Role.Q_DOWN : Role.Q, Role.KV_DOWN)
                    : table.find(Role.QKV, l).isPresent() ? projection(l, Role.QKV) : projection(l, Role.Q, Role.K, Role.V);
            // in the order in which they are run
            CpuLatent.Weights latent = attention.latent() == null ? null : latent(attention, l);
            return new CpuLayer(normIfAny(Role.NORM1, l), first,
                    headNorms(Role.Q_NORM, l, attention.heads()), headNorms(Role.K_NORM, l, attention.kvHeads()),
                    optional(Role.SINKS, l), projection(l, Role.OUT), normIfAny(Role.NORM1_RESULT, l),
                    network.layer(l).cross() == null ? null : cross(l), normIfAny(Role.NORM2, l), mlp(l), normIfAny(Role.NORM2_RESULT, l), latent);
        }

        private CpuCross cross(int l) {
            return new CpuCross(norm(Role.CROSS_NORM, l), projection(l, Role.CROSS_Q), projection(l, Role.CROSS_K, Role.CROSS_V), projection(l, Role.CROSS_OUT));
        }

        private CpuLatent.Weights latent(Attention attention, int l) {
            boolean narrow = attention.latent().queryRank() > 0;
            Norm queryNorm = narrow ? latentNorm(Role.Q_DOWN_NORM, l) : null;
            Projection queryUp = narrow ? projection(l, Role.Q) : null;
            String name = table.get(Role.KV_UP, l).name();
            int still = attention.headDim() - attention.latent().rotaryDim();
            int valueDim = attention.latent().valueDim();
            var keys = new PackedWeights[attention.heads()][];
            var values = new PackedWeights[attention.heads()][];
            try (Arena scratch = Arena.ofShared()) {
                StoredMatrix[] cut = weights.cut(name);
                StoredMatrix up = cut == null ? weights.matrix(name, scratch) : null;
                int rank = attention.latent().rank();
                for (int head = 0; head < keys.length; head++) {
                    int from = head * (still + valueDim);
                    keys[head] = new PackedWeights[] {packed(cut == null ? up.some(IntStream.range(from, from + still).toArray(), scratch).turnedOver(scratch)
                            : cut[0].some(IntStream.range(head * rank, (head + 1) * rank).toArray(), scratch))};
                    values[head] = new PackedWeights[] {packed(cut == null ? up.some(IntStream.range(from + still, from + still + valueDim).toArray(), scratch)
                            : cut[1].some(IntStream.range(head * valueDim, (head + 1) * valueDim).toArray(), scratch))};
                }
            } catch (IllegalArgumentException e) {
                throw weights.refused(name, e);
            }
            return new CpuLatent.Weights(queryNorm, queryUp, latentNorm(Role.KV_DOWN_NORM, l), keys, values);
        }

        private Norm latentNorm(Role role, int l) {
            return Norm.of(stack.norm(), vector(table.get(role, l).name()), null, Stack.Latent.EPSILON);
        }

        private CpuMlp mlp(int l) {
            return switch (network.layer(l).mlp()) {
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
            return new CpuMlp.Dense(in(shape, l, expert), projection(l, expert, Role.DOWN), shape.width());
        }

        private Projection in(Mlp.Dense shape, int l, int expert) {
            if (!shape.gated()) {
                return projection(l, expert, Role.UP);
            }
            return table.find(Role.GATE_UP, l, expert, false).isPresent() ? projection(l, expert, Role.GATE_UP) : projection(l, expert, Role.GATE, Role.UP);
        }
    }
}
