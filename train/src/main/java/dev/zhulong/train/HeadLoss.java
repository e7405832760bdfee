package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Head;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The head and its cross-entropy, a few rows at a time, gradient included.
 *
 * <p>The loss is the end of the graph, so its gradient {@code softmax − onehot} is known as soon as its value is: each chunk of logits is
 * turned into its own gradient in place and never leaves the caches, and no [tokens, vocab] tensor exists.
 *
 * @param loss     summed loss
 * @param gradient of the sum, to the hidden states [rows, hidden]; those of the head's weight and bias are added to their own
 */
record HeadLoss(Loss loss, Tensor gradient) {
    /** Bytes of logits in one chunk: small enough for a last-level cache, large enough for a fast product. */
    private static final long CHUNK_BYTES = 16L << 20;

    /** Loss without gradients. */
    static Loss of(Tensor hidden, Head head, int[] targets) {
        return loss(each(hidden, head, targets), targets);
    }

    /** Loss, with gradients. */
    static HeadLoss withGradient(Tensor hidden, Head head, int[] targets) {
        double[] nll = new double[targets.length];
        Tensor gradient = run(hidden, head, targets, nll, null, true);
        return new HeadLoss(loss(nll, targets), gradient);
    }

    /**
     * Loss of smoothed targets (Szegedy et al. 2016), with gradients or without.
     *
     * @param smoothing share of a target's probability that all ids have equally
     */
    static HeadLoss smoothed(Tensor hidden, Head head, int[] targets, double smoothing, boolean backward) {
        double[] nll = new double[targets.length];
        Tensor gradient = run(hidden, head, targets, nll, null, smoothing, backward);
        return new HeadLoss(loss(nll, targets), gradient);
    }

    /** Nats of each row's target; 0 where there is none. */
    static double[] each(Tensor hidden, Head head, int[] targets) {
        double[] nll = new double[targets.length];
        run(hidden, head, targets, nll, null, false);
        return nll;
    }

    /**
     * Gradient of Σ wᵢ · nllᵢ to the hidden states [rows, hidden]; those of the head's weight and bias are added to their own.
     *
     * @param weights of the rows
     */
    static Tensor gradient(Tensor hidden, Head head, int[] targets, float[] weights) {
        return run(hidden, head, targets, new double[targets.length], weights, true);
    }

    private static Loss loss(double[] nll, int[] targets) {
        double sum = 0;
        int count = 0;
        for (int i = 0; i < targets.length; i++) {
            if (targets[i] != Batch.NO_TARGET) {
                sum += nll[i];
                count++;
            }
        }
        return new Loss(sum, count, 0);
    }

    /** Only supervised rows meet the vocabulary: in fine-tuning most are not, and whatever they hold, NaN included, must not matter. */
    private static Tensor run(Tensor hidden, Head head, int[] targets, double[] nll, float[] weights, boolean backward) {
        return run(hidden, head, targets, nll, weights, 0, backward);
    }

    private static Tensor run(Tensor hidden, Head head, int[] targets, double[] nll, float[] weights, double smoothing, boolean backward) {
        return run(hidden, head, targets, (logits, rows, back) -> crossEntropy(logits, rows, targets, nll, weights, smoothing, back), backward);
    }

    /** What is minimised over some rows of logits. */
    @FunctionalInterface
    interface Rows {
        /**
         * Adds up the loss, which whoever made this keeps.
         *
         * @param logits   [n, vocab], to be left as they are
         * @param rows     their numbers
         * @param backward whether the gradient is wanted
         * @return gradient of the sum, [n, vocab], which is changed; null where it is not wanted
         */
        Tensor of(Tensor logits, int[] rows, boolean backward);
    }

    /**
     * Any loss over the rows that have a target, with its gradient or without.
     *
     * @return gradient of the sum to the hidden states [rows, hidden], null where none is wanted; those of the head's weight and bias are added to their own
     */
    static Tensor run(Tensor hidden, Head head, int[] targets, Rows loss, boolean backward) {
        int rows = targets.length;
        int[] supervised = IntStream.range(0, rows).filter(i -> targets[i] != Batch.NO_TARGET).toArray();
        int n = supervised.length;
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            if (n == 0) {
                return backward ? scope.handOut(Tensor.zeros(DType.F32, hidden.shape())) : null;
            }
            Tensor picked = n == rows ? hidden : hidden.indexSelect(0, Tensor.of(supervised, n));
            Tensor gradient = backward ? Tensor.empty(DType.F32, n, hidden.size(1)) : null;
            Tensor weight = backward ? head.products().factor(head.weight()) : null;
            int chunk = (int) Math.clamp(CHUNK_BYTES / (head.weight().size(0) * 4), Math.min(256, n), n);
            for (int at = 0; at < n; at += chunk) {
                int size = Math.min(chunk, n - at);
                int[] part = Arrays.copyOfRange(supervised, at, at + size);
                try (var inner = TensorScope.open()) {
                    chunk(picked.narrow(0, at, size), head, part, loss, weight, backward ? gradient.narrow(0, at, size) : null);
                }
            }
            return backward ? scope.handOut(n == rows ? gradient : spread(gradient, supervised, rows)) : null;
        }
    }

    /** Row i of {@code gradient} to row {@code places[i]}, the others zero. */
    private static Tensor spread(Tensor gradient, int[] places, int rows) {
        int[] from = new int[rows];
        Arrays.fill(from, places.length);
        for (int i = 0; i < places.length; i++) {
            from[places[i]] = i;
        }
        return Tensor.cat(0, gradient, Tensor.zeros(DType.F32, 1, gradient.size(1))).indexSelect(0, Tensor.of(from, rows));
    }

    private static Tensor crossEntropy(Tensor logits, int[] rows, int[] targets, double[] nll, float[] weights, double smoothing, boolean backward) {
        int n = rows.length;
        Tensor index = Tensor.of(Arrays.stream(rows).map(row -> targets[row]).toArray(), n, 1);
        Tensor p = logits.logSoftmax(-1);
        float[] picked = p.gather(1, index).toFloats();
        float[] all = smoothing == 0 ? null : p.mean(1, false).toFloats();
        for (int i = 0; i < n; i++) {
            nll[rows[i]] = -(double) picked[i] * (1 - smoothing) - (all == null ? 0 : smoothing * all[i]);
        }
        if (!backward) {
            return null;
        }
        p.exp_().scatterAdd_(1, index, Tensor.zeros(DType.F32, n, 1).fill_(smoothing - 1));
        if (smoothing > 0) {
            p.sub_(Tensor.zeros(DType.F32, 1).fill_(smoothing / p.size(1)));
        }
        if (weights != null) {
            float[] own = new float[n];
            for (int i = 0; i < n; i++) {
                own[i] = weights[rows[i]];
            }
            p.mul_(Tensor.of(own, n, 1));
        }
        return p;
    }

    private static void chunk(Tensor hidden, Head head, int[] rows, Rows loss, Tensor weight, Tensor gradient) {
        Tensor logits = head.logits(hidden);
        Tensor p = loss.of(logits, rows, gradient != null);
        if (gradient == null) {
            return;
        }
        head.backward_(p, logits);
        Tensor factor = head.products().factor(p);
        gradient.copy_(factor.matmul(weight));
        if (head.weight().requiresGrad() && head.products().areFull()) {
            gradientOf(head.weight()).addmm_(p.transpose(0, 1), hidden);
        } else if (head.weight().requiresGrad()) {
            gradientOf(head.weight()).add_(factor.transpose(0, 1).matmul(head.products().factor(hidden)));
        }
        if (head.bias() != null && head.bias().requiresGrad()) {
            gradientOf(head.bias()).add_(p.sum(0, false));
        }
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
