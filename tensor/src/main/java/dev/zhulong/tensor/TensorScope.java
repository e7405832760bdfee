package dev.zhulong.tensor;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
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
    /** Of each thread, the scope that all others are open in. */
    private static final ThreadLocal<TensorScope> OUTERMOST = new ThreadLocal<>();

    private final PointerScope outer;
    private final PointerScope scope;
    /** Of an outermost scope: what waits for the gradients of graphs made in it; null of others. */
    private final Set<GradientHook> waiting;
    /** Whether part of a graph was kept beyond this scope, so that what waits may still be called. */
    private boolean graphKept;

    private TensorScope() {
        Libtorch.load();
        outer = PointerScope.getInnerScope();
        scope = new PointerScope();
        boolean outermost = OUTERMOST.get() == null;
        waiting = outermost ? ConcurrentHashMap.newKeySet() : null;
        if (outermost) {
            OUTERMOST.set(this);
        }
    }

    /** Of this thread; null for none. */
    static TensorScope outermost() {
        return OUTERMOST.get();
    }

    Set<GradientHook> waiting() {
        return waiting;
    }

    void graphKept() {
        graphKept = true;
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
        if (waiting != null) {
            OUTERMOST.remove();
            if (!graphKept) {
                waiting.forEach(GradientHook::abandon);
            }
        }
    }
}
