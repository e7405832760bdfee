package dev.zhulong.tensor;

import org.bytedeco.javacpp.PointerScope;

/**
 * What is made inside dies with it, in the manner of {@link java.lang.foreign.Arena}.
 *
 * <pre>{@code
 * Tensor y;
 * try (var scope = TensorScope.open()) {
 *     y = scope.handOut(x.matmul(w).silu());
 * }
 * }</pre>
 */
public final class TensorScope implements AutoCloseable {
    private final PointerScope outer;
    private final PointerScope scope;

    private TensorScope() {
        Libtorch.load();
        outer = PointerScope.getInnerScope();
        scope = new PointerScope();
    }

    public static TensorScope open() {
        return new TensorScope();
    }

    /** Gives {@code tensor} to the enclosing scope, or keeps it where there is none. Returns it. */
    public Tensor handOut(Tensor tensor) {
        if (outer == null) {
            return tensor.keep();
        }
        outer.attach(tensor.t);
        return tensor;
    }

    @Override
    public void close() {
        scope.close();
    }
}
