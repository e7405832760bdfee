package dev.zhulong.train;

import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.TextVectors;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.VectorTeacher.Text;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How far a smaller encoder's vectors of texts are from those of a larger one: for each text 1 less the cosine between the two, and the squared differences of its similarities with all texts of
 * the batch, over their number. Which texts belong together does not matter.
 */
public final class VectorDistillation extends VectorObjective {
    private static final Unit UNIT = new Unit("distance", "text");

    private final TextVectors vectors;
    private final VectorTeacher teacher;

    /**
     * Over a network without a head.
     *
     * @param vectors of its texts; stays its owner's
     * @param teacher that reads the same ids and gives vectors of the same width
     */
    public VectorDistillation(Encoder model, TextVectors vectors, VectorTeacher teacher) {
        super(model);
        this.vectors = vectors;
        this.teacher = teacher;
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
        EncoderBatch texts = batch.texts();
        List<Text> asked = new ArrayList<>();
        for (int row = 0; row < texts.rows(); row++) {
            int from = row * texts.width();
            int to = from + texts.lengths()[row];
            asked.add(new Text(Arrays.copyOfRange(texts.ids(), from, to), Arrays.copyOfRange(texts.types(), from, to), batch.prompts()[row]));
        }
        List<float[]> vectors = teacher.of(asked);
        int width = vectors.getFirst().length;
        float[] all = new float[vectors.size() * width];
        for (int row = 0; row < vectors.size(); row++) {
            System.arraycopy(vectors.get(row), 0, all, row * width, width);
        }
        return TextVectors.normalised(Tensor.of(all, vectors.size(), width));
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
