package dev.zhulong.train;

import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/**
 * Cross-entropy of a text that is written of what is heard: {@link SequenceToSequence} behind an encoder that hears.
 *
 * @param model     what is trained
 * @param smoothing share of a label's probability that all ids have equally; in [0, 1)
 */
public record SpeechToText(EncoderDecoder model, double smoothing) implements Objective<SpeechBatch> {
    public SpeechToText {
        if (!model.spec().hears()) {
            throw new IllegalArgumentException("a " + model.spec().family().title() + " reads text and hears nothing");
        }
        if (!(smoothing >= 0 && smoothing < 1)) {
            throw new IllegalArgumentException("label_smoothing must be in [0, 1), found " + smoothing);
        }
    }

    @Override
    public Loss accumulate(SpeechBatch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            int[] target = shifted(batch);
            return SequenceToSequence.accumulate(model, model.inputs(spectrograms(batch), target), model.pass(target, batch.rows()), batch.labels(), smoothing, recompute);
        }
    }

    @Override
    public Loss evaluate(SpeechBatch batch) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            return HeadLoss.smoothed(SequenceToSequence.rows(states(batch)), model.head(), batch.labels(), smoothing, false).loss();
        }
    }

    /** What the decoder gives for each label, [rows, labels, hidden]. */
    public Tensor states(SpeechBatch batch) {
        return model.states(spectrograms(batch), shifted(batch));
    }

    private int[] shifted(SpeechBatch batch) {
        return SequenceToSequence.shifted(model.spec(), batch.labels(), batch.rows());
    }

    private Tensor spectrograms(SpeechBatch batch) {
        return Tensor.of(batch.spectrograms(), batch.rows(), model.spec().bands(), model.spec().frames());
    }

    @Override
    public Unit unit() {
        return Unit.NATS_A_TOKEN;
    }

    /** Positions of the encoder, and labels. */
    @Override
    public long tokens(SpeechBatch batch) {
        return (long) batch.rows() * model.spec().encoder().contextLength() + batch.labels().length;
    }
}
