package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OutlierColumnsAreTheFarLargerOnesTest {
    private static float[] uniform(int rows, int columns) {
        float[] x = new float[rows * columns];
        var random = new SplittableRandom(5);
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextDouble(-1, 1);
        }
        return x;
    }

    @Test
    void whereAllAreAlikeThereAreNone() {
        var columns = new OutlierColumns(64);
        columns.feed(uniform(100, 64), 0, 100);
        assertThat(columns.choose(16)).isEmpty();
        assertThat(new OutlierColumns(8).choose(4)).isEmpty();
    }

    @Test
    void theLargestComeFirstAndStandInOrder() {
        float[] x = uniform(100, 64);
        x[70 * 64 + 40] = -30f;
        x[3 * 64 + 9] = 20f;
        x[99 * 64 + 50] = 5f;
        x[50 * 64 + 51] = Float.NaN;
        x[51 * 64 + 52] = Float.POSITIVE_INFINITY;
        var columns = new OutlierColumns(64);
        columns.feed(x, 0, 60);
        columns.feed(x, 60 * 64, 40);
        assertThat(columns.choose(16)).containsExactly(9, 40, 50);
        assertThat(columns.choose(2)).containsExactly(9, 40);
    }
}
