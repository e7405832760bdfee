package dev.zhulong.tensor;

import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;

/**
 * Java code that libtorch calls in backward. It knows its object only weakly, and scopes would free it with the tensors of the forward pass: it is
 * held here until it has been called, and freed when the next one is made.
 */
final class GradientHook extends VoidTensorHook {
    private static final Set<GradientHook> WAITING = ConcurrentHashMap.newKeySet();
    private static final Queue<GradientHook> CALLED = new ConcurrentLinkedQueue<>();

    private final Consumer<Tensor> then;

    private GradientHook(Consumer<Tensor> then) {
        this.then = then;
    }

    static void on(Tensor tensor, Consumer<Tensor> then) {
        for (GradientHook done = CALLED.poll(); done != null; done = CALLED.poll()) {
            done.releaseReference();
        }
        var hook = new GradientHook(then);
        hook.retainReference();
        WAITING.add(hook);
        tensor.t.register_hook(hook);
    }

    @Override
    public void call(TensorBase gradient) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            then.accept(new Tensor(new org.bytedeco.pytorch.Tensor(gradient)));
        } finally {
            WAITING.remove(this);
            CALLED.add(this);
        }
    }
}
