package dev.zhulong.train;

import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.TextVectors;
import dev.zhulong.tensor.Tensor;
import java.util.stream.IntStream;

/**
 * How well each text's own partner is told from those of the others of a batch by their vectors alone (InfoNCE, van den Oord et al. 2018, with negatives of the
 * batch, Henderson et al. 2017): the cross-entropy of the softmax over similarities divided by a temperature. The negatives are those of the batch that is
 * computed at once; accumulation adds no more.
 */
public final class Contrast extends VectorObjective {
    private static final Unit UNIT = new Unit("nats", "pair");

    private final TextVectors vectors;
    private final double temperature;
    private final boolean cosine;

    /**
     * Over a network without a head.
     *
     * @param vectors     of texts; stays its owner's
     * @param temperature that similarities are divided by, above 0
     * @param cosine      whether vectors are compared by their cosine; else by their product
     */
    public Contrast(Encoder model, TextVectors vectors, double temperature, boolean cosine) {
        super(model);
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("the temperature must be above 0, found " + temperature);
        }
        this.vectors = vectors;
        this.temperature = temperature;
        this.cosine = cosine;
    }

    @Override
    long counted(ContrastBatch batch) {
        return batch.anchors();
    }

    @Override
    Tensor sum(Tensor states, ContrastBatch batch) {
        int n = batch.anchors();
        Tensor all = vectors.of(states, batch.texts().lengths(), batch.prompts());
        all = cosine ? TextVectors.normalised(all) : all;
        Tensor scores = all.narrow(0, 0, n).matmul(all.narrow(0, n, batch.candidates()).transpose(0, 1)).mul(1 / temperature);
        float[] out = new float[batch.out().length];
        for (int i = 0; i < out.length; i++) {
            out[i] = batch.out()[i] ? Float.NEGATIVE_INFINITY : 0;
        }
        return scores.add(Tensor.of(out, n, batch.candidates())).logSoftmax(-1).gather(1, Tensor.of(IntStream.range(0, n).toArray(), n, 1)).sum().neg();
    }

    @Override
    public Unit unit() {
        return UNIT;
    }
}
