package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.PairBatch;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.Pass;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;

/**
 * Cross-entropy of a text that is written of another: the decoder reads the labels shifted to the right and learns each of them.
 *
 * @param model     what is trained
 * @param smoothing share of a label's probability that all ids have equally (Szegedy et al. 2016); in [0, 1)
 */
public record SequenceToSequence(EncoderDecoder model, double smoothing) implements Objective<PairBatch> {
    public SequenceToSequence {
        if (!(smoothing >= 0 && smoothing < 1)) {
            throw new IllegalArgumentException("label_smoothing must be in [0, 1), found " + smoothing);
        }
    }

    @Override
    public Loss accumulate(PairBatch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            int[] target = shifted(model.spec(), batch);
            return accumulate(model, model.inputs(batch.source(), target, batch.rows()), model.pass(batch.source(), batch.visible(), target, batch.rows()), batch.labels(), smoothing,
                    recompute);
        }
    }

    /** Of whatever the encoder was given. */
    static Loss accumulate(EncoderDecoder model, Tensor[] inputs, Pass pass, int[] labels, double smoothing, boolean recompute) {
        Loss[] loss = new Loss[1];
        Backward.through(model, inputs, pass, recompute, flow -> {
            HeadLoss of = HeadLoss.smoothed(rows(flow[0]), model.head(), labels, smoothing, true);
            loss[0] = of.loss();
            return new Tensor[] {of.gradient().view(flow[0].shape())};
        });
        return loss[0];
    }

    @Override
    public Loss evaluate(PairBatch batch) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            return HeadLoss.smoothed(rows(states(batch)), model.head(), batch.labels(), smoothing, false).loss();
        }
    }

    /** What the decoder gives for each label, [rows, labels, hidden]. */
    public Tensor states(PairBatch batch) {
        return model.states(batch.source(), batch.visible(), shifted(model.spec(), batch), batch.rows());
    }

    static Tensor rows(Tensor hidden) {
        return hidden.view(-1, hidden.size(-1));
    }

    /** What the decoder reads: what it begins with, then each label but the last; padding where a label is not counted. */
    public static int[] shifted(EncoderDecoderSpec spec, PairBatch batch) {
        return shifted(spec, batch.labels(), batch.rows());
    }

    static int[] shifted(EncoderDecoderSpec spec, int[] all, int rows) {
        int width = all.length / rows;
        int[] shifted = new int[all.length];
        for (int row = 0; row < rows; row++) {
            int[] labels = Arrays.copyOfRange(all, row * width, (row + 1) * width);
            int length = width;
            while (length > 0 && (labels[length - 1] == Batch.NO_TARGET || labels[length - 1] == spec.ids().pad())) {
                length--;
            }
            shifted[row * width] = spec.family().firstInput(spec, Arrays.copyOf(labels, length));
            for (int i = 1; i < width; i++) {
                int before = labels[i - 1];
                shifted[row * width + i] = before == Batch.NO_TARGET ? spec.ids().pad() : before;
            }
        }
        return shifted;
    }

    @Override
    public Unit unit() {
        return Unit.NATS_A_TOKEN;
    }

    /** Of both texts. */
    @Override
    public long tokens(PairBatch batch) {
        return (long) batch.source().length + batch.labels().length;
    }
}
