package dev.zhulong.train;

import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.TextVectors;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/**
 * How far a smaller encoder's vectors of texts are from those of a larger one: for each text 1 less the cosine between the two, and the squared differences of its similarities with all texts of
 * the batch, over their number. Which texts belong together does not matter.
 */
public final class VectorDistillation extends VectorObjective {
    private static final Unit UNIT = new Unit("distance", "text");

    private final TextVectors vectors;
    private final Encoder teacher;
    private final TextVectors wanted;

    /**
     * Over two networks without heads that read the same ids and give vectors of one width.
     *
     * @param vectors of the smaller one's texts; stays its owner's
     * @param teacher stays its owner's, is not trained
     * @param wanted  of the teacher's texts; stays its owner's
     */
    public VectorDistillation(Encoder model, TextVectors vectors, Encoder teacher, TextVectors wanted) {
        super(model);
        if (model == teacher) {
            throw new IllegalArgumentException("a model cannot be its own teacher");
        }
        this.vectors = vectors;
        this.teacher = teacher;
        this.wanted = wanted;
    }

    @Override
    Tensor sum(Tensor states, ContrastBatch batch) {
        Tensor own = TextVectors.normalised(vectors.of(states, batch.texts().lengths(), batch.prompts()));
        Tensor there = there(batch);
        Tensor difference = own.matmul(own.transpose(0, 1)).sub(there.matmul(there.transpose(0, 1)));
        long texts = counted(batch);
        return own.mul(there).sum().neg().add(texts).add(difference.mul(difference).sum().mul(1.0 / texts));
    }

    private Tensor there(ContrastBatch batch) {
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            return scope.handOut(TextVectors.normalised(wanted.of(states(teacher, batch.texts()), batch.texts().lengths(), batch.prompts())));
        }
    }

    @Override
    long counted(ContrastBatch batch) {
        return batch.texts().rows();
    }

    @Override
    public Unit unit() {
        return UNIT;
    }
}
