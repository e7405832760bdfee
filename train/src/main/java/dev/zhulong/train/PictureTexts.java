package dev.zhulong.train;

import dev.zhulong.data.pack.CaptionBatch;
import dev.zhulong.data.pack.PictureBatch;
import dev.zhulong.model.VisionEncoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * How well each picture of a batch is told to belong to its own text. Of a CLIP (Radford et al. 2021) the mean of two cross-entropies: its text among all
 * texts, and for the text its picture among all pictures. Of a SigLIP (Zhai et al. 2023) for each pair by itself whether the two belong together. What does not
 * belong is what the batch holds besides; accumulation adds no more.
 */
public final class PictureTexts implements Objective<CaptionBatch> {
    private static final Unit UNIT = new Unit("nats", "pair");

    private final VisionEncoder model;

    /** @throws IllegalArgumentException where the network reads no texts */
    public PictureTexts(VisionEncoder model) {
        if (model.spec().texts().isEmpty()) {
            throw new IllegalArgumentException("pictures and their texts are learned by a network with a tower for each, such as a clip or a siglip, not by a "
                    + model.spec().family().modelType());
        }
        this.model = model;
    }

    @Override
    public Loss accumulate(CaptionBatch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            Loss[] loss = new Loss[1];
            Tensor pixels = pixels(batch.pictures());
            Tensor ids = ids(batch);
            Backward.through(model, new Tensor[] {pixels, ids}, model.pass(pixels, ids), recompute, flow -> {
                Tensor[] states = Arrays.stream(flow).map(each -> each.requiresGrad(true)).toArray(Tensor[]::new);
                Tensor sum = sum(states[0], states[1], batch);
                loss[0] = new Loss(sum.item(), batch.pictures().rows(), 0);
                sum.backward();
                return new Tensor[] {states[0].grad(), states[1].grad()};
            });
            return loss[0];
        }
    }

    @Override
    public Loss evaluate(CaptionBatch batch) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Tensor sum = sum(model.states(pixels(batch.pictures())), model.textStates(ids(batch)), batch);
            return new Loss(sum.item(), batch.pictures().rows(), 0);
        }
    }

    private Tensor pixels(PictureBatch pictures) {
        return model.pixels(pictures.pixels(), pictures.rows(), pictures.height(), pictures.width());
    }

    private static Tensor ids(CaptionBatch batch) {
        return Tensor.of(batch.ids(), batch.pictures().rows(), batch.tokens());
    }

    private Tensor sum(Tensor pictures, Tensor texts, CaptionBatch batch) {
        int n = batch.pictures().rows();
        Tensor logits = model.similarities(VisionEncoder.ofLengthOne(model.vectors(pictures)), VisionEncoder.ofLengthOne(model.textVectors(texts, batch.ids())));
        if (!model.spec().texts().orElseThrow().sigmoid()) {
            Tensor own = Tensor.of(IntStream.range(0, n).toArray(), n, 1);
            Tensor ofPictures = logits.logSoftmax(-1).gather(1, own).sum();
            Tensor ofTexts = logits.transpose(0, 1).logSoftmax(-1).gather(1, own).sum();
            return ofPictures.add(ofTexts).mul(-0.5);
        }
        float[] against = new float[n * n];
        Arrays.fill(against, 1);
        for (int i = 0; i < n; i++) {
            against[i * n + i] = -1;
        }
        // log(1 + e^x) of what is wrong, without overflow
        Tensor x = logits.mul(Tensor.of(against, n, n));
        return x.abs().neg().exp().add(1).log().add(x.relu()).sum();
    }

    @Override
    public Unit unit() {
        return UNIT;
    }

    /** Patches and tokens. */
    @Override
    public long tokens(CaptionBatch batch) {
        int size = model.spec().patches().size();
        PictureBatch pictures = batch.pictures();
        return (long) pictures.rows() * (pictures.height() / size) * (pictures.width() / size) + batch.ids().length;
    }
}
