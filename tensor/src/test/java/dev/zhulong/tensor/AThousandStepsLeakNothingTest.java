package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class AThousandStepsLeakNothingTest {
    @Test
    void nativeObjectsStayWhereTheyWere() {
        Libtorch.seed(1);
        Tensor w = Tensor.randn(8, 8).requiresGrad(true);
        Tensor m = Tensor.zeros(DType.F32, 8, 8);
        Tensor v = Tensor.zeros(DType.F32, 8, 8);
        Tensor n = Tensor.zeros(DType.F32);
        Tensor x = Tensor.randn(4, 8);
        for (int i = 0; i < 10; i++) {
            step(w, m, v, n, x);
        }
        long before = Libtorch.nativeObjects();
        for (int i = 0; i < 1000; i++) {
            step(w, m, v, n, x);
        }
        // the graph's own nodes are native and go with the loss; what Java holds must not grow at all
        assertThat(Libtorch.nativeObjects()).isLessThanOrEqualTo(before);
    }

    private static void step(Tensor w, Tensor m, Tensor v, Tensor n, Tensor x) {
        try (var scope = TensorScope.open()) {
            Tensor inner;
            try (var block = TensorScope.open()) {
                inner = block.handOut(x.linear(w, null).silu());
            }
            inner.square().sum().backward();
            try (var off = NoGrad.open()) {
                n.t.add_(new org.bytedeco.pytorch.Scalar(1.0));
                FusedAdamW.step(List.of(w), List.of(w.grad()), List.of(m), List.of(v), List.of(n), 1e-3, 0.9, 0.95, 0.1, 1e-8, null);
            }
            w.clearGrad();
            assertThat(w.grad()).isNull();
        }
    }

    @Test
    void keptTensorsOutliveTheirScopeAndAreFreedByClose() {
        Tensor kept;
        Tensor handed;
        try (var outer = TensorScope.open()) {
            try (var scope = TensorScope.open()) {
                kept = Tensor.ones(DType.F32, 3).keep();
                handed = scope.handOut(Tensor.ones(DType.F32, 2));
            }
            assertThat(handed.toFloats()).containsExactly(1, 1);
        }
        assertThat(kept.toFloats()).containsExactly(1, 1, 1);
        long before = Libtorch.nativeObjects();
        kept.close();
        assertThat(Libtorch.nativeObjects()).isEqualTo(before - 1);
        assertThat(handed.t.isNull()).isTrue();
    }
}
