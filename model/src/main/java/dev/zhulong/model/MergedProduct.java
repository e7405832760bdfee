package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/**
 * A projection and its adapter in training as one wide product by {@code W' = W + s·BA}. Autograd sees {@code x·W'ᵀ} with W' fixed, which gives x
 * its whole gradient in one product too; the gradients of A and B are put together here when that of the result is known:
 * {@code dB = s·dyᵀ·(x·Aᵀ)} and {@code dA = s·(dy·B)ᵀ·x}. The other way, autograd through {@code W·x + s·B·(A·x)}, adds a product of inner size rank to
 * every wide one, forward and backward, and these move as much memory as the wide ones.
 */
final class MergedProduct {
    private MergedProduct() {}

    /**
     * Whether it pays: without what stands between the product and its sum (DoRA, dropout), and for so many rows that W', which lives until
     * backward, takes no more memory than x and the result do. Whether gradients are recorded does not matter: a block that is run again in
     * backward must give the bits it gave before.
     */
    static boolean suits(Linear projection, Tensor x) {
        LoraAdapter.Part lora = projection.lora();
        long rows = x.elements() / projection.in();
        return lora.magnitude() == null && !lora.dropout().isOn()
                && rows * (projection.in() + projection.out()) >= (long) projection.in() * projection.out();
    }

    /** [.., in] to [.., out]. */
    static Tensor of(Linear projection, Tensor x) {
        LoraAdapter.Part lora = projection.lora();
        long[] shape = x.shape();
        shape[shape.length - 1] = projection.out();
        Tensor rows = x.reshape(-1, projection.in());
        Products products = projection.products();
        Tensor y = products.linear(products.factor(rows), merged(projection, lora), projection.bias());
        if (NoGrad.isOn() || !lora.a().requiresGrad()) {
            return y.view(shape);
        }
        if (!y.requiresGrad()) {
            // below the first adapter nothing is learnt, and the result begins the graph
            y.requiresGrad(true);
        }
        y.onGradient(rows.detach(), (dy, input) -> {
            // the order of these factors is the fast one: B's gradient as (dyᵀ·low) takes 3.6 times as long as (lowᵀ·dy)ᵀ
            Tensor low = input.linear(lora.a(), null).mul(lora.scale());
            Tensor lowGradient = dy.linear(lora.b().transpose(0, 1).contiguous(), null).mul(lora.scale());
            add(lora.b(), low.transpose(0, 1).matmul(dy).transpose(0, 1).contiguous());
            add(lora.a(), lowGradient.transpose(0, 1).matmul(input));
        });
        return y.view(shape);
    }

    private static Tensor merged(Linear projection, LoraAdapter.Part lora) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            Tensor copy = Tensor.empty(DType.F32, projection.out(), projection.in()).copy_(projection.weight());
            return scope.handOut(copy.addmm_(lora.b(), lora.a(), 1, lora.scale()));
        }
    }

    private static void add(Tensor weight, Tensor gradient) {
        Tensor sum = weight.grad();
        if (sum == null) {
            weight.setGrad(gradient);
        } else {
            sum.add_(gradient);
        }
    }
}
