package dev.zhulong.infer.cpu;

import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.FusedRows;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.kernels.LowRank;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * A LoRA adapter in PEFT's files, put on single sequences of a {@link CpuEngine}: sequences of a batch have adapters of their own, or none. F32; safe for
 * several engines of one shape.
 */
public final class CpuAdapter implements LanguageModel.Adapter {
    private static final String PREFIX = "base_model.model.";

    /** A group of a block's matrices that multiply the same rows. */
    enum Group { QKV, OUT, IN, DOWN }

    /** Of each group, in the order of its products; a network has some of them. */
    private static final Role[] QKV = {Role.QKV, Role.Q, Role.K, Role.V};
    private static final Role[] OUT = {Role.OUT};
    private static final Role[] IN = {Role.GATE_UP, Role.GATE, Role.UP};
    private static final Role[] DOWN = {Role.DOWN};

    /**
     * What is added to one matrix.
     *
     * @param a [rank, in]
     * @param b [rank, out]
     */
    private record Part(float[] a, float[] b, int rank, float scale, int in, int out) {}

    /** All that the shapes of a model's matrices depend on. Rows are added to without another look at their lengths. */
    record Shape(int layers, int hidden, int queries, int keys, int inner, boolean gated, boolean oneMatrix, int experts) {
        static Shape of(DecoderSpec spec) {
            return new Shape(spec.layers(), spec.hiddenSize(), spec.heads() * spec.headDim(), spec.kvHeads() * spec.headDim(), spec.intermediateSize(),
                    spec.gatedMlp(), Parameters.of(spec).find(Role.QKV, 0).isPresent(),
                    spec.stack().experts().map(Mlp.Experts::count).orElse(0));
        }

        @Override
        public String toString() {
            return layers + " layers of width " + hidden + ", queries " + queries + ", keys " + keys + ", " + (gated ? "gated MLP " : "MLP ") + inner
                    + (oneMatrix ? ", all in one matrix" : "") + (experts > 0 ? ", " + experts + " experts" : "");
        }
    }

    /** By block, group and matrix; null for none. */
    private final Part[][][] parts;
    private final String hash;
    private final long bytes;
    private final Shape shape;

    private CpuAdapter(Part[][][] parts, String hash, Shape shape) {
        this.parts = parts;
        this.hash = hash;
        this.shape = shape;
        long floats = 0;
        for (Part[][] layer : parts) {
            for (Part[] group : layer) {
                for (Part part : group) {
                    floats += part == null ? 0 : part.a.length + part.b.length;
                }
            }
        }
        bytes = floats * Float.BYTES;
    }

    /**
     * Reads an adapter for models of this shape.
     *
     * @throws FormatException          if a tensor has no place there, is missing or misshapen; names it
     * @throws IllegalArgumentException if it is of a kind that cannot be put on single sequences, or changes nothing
     */
    public static CpuAdapter load(Path directory, DecoderSpec spec) {
        LoraConfig config = LoraConfig.read(directory);
        obstacle(directory).ifPresent(obstacle -> {
            throw new IllegalArgumentException(obstacle + ": merge it (zhulong merge)");
        });
        if (spec.layer(0).attention().latent() != null) {
            throw new IllegalArgumentException(directory + ": an adapter of attention from narrow rows cannot be put on single sequences: merge it (zhulong merge)");
        }
        Path file = LoraConfig.weights(directory);
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            Map<String, TensorView> left = new LinkedHashMap<>(stored.tensors());
            var parts = new Part[spec.layers()][][];
            Parameters table = Parameters.of(spec);
            boolean changes = false;
            for (int l = 0; l < spec.layers(); l++) {
                parts[l] = layer(left, config, table, spec.layer(l), l);
                for (Part[] group : parts[l]) {
                    for (Part part : group) {
                        changes |= part != null && changes(part);
                    }
                }
            }
            if (!left.isEmpty()) {
                String first = left.keySet().iterator().next();
                if (Parameters.of(spec).all().stream().anyMatch(p -> p.expert() >= 0 && first.startsWith(PREFIX + p.module() + "."))) {
                    throw new FormatException(file, "tensor " + first + " adapts an expert, which cannot be done for single sequences: merge the adapter"
                            + " (zhulong merge)");
                }
                throw new FormatException(file, "tensor " + first + " has no place in this model (" + left.size()
                        + " such): the adapter was made for another one, or adapts something other than projections inside blocks");
            }
            if (!changes) {
                throw new IllegalArgumentException(directory + ": this adapter changes nothing: it has not been trained");
            }
            return new CpuAdapter(parts, ContentHash.ofFile(file).sha256() + ContentHash.ofFile(directory.resolve(LoraConfig.FILE)).sha256(), Shape.of(spec));
        }
    }

    /** Why an adapter cannot be put on single sequences, if it is none or of another kind; what is wrong inside its files is {@link #load}'s to find. */
    public static Optional<String> obstacle(Path directory) {
        if (!Files.isRegularFile(directory.resolve(LoraConfig.FILE))) {
            return Optional.of(directory + " has no " + LoraConfig.FILE);
        }
        return LoraConfig.read(directory).dora() ? Optional.of(directory + ": a DoRA adapter rescales whole matrices and cannot be put on single sequences")
                : Optional.empty();
    }

    /** Bytes that an adapter will take, from its file's header. */
    public static long bytes(Path directory) {
        try (SafetensorsFile stored = SafetensorsFile.open(LoraConfig.weights(directory))) {
            return stored.tensors().values().stream().mapToLong(tensor -> tensor.elements() * Float.BYTES).sum();
        }
    }

    private static boolean changes(Part part) {
        for (float v : part.b) {
            if (v != 0) {
                return true;
            }
        }
        return false;
    }

    /** The parts of a layer, by group and by matrix. */
    private static Part[][] layer(Map<String, TensorView> left, LoraConfig config, Parameters table, Stack.Layer layer, int l) {
        Function<Role[], Part[]> parts = roles -> Arrays.stream(roles).flatMap(role -> table.find(role, l, -1, false).stream())
                .flatMap(p -> Arrays.stream(products(part(left, config, p), FusedRows.of(p, layer)))).toArray(Part[]::new);
        return new Part[][] {parts.apply(QKV), parts.apply(OUT), parts.apply(IN), parts.apply(DOWN)};
    }

    /** What is one matrix in the file may be several products here. @param rows of each */
    private static Part[] products(Part together, int[][] rows) {
        var parts = new Part[rows.length];
        for (int i = 0; together != null && i < parts.length; i++) {
            int out = rows[i].length;
            float[] b = new float[together.rank * out];
            for (int r = 0; r < together.rank; r++) {
                for (int o = 0; o < out; o++) {
                    b[r * out + o] = together.b[r * together.out + rows[i][o]];
                }
            }
            parts[i] = new Part(together.a, b, together.rank, together.scale, together.in, out);
        }
        return parts;
    }

    private static Part part(Map<String, TensorView> left, LoraConfig config, Parameter parameter) {
        String module = parameter.module();
        int in = Math.toIntExact(parameter.inputs());
        int out = Math.toIntExact(parameter.outputs());
        TensorView a = left.remove(PREFIX + module + ".lora_A.weight");
        TensorView b = left.remove(PREFIX + module + ".lora_B.weight");
        if (a == null && b == null) {
            return null;
        }
        if (a == null || b == null) {
            throw new FormatException((a == null ? b : a).file(), "the adapter of " + module + " is incomplete: expected lora_A and lora_B");
        }
        int rank = config.rank(module);
        float[] rows = floats(a, rank, in);
        float[] columns = floats(b, out, rank);
        float[] transposed = new float[columns.length];
        for (int o = 0; o < out; o++) {
            for (int r = 0; r < rank; r++) {
                transposed[r * out + o] = columns[o * rank + r];
            }
        }
        return new Part(rows, transposed, rank, (float) config.scale(module), in, out);
    }

    private static float[] floats(TensorView view, int rows, int columns) {
        view.requireShape(rows, columns);
        if (!view.type().isFloat()) {
            throw new FormatException(view.file(), "tensor " + view.name() + " has type " + view.type() + ", expected a float type");
        }
        float[] values = new float[Math.multiplyExact(rows, columns)];
        HalfFloats.toF32(view.type(), view.data(), MemorySegment.ofArray(values));
        return values;
    }

    @Override
    public String hash() {
        return hash;
    }

    /** Bytes it takes. */
    public long bytes() {
        return bytes;
    }

    /**
     * Refuses a model of another shape than it was read for.
     *
     * @throws IllegalArgumentException with both shapes
     */
    void requireFits(Shape other) {
        if (!shape.equals(other)) {
            throw new IllegalArgumentException("the adapter belongs to another model: it was read for " + shape + "; this one has " + other);
        }
    }

    /** Adds to what a group of matrices of block {@code layer} made of row {@code row} of {@code in}. */
    void add(int layer, Group group, float[] in, int row, float[][] out) {
        Part[] matrices = parts[layer][group.ordinal()];
        for (int i = 0; i < matrices.length; i++) {
            Part part = matrices[i];
            if (part != null) {
                LowRank.add(in, row * part.in, part.in, part.a, part.b, part.rank, part.scale, out[i], row * part.out, part.out);
            }
        }
    }
}
