package dev.zhulong.compress.recover;

import dev.zhulong.kernels.BlockRounding;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * A matrix of blocks whose codes may change, and whose scales may be multiplied.
 *
 * @param type    of the blocks
 * @param rows    in Hugging Face's order
 * @param columns weights of a row
 * @param scales  blocks of all rows as they were stored, of which the scales count
 * @param blocks  as they are now
 */
record RoundedMatrix(WeightType type, int rows, int columns, byte[] scales, byte[] blocks) {
    private static final double MOST_BITS = 6;
    /** Of half a step, so that roundings do not decide. */
    private static final float INSIDE = 0.49f;

    /** Whether there is something to win: more bits are near enough to the weights as they were. */
    boolean isTrained() {
        return 8.0 * type.blockBytes() / type.blockElements() < MOST_BITS;
    }

    /**
     * Gives each weight the code whose value is nearest to it.
     *
     * @param values weights wanted, F32 {@code [rows, columns]}; then those that the codes stand for
     * @param gains  what the scales of each block are multiplied by, F32 {@code [rows, columns / block]}
     */
    void round(MemorySegment values, float[] gains) {
        int n = type.blockElements();
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        IntStream.range(0, rows).parallel().forEach(row -> {
            var rounding = new BlockRounding(type, Quantiser.Search.SCALES);
            float[] weights = new float[columns];
            MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, (long) row * columns * Float.BYTES, weights, 0, columns);
            for (int block = 0; block < columns / n; block++) {
                int at = row * rowBytes + block * type.blockBytes();
                rounding.load(scales, at);
                rounding.times(gains[row * (columns / n) + block]);
                for (int i = 0; i < n; i++) {
                    weights[block * n + i] = rounding.round(i, weights[block * n + i]);
                }
                rounding.pack(blocks, at);
            }
            MemorySegment.copy(weights, 0, values, ValueLayout.JAVA_FLOAT, (long) row * columns * Float.BYTES, columns);
        });
    }

    /** How many weights there are. */
    long count() {
        return (long) rows * columns;
    }

    /** How many blocks there are. */
    int blockCount() {
        return rows * (columns / type.blockElements());
    }

    /**
     * Full weights that round to the codes as they are, each as near as that allows to what it was before it was rounded: those that error feedback has moved lie at the edge of their codes, and
     * come back easily where that is better.
     *
     * @param values F32 {@code [rows, columns]}: the weights before; then these
     */
    void intoCodes(MemorySegment values) {
        int n = type.blockElements();
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        IntStream.range(0, rows).parallel().forEach(row -> {
            var rounding = new BlockRounding(type, Quantiser.Search.SCALES);
            float[] now = new float[columns];
            WeightRows.decode(type, MemorySegment.ofArray(blocks), row, columns, now);
            for (int i = 0; i < columns; i++) {
                if (i % n == 0) {
                    rounding.load(scales, row * rowBytes + i / n * type.blockBytes());
                }
                long at = (long) row * columns + i;
                float room = INSIDE * rounding.step(i % n);
                values.setAtIndex(ValueLayout.JAVA_FLOAT, at, now[i] + Math.clamp(values.getAtIndex(ValueLayout.JAVA_FLOAT, at) - now[i], -room, room));
            }
        });
    }

    /** Sum over all weights of how far apart their values are. */
    double steps() {
        int n = type.blockElements();
        var rounding = new BlockRounding(type, Quantiser.Search.SCALES);
        double sum = 0;
        for (int at = 0; at < scales.length; at += type.blockBytes()) {
            rounding.load(scales, at);
            for (int i = 0; i < n; i += type.group()) {
                sum += (double) rounding.step(i) * type.group();
            }
        }
        return sum;
    }

    /** Writes the values that the codes stand for, F32 {@code [rows, columns]}. */
    void values(MemorySegment out) {
        IntStream.range(0, rows).parallel().forEach(row -> {
            float[] values = new float[columns];
            WeightRows.decode(type, MemorySegment.ofArray(blocks), row, columns, values);
            MemorySegment.copy(values, 0, out, ValueLayout.JAVA_FLOAT, (long) row * columns * Float.BYTES, columns);
        });
    }
}
