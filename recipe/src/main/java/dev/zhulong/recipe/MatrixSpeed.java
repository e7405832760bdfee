package dev.zhulong.recipe;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/** This machine's matrix speed. */
final class MatrixSpeed {
    private static final int SIZE = 1024;
    private static final long NANOS = 500_000_000L;

    private MatrixSpeed() {}

    /** GFLOP/s of F32 products of 1024 x 1024 matrices over half a second, after a warm-up. */
    static double gflops() {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            Tensor a = Tensor.ones(DType.F32, SIZE, SIZE);
            Tensor b = Tensor.ones(DType.F32, SIZE, SIZE);
            Tensor c = Tensor.zeros(DType.F32, SIZE, SIZE);
            c.addmm_(a, b);
            c.addmm_(a, b);
            long start = System.nanoTime();
            long count = 0;
            while (System.nanoTime() - start < NANOS) {
                c.addmm_(a, b);
                count++;
            }
            return 2.0 * SIZE * SIZE * SIZE * count / (System.nanoTime() - start);
        }
    }
}
