package dev.zhulong.formats;

import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.LoraConfig.Task;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A network's weights with an adapter in them, made as they are asked for: {@code W + s·B·A} in F32, with DoRA at the adapter's magnitudes, and the head that
 * the adapter brings. What has no state of its own for each sequence, encoders and encoder–decoders, is run this way: it costs what the network costs.
 */
final class AdaptedWeights implements AutoCloseable {
    private final LoraFile file;
    private final NetworkSpec network;
    private final Map<String, LoraFile.Part> parts = new LinkedHashMap<>();
    private final Map<String, TensorView> whole = new LinkedHashMap<>();

    private AdaptedWeights(LoraFile file, NetworkSpec network) {
        this.file = file;
        this.network = network;
        for (Parameter p : Parameters.of(network)) {
            switch (p.role()) {
                case HEAD, HEAD_DENSE, HEAD_NORM -> file.takeWhole(p).ifPresent(view -> whole.put(p.name(), view));
                default -> { }
            }
            boolean matrix = !p.bias() && p.shape().length == 2 && switch (p.role()) {
                case EMBED, POSITIONS, SEGMENTS, DISTANCES, ENCODER_EMBED, ENCODER_POSITIONS, SOUND_POSITIONS, RELATIVE_BIAS, LOGITS_BIAS -> false;
                default -> true;
            };
            if (matrix) {
                file.take(p).ifPresent(part -> parts.put(p.name(), part));
            }
        }
        file.requireEmpty();
    }

    /**
     * Reads an adapter for a network of this shape.
     *
     * @throws FormatException          if a file is missing or wrong, or the adapter was made for another model; says what to do
     * @throws IllegalArgumentException if it changes nothing
     */
    static AdaptedWeights open(Path adapter, NetworkSpec base) {
        LoraFile file = LoraFile.open(adapter);
        try {
            var adapted = new AdaptedWeights(file, base instanceof EncoderSpec encoder ? withHead(encoder, adapter, file) : base);
            if (adapted.changesNothing()) {
                throw new IllegalArgumentException(adapter + ": this adapter changes nothing: it has not been trained");
            }
            return adapted;
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** The encoder under the head that its adapter is for: as the configuration beside it says, else as the base's own, else with labels that are numbers. */
    private static EncoderSpec withHead(EncoderSpec base, Path adapter, LoraFile file) {
        if (file.config().task().isEmpty()) {
            return base;
        }
        Task task = file.config().task().get();
        Path own = adapter.resolve(ModelDirectory.CONFIG);
        if (Files.isRegularFile(own) && HfConfig.network(own) instanceof EncoderSpec beside && Task.of(beside) == task) {
            SpecDifference.of(base.withoutHead(), beside.withoutHead(), 1e-9, Set.of("head")).ifPresent(difference -> {
                throw new FormatException(own, "the adapter was made for another model: " + difference);
            });
            return beside;
        }
        if (task == Task.FEATURE_EXTRACTION) {
            return base.withoutHead();
        }
        EncoderSpec one = switch (task) {
            case SEQ_CLS -> base.withClasses(List.of("LABEL_0"), Problem.SINGLE_LABEL);
            case TOKEN_CLS -> base.withTags(List.of("LABEL_0"));
            case QUESTION_ANS -> base.withSpans();
            default -> throw new FormatException(adapter.resolve(LoraConfig.FILE), "task_type is " + task + ", and the model is an encoder: the adapter was made for another one");
        };
        OptionalInt outputs = file.outputs(Parameters.of(one).get(Role.HEAD));
        if (Task.of(base) == task && base.outputs() == outputs.orElse(base.outputs())) {
            return base;
        }
        if (outputs.isEmpty()) {
            throw new FormatException(file.path(), "holds no head, and the model has none for " + task + ": save the adapter with its head (modules_to_save)");
        }
        List<String> labels = IntStream.range(0, outputs.getAsInt()).mapToObj(i -> "LABEL_" + i).toList();
        return switch (one.head()) {
            case Head.Classes classes -> base.withClasses(labels, labels.size() == 1 ? Problem.REGRESSION : Problem.SINGLE_LABEL);
            case Head.Tags tags -> base.withTags(labels);
            default -> one;
        };
    }

    /** The network's shape, under the head that the adapter is for. */
    NetworkSpec network() {
        return network;
    }

    /** @param weights of the network, by their names */
    Map<String, TensorView> over(Map<String, TensorView> weights) {
        Map<String, TensorView> all = new LinkedHashMap<>(weights);
        all.putAll(whole);
        parts.forEach((name, part) -> all.computeIfPresent(name, (_, w) -> TensorView.made(name, StorageType.F32, w.shape(), () -> merged(w, part), w.file())));
        return all;
    }

    private static MemorySegment merged(TensorView weight, LoraFile.Part part) {
        long[] shape = weight.shape();
        int in = Math.toIntExact(shape[1]);
        MemorySegment all = Arena.ofAuto().allocate(Float.BYTES * shape[0] * in, 64);
        HalfFloats.toF32(weight.type(), weight.data(), all);
        float[] a = part.a().toFloats();
        float[] b = part.b().toFloats();
        float[] magnitude = part.magnitude().map(TensorView::toFloats).orElse(null);
        float[] row = new float[in];
        for (int o = 0; o < shape[0]; o++) {
            long at = (long) o * in * Float.BYTES;
            MemorySegment.copy(all, ValueLayout.JAVA_FLOAT, at, row, 0, in);
            for (int r = 0; r < part.rank(); r++) {
                add(row, (float) (part.scale() * b[o * part.rank() + r]), a, r * in);
            }
            if (magnitude != null) {
                scale(row, magnitude[o]);
            }
            MemorySegment.copy(row, 0, all, ValueLayout.JAVA_FLOAT, at, in);
        }
        return all;
    }

    private static void add(float[] row, float factor, float[] a, int from) {
        for (int i = 0; i < row.length; i++) {
            row[i] += factor * a[from + i];
        }
    }

    /** To this length. */
    private static void scale(float[] row, float length) {
        double squares = 0;
        for (float v : row) {
            squares += (double) v * v;
        }
        double factor = length / Math.sqrt(squares);
        for (int i = 0; i < row.length; i++) {
            row[i] = (float) (row[i] * factor);
        }
    }

    private boolean changesNothing() {
        return whole.isEmpty() && parts.values().stream().allMatch(part -> part.magnitude().isEmpty() && (isZero(part.b()) || isZero(part.a())));
    }

    private static boolean isZero(TensorView view) {
        for (float v : view.toFloats()) {
            if (v != 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() {
        file.close();
    }
}
