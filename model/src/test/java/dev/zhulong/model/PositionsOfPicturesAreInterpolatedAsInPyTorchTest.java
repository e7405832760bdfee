package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.tensor.Tensor;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights that {@code torch.nn.functional.interpolate} (PyTorch 2.13, bicubic, {@code align_corners=False}) gave for the columns of a unit matrix. */
class PositionsOfPicturesAreInterpolatedAsInPyTorchTest {
    static Stream<Arguments> cases() {
        return Stream.of(
                Arguments.of(4, 6, false, new double[] {1.086806, -0.086806, 0, 0, 0.5, 0.59375, -0.09375, 0, -0.086805, 0.943287, 0.16088, -0.017361, -0.017361, 0.16088, 0.943287,
                    -0.086806, 0, -0.09375, 0.59375, 0.5, 0, 0, -0.086805, 1.086805}),
                Arguments.of(5, 2, false, new double[] {0.226562, 0.878906, -0.105469, 0, 0, 0, 0, -0.105469, 0.878906, 0.226562}),
                Arguments.of(4, 3, false, new double[] {0.856482, 0.16088, -0.017361, 0, -0.09375, 0.59375, 0.59375, -0.09375, 0, -0.017361, 0.160879, 0.856482}),
                Arguments.of(4, 6, true, new double[] {1.065789, -0.065789, 0, 0, 0.529412, 0.529412, -0.058824, 0, -0.05787, 0.9375, 0.131945, -0.011574, -0.011574, 0.131944, 0.9375,
                    -0.05787, 0, -0.058824, 0.529412, 0.529412, 0, 0, -0.06579, 1.06579}),
                Arguments.of(5, 2, true, new double[] {0.347095, 0.41562, 0.239413, 0.029155, -0.031283, -0.031283, 0.029155, 0.239413, 0.41562, 0.347095}),
                Arguments.of(4, 3, true, new double[] {0.75286, 0.304348, -0.057208, 0, -0.035201, 0.535201, 0.535201, -0.035201, 0, -0.057208, 0.304348, 0.75286}));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void bothKernels(int from, int to, boolean smooth, double[] expected) {
        try (Tensor weights = Bicubic.weights(from, to, smooth)) {
            assertThat(weights.shape()).containsExactly(to, from);
            float[] found = weights.toFloats();
            for (int i = 0; i < found.length; i++) {
                assertThat(Math.abs(found[i] - expected[i])).as("weight %d", i).isLessThan(2e-6);
            }
        }
    }
}
