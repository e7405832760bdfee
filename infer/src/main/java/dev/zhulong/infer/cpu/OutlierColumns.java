package dev.zhulong.infer.cpu;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Finds the columns of a projection's input that are far larger than the rest, from a calibration pass: rows of any text, some hundred tokens. With
 * one scale a row such columns cost all others their precision, so they stay in F32.
 *
 * <p>Outliers of trained decoders sit in the same columns whatever the text (Dettmers et al. 2022), which is why they can be fixed when a model
 * is loaded, so that a row's result does not depend on others.
 */
final class OutlierColumns {
    /** Less than so many times the median, and a column costs little: at the median of all maxima a row's scale is that of Gaussian values. */
    private static final float FAR = 1.5f;

    private final float[] largest;

    OutlierColumns(int columns) {
        largest = new float[columns];
    }

    /** Looks at {@code rows} rows from {@code x[at …]}; values that are not finite are left out. */
    void feed(float[] x, int at, int rows) {
        for (int row = 0; row < rows; row++) {
            for (int c = 0; c < largest.length; c++) {
                float value = Math.abs(x[at + row * largest.length + c]);
                if (value > largest[c] && value < Float.POSITIVE_INFINITY) {
                    largest[c] = value;
                }
            }
        }
    }

    /** At most {@code most} columns, ascending: the largest of those whose largest value was 1.5 times the median column's or more. */
    int[] choose(int most) {
        float[] sorted = largest.clone();
        Arrays.sort(sorted);
        float far = FAR * sorted[sorted.length / 2];
        return IntStream.range(0, largest.length).filter(c -> largest[c] >= far && largest[c] > 0).boxed()
                .sorted((a, b) -> Float.compare(largest[b], largest[a])).limit(most).mapToInt(Integer::intValue).sorted().toArray();
    }
}
