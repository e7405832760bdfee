package dev.zhulong.compress;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.gguf.ImatrixFile;
import dev.zhulong.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Squares of what projections are given, summed by column. */
final class SquaredInputs {
    private final StoredDecoder stored;
    private final Map<String, Sums> sums = new TreeMap<>();
    private long skipped;

    private static final class Sums {
        private final double[] squares;
        private final double[] counts;

        Sums(int matrices, int columns) {
            squares = new double[matrices * columns];
            counts = new double[matrices];
        }
    }

    SquaredInputs(StoredDecoder stored) {
        this.stored = stored;
    }

    /** Of projections inside the layers: what a {@link dev.zhulong.model.ProjectionObserver} is told. */
    void given(Tensor x, List<Parameter> by) {
        var input = new Input(x);
        by.forEach(parameter -> add(stored.name(parameter), Math.max(0, parameter.expert()), stored.stacked(parameter), input));
        skipped += input.skipped;
    }

    /** Of the head. */
    void head(Tensor x) {
        var input = new Input(x);
        add(Importance.HEAD, 0, 1, input);
        skipped += input.skipped;
    }

    private void add(String tensor, int matrix, int of, Input input) {
        int columns = input.squares.length;
        Sums to = sums.computeIfAbsent(tensor, key -> new Sums(of, columns));
        for (int i = 0; i < columns; i++) {
            to.squares[matrix * columns + i] += input.squares[i];
        }
        to.counts[matrix] += input.rows;
    }

    /** Rows [.., in] by column; rows with numbers that are not finite are left out. */
    private static final class Input {
        private final float[] squares;
        private final long rows;
        private final long skipped;

        Input(Tensor x) {
            Tensor all = x.reshape(-1, x.size(-1));
            float[] sums = all.square().sum(0, false).toFloats();
            if (IntStream.range(0, sums.length).allMatch(i -> Float.isFinite(sums[i]))) {
                squares = sums;
                rows = all.size(0);
                skipped = 0;
                return;
            }
            Tensor finite = finiteRows(all);
            squares = finite.square().sum(0, false).toFloats();
            rows = finite.size(0);
            skipped = all.size(0) - rows;
        }
    }

    /** The rows of [rows, in] whose squares can be added. */
    static Tensor finiteRows(Tensor all) {
        float[] norms = all.square().sum(1, false).toFloats();
        long[] finite = IntStream.range(0, norms.length).filter(i -> Float.isFinite(norms[i])).mapToLong(i -> i).toArray();
        return all.indexSelect(0, Tensor.of(finite, finite.length));
    }

    /** Rows that were left out. */
    long skipped() {
        return skipped;
    }

    /** By tensor. */
    Map<String, ImatrixFile.Entry> entries() {
        Map<String, ImatrixFile.Entry> entries = new TreeMap<>();
        sums.forEach((tensor, of) -> entries.put(tensor, new ImatrixFile.Entry(floats(of.squares), floats(of.counts))));
        return entries;
    }

    private static float[] floats(double[] from) {
        float[] to = new float[from.length];
        for (int i = 0; i < to.length; i++) {
            to[i] = (float) from[i];
        }
        return to;
    }
}
