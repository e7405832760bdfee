package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Trap 21: a setting that makes products faster must not make them less than F32. */
class FastProductsAreF32ProductsTest {
    private static final int ROWS = 70;
    private static final int INNER = 130;
    private static final int COLUMNS = 90;

    private static float[] values(int n, long seed) {
        var random = new SplittableRandom(seed);
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @Test
    void errorsStayWithinTheBoundOfF32Sums() {
        float[] a = values(ROWS * INNER, 1);
        float[] b = values(COLUMNS * INNER, 2);
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            float[] product;
            try (var fast = FastProducts.open()) {
                product = Tensor.of(a, ROWS, INNER).linear(Tensor.of(b, COLUMNS, INNER), null).toFloats();
            }
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < COLUMNS; j++) {
                    double exact = 0;
                    double magnitude = 0;
                    for (int k = 0; k < INNER; k++) {
                        double term = (double) a[i * INNER + k] * b[j * INNER + k];
                        exact += term;
                        magnitude += Math.abs(term);
                    }
                    // Higham's bound for a sum of so many terms in any order
                    assertThat(Math.abs(product[i * COLUMNS + j] - exact)).isLessThanOrEqualTo(INNER * 0x1p-24 * magnitude);
                }
            }
        }
    }

    @Test
    void theyAreOnAsLongAsOneIsOpenAndLeaveNothingBehind() {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Tensor a = Tensor.of(values(ROWS * INNER, 3), ROWS, INNER);
            Tensor b = Tensor.of(values(COLUMNS * INNER, 4), COLUMNS, INNER);
            float[] before = a.linear(b, null).toFloats();
            float[] alone;
            float[] afterAnother;
            try (var first = FastProducts.open()) {
                boolean on = FastProducts.areOn();
                alone = a.linear(b, null).toFloats();
                try (var second = FastProducts.open()) {
                    assertThat(FastProducts.areOn()).isEqualTo(on);
                }
                assertThat(FastProducts.areOn()).isEqualTo(on);
                afterAnother = a.linear(b, null).toFloats();
            }
            assertThat(afterAnother).isEqualTo(alone);
            assertThat(FastProducts.areOn()).isFalse();
            assertThat(a.linear(b, null).toFloats()).isEqualTo(before);
        }
    }
}
