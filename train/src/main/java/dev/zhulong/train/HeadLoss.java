package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;

/**
 * The head and its cross-entropy, a few rows at a time, gradient included.
 *
 * <p>The loss is the end of the graph, so its gradient {@code softmax − onehot} is known as soon as its value is: each chunk of logits is
 * turned into its own gradient in place and never leaves the caches, and no [tokens, vocab] tensor exists.
 *
 * @param loss     summed loss
 * @param gradient of the sum, to the hidden states [rows, hidden]; the weight's is added to its own
 */
record HeadLoss(Loss loss, Tensor gradient) {
    /** Bytes of logits in one chunk: small enough for a last-level cache, large enough for a fast product. */
    private static final long CHUNK_BYTES = 16L << 20;

    /** Loss without gradients. */
    static Loss of(Tensor hidden, Tensor weight, int[] targets) {
        return run(hidden, weight, targets, null);
    }

    /** Loss, with gradients. */
    static HeadLoss withGradient(Tensor hidden, Tensor weight, int[] targets) {
        Tensor gradient = Tensor.empty(DType.F32, hidden.shape());
        return new HeadLoss(run(hidden, weight, targets, gradient), gradient);
    }

    private static Loss run(Tensor hidden, Tensor weight, int[] targets, Tensor gradient) {
        int rows = (int) hidden.size(0);
        int chunk = (int) Math.clamp(CHUNK_BYTES / (weight.size(0) * 4), Math.min(256, rows), rows);
        Loss total = Loss.NONE;
        try (var off = NoGrad.open()) {
            Tensor weightGradient = gradient != null && weight.requiresGrad() ? gradientOf(weight) : null;
            for (int at = 0; at < rows; at += chunk) {
                int n = Math.min(chunk, rows - at);
                try (var scope = TensorScope.open()) {
                    total = total.plus(chunk(
                            hidden.narrow(0, at, n),
                            weight,
                            Arrays.copyOfRange(targets, at, at + n),
                            gradient == null ? null : gradient.narrow(0, at, n),
                            weightGradient));
                }
            }
        }
        return total;
    }

    private static Loss chunk(Tensor hidden, Tensor weight, int[] targets, Tensor gradient, Tensor weightGradient) {
        int n = targets.length;
        float[] supervised = new float[n];
        int count = 0;
        for (int i = 0; i < n; i++) {
            if (targets[i] == Batch.NO_TARGET) {
                targets[i] = 0;
            } else {
                supervised[i] = 1;
                count++;
            }
        }
        Tensor mask = count == n ? null : Tensor.of(supervised, n, 1);
        Tensor index = Tensor.of(targets, n, 1);
        Tensor p = hidden.linear(weight, null).logSoftmax(-1);
        Tensor picked = p.gather(1, index);
        // a row that is not supervised may hold anything, NaN included: it is replaced, not multiplied
        double sum = -(mask == null ? picked : picked.maskedFill_(mask.eq(Tensor.zeros(DType.F32, 1)), 0)).to(DType.F64).sum().item();
        if (gradient != null) {
            p.exp_().scatterAdd_(1, index, Tensor.ones(DType.F32, n, 1).neg());
            if (mask != null) {
                p.mul_(mask);
            }
            gradient.copy_(p.matmul(weight));
            if (weightGradient != null) {
                weightGradient.addmm_(p.transpose(0, 1), hidden);
            }
        }
        return new Loss(sum, count);
    }

    private static Tensor gradientOf(Tensor weight) {
        Tensor g = weight.grad();
        if (g == null) {
            weight.setGrad(Tensor.zeros(DType.F32, weight.shape()));
            g = weight.grad();
        }
        return g;
    }
}
