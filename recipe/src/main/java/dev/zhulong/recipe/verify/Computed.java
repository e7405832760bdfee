package dev.zhulong.recipe.verify;

import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a model made of a reference's inputs, by the reference's names. */
final class Computed {
    private static final double OF_TENSORS = 1e-4;
    private static final double OF_LOSSES = 1e-5;
    /** Of norms, relative. */
    private static final double OF_NORMS = 1e-3;

    private record Floats(long[] shape, float[] values) {}

    private final Map<String, Floats> floats = new LinkedHashMap<>();
    private final Map<String, int[]> written = new LinkedHashMap<>();
    private final Map<String, Double> numbers = new LinkedHashMap<>();
    private final List<String> notes = new ArrayList<>();

    void put(String name, float[] values, long... shape) {
        floats.put(name, new Floats(shape, values));
    }

    /** Ids that a model wrote, one row. */
    void put(String name, int[] ids) {
        written.put(name, ids);
    }

    void put(String name, double number) {
        numbers.put(name, number);
    }

    /** Tells the reader something, in a sentence. */
    void note(String text) {
        notes.add(text);
    }

    List<String> notes() {
        return List.copyOf(notes);
    }

    List<Verification.Line> differences(Golden golden) {
        List<Verification.Line> all = new ArrayList<>();
        floats.forEach((name, mine) -> all.add(golden.find(name).map(theirs -> new Verification.Line(name, apart(mine, theirs), OF_TENSORS, true))
                .orElseGet(() -> new Verification.Line(name, 0, OF_TENSORS, false))));
        written.forEach((name, mine) -> all.add(golden.ints(name).map(theirs -> new Verification.Line(name, Arrays.equals(mine, theirs) ? 0 : 1, 0, true))
                .orElseGet(() -> new Verification.Line(name, 0, 0, false))));
        numbers.forEach((name, mine) -> {
            boolean norm = name.startsWith("gradient_norm");
            double allowed = norm ? OF_NORMS : OF_LOSSES;
            all.add(golden.number(name).map(theirs -> new Verification.Line(name, norm ? relative(mine, theirs) : Math.abs(mine - theirs), allowed, true))
                    .orElseGet(() -> new Verification.Line(name, 0, allowed, false)));
        });
        return all;
    }

    private static double apart(Floats mine, TensorView theirs) {
        // some models give their one number a row without an axis of its own
        if (!Arrays.equals(mine.shape, theirs.shape()) && !Arrays.equals(mine.shape, withLastOne(theirs.shape()))) {
            return Double.POSITIVE_INFINITY;
        }
        float[] values = theirs.toFloats();
        double largest = 0;
        for (int i = 0; i < values.length; i++) {
            double apart = Math.abs((double) mine.values[i] - values[i]);
            largest = Double.isNaN(apart) ? Double.POSITIVE_INFINITY : Math.max(largest, apart);
        }
        return largest;
    }

    private static long[] withLastOne(long[] shape) {
        long[] more = Arrays.copyOf(shape, shape.length + 1);
        more[shape.length] = 1;
        return more;
    }

    /** Of norms so small that rounding alone decides them (a weight without influence), the difference itself. */
    private static double relative(double mine, double theirs) {
        return Math.abs(theirs) < 1e-6 ? Math.abs(mine - theirs) : Math.abs(mine - theirs) / Math.abs(theirs);
    }

    /** Writes all of them, tensors in F32, ids in I64, numbers as scalars. */
    void write(Path file) {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        floats.forEach((name, tensor) -> entries.add(SafetensorsWriter.Entry.of(name, tensor.shape, tensor.values)));
        written.forEach((name, ids) -> entries.add(SafetensorsWriter.Entry.of(name, StorageType.I64, new long[] {1, ids.length},
                MemorySegment.ofArray(Arrays.stream(ids).asLongStream().toArray()))));
        numbers.forEach((name, number) -> entries.add(SafetensorsWriter.Entry.of(name, new long[] {}, new float[] {(float) number.doubleValue()})));
        SafetensorsWriter.write(file, Map.of("format", "pt"), entries);
    }
}
