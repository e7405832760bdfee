package dev.zhulong.tensor;

import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;

/**
 * Java code that libtorch calls in backward, and a tensor that is kept for it. It knows its object only weakly, and scopes would free it with the
 * tensors of the forward pass: it is held here until it has been called, and freed when the next one is made. What is never called, as after a forward
 * pass whose result was NaN, goes with the outermost scope it was made in, as the graph does.
 */
final class GradientHook extends VoidTensorHook {
    private static final Set<GradientHook> WAITING = ConcurrentHashMap.newKeySet();
    private static final Queue<GradientHook> CALLED = new ConcurrentLinkedQueue<>();

    private final Tensor input;
    private final BiConsumer<Tensor, Tensor> then;
    /** Null for none. */
    private final TensorScope scope;

    private GradientHook(Tensor input, BiConsumer<Tensor, Tensor> then, TensorScope scope) {
        this.input = input;
        this.then = then;
        this.scope = scope;
    }

    static void on(Tensor tensor, Tensor input, BiConsumer<Tensor, Tensor> then) {
        for (GradientHook done = CALLED.poll(); done != null; done = CALLED.poll()) {
            done.releaseReference();
        }
        var hook = new GradientHook(input.keep(), then, TensorScope.outermost());
        hook.retainReference();
        WAITING.add(hook);
        if (hook.scope != null) {
            hook.scope.waiting().add(hook);
        }
        tensor.t.register_hook(hook);
    }

    @Override
    public void call(TensorBase gradient) {
        // a GPU's gradients come on a thread of autograd's own, where no device is set
        try (input;
                var _ = TensorScope.open();
                var off = NoGrad.open();
                var on = DeviceScope.open(input.device())) {
            then.accept(new Tensor(new org.bytedeco.pytorch.Tensor(gradient)), input);
        } finally {
            WAITING.remove(this);
            if (scope != null) {
                scope.waiting().remove(this);
            }
            CALLED.add(this);
        }
    }

    /** Frees what a graph that is gone will not ask for. */
    void abandon() {
        if (WAITING.remove(this)) {
            input.close();
            releaseReference();
        }
    }
}
