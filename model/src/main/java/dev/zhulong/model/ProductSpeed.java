package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.FastProducts;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;

/** How fast a training's projections are multiplied here and now, on the device whose scope is open. */
public final class ProductSpeed {
    private static final long BUDGET_NANOS = 300_000_000L;
    private static final int LEAST_RUNS = 5;
    private static final int MOST_RUNS = 200;

    private ProductSpeed() {}

    /**
     * The median speed of one projection over about 0.3 s, forward and backward, with everything that goes to and fro between F32 and the type of the factors, in GFLOP/s (a
     * multiplication and an addition are two).
     *
     * @param rows    of the input
     * @param inputs  of the projection
     * @param outputs of the projection
     */
    public static double gflops(Products products, int rows, int inputs, int outputs) {
        double[] seconds = new double[MOST_RUNS];
        int count = 0;
        try (var scope = TensorScope.open(); var fast = FastProducts.open()) {
            Tensor x = values(rows, inputs).requiresGrad(true);
            Tensor weight = values(outputs, inputs).requiresGrad(true);
            Tensor gradient = values(rows, outputs);
            once(products, x, weight, gradient);
            for (long start = System.nanoTime(); count < LEAST_RUNS || count < MOST_RUNS && System.nanoTime() - start < BUDGET_NANOS; count++) {
                seconds[count] = once(products, x, weight, gradient);
            }
        }
        Arrays.sort(seconds, 0, count);
        return 6.0 * rows * inputs * outputs / seconds[count / 2] * 1e-9;
    }

    private static double once(Products products, Tensor x, Tensor weight, Tensor gradient) {
        try (var scope = TensorScope.open()) {
            long start = System.nanoTime();
            products.linear(products.factor(x), weight, null).backward(gradient);
            // a GPU works on after its call returned: reading waits for it
            weight.grad().view(-1).select(0, 0).item();
            double seconds = (System.nanoTime() - start) / 1e9;
            x.clearGrad();
            weight.clearGrad();
            return seconds;
        }
    }

    /** Values must not be left to chance: what fresh memory holds may be denormal and slow. */
    private static Tensor values(int rows, int columns) {
        return Tensor.arange((long) rows * columns).to(DType.F32).sin().mul(0.02).view(rows, columns);
    }
}
