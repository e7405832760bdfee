package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What layers of a student give, beside what layers of its teacher give (TinyBERT, Jiao et al. 2020). Lengths do not count, as norms take them away. Where both are as wide, a token costs 1 less the cosine of
 * the two. Where they are not, directions cannot be compared without a projection between them, and what is compared needs none: of each token the cosines to all of its document within the row, in the
 * student and in the teacher, whose squared differences it costs in the mean (Tung and Mori 2019).
 *
 * @param teacher whose layers
 * @param pairs   layers of both
 * @param weight  of the mean over the pairs
 */
public record HiddenStates(LayerTeacher teacher, List<Pair> pairs, double weight) {
    private static final double LEAST_LENGTH = 1e-6;

    /** A layer of the student and the one of the teacher that it is to be like, from 0. */
    public record Pair(int student, int teacher) {}

    /** A sum over supervised tokens, and its gradient to what the student's layer gave. */
    record Compared(double sum, Tensor gradient) {}

    public HiddenStates {
        pairs = List.copyOf(pairs);
        if (!(weight > 0) || Double.isInfinite(weight) || pairs.isEmpty()) {
            throw new IllegalArgumentException("states of layers are compared with a weight above 0, found " + weight + ", over one layer or more, found " + pairs.size());
        }
    }

    /**
     * Pairs for some layers of a student.
     *
     * @param some   the student's layers; empty for all
     * @param layers of the student
     * @param from   the teacher's layers that the student is cut from, by which a layer is to give what the teacher gives to the one that comes next; empty for another student, whose layers are spread evenly
     * @param of     number of the teacher's layers
     */
    public static List<Pair> pairs(List<Integer> some, int layers, List<Integer> from, int of) {
        List<Pair> pairs = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            if (some.isEmpty() || some.contains(layer)) {
                int next = layer + 1 == layers ? of : from.isEmpty() ? Math.max(1, Math.round((layer + 1) * (float) of / layers)) : from.get(layer + 1);
                pairs.add(new Pair(layer, next - 1));
            }
        }
        for (int layer : some) {
            if (layer < 0 || layer >= layers) {
                throw new IllegalArgumentException("layer " + layer + " of a student of " + layers + ": they are numbered from 0");
            }
        }
        return pairs;
    }

    /** What a layer of the student costs, in {@code taught}; null where it has no pair. @param given by it [batch, seq, hidden], cut from the graph */
    Compared compare(int layer, Tensor given, Map<Integer, Tensor> taught, Batch batch) {
        for (Pair pair : pairs) {
            if (pair.student == layer) {
                try (var off = NoGrad.open()) {
                    return compare(given, taught.get(pair.teacher), batch, weight / pairs.size());
                }
            }
        }
        return null;
    }

    static Compared compare(Tensor student, Tensor teacher, Batch batch, double weight) {
        Tensor length = student.square().sum(-1, true).sqrt().clamp(LEAST_LENGTH, Float.MAX_VALUE);
        Tensor x = student.div(length);
        Tensor y = teacher.div(teacher.square().sum(-1, true).sqrt().clamp(LEAST_LENGTH, Float.MAX_VALUE));
        Tensor costs;
        Tensor toUnit;
        if (student.size(2) == teacher.size(2)) {
            Tensor counted = Tensor.of(counted(batch), batch.batch(), batch.seq(), 1).mul(weight);
            costs = counted.sub(x.mul(y).sum(-1, true).mul(counted));
            toUnit = y.mul(counted).neg();
        } else {
            Tensor together = Tensor.of(together(batch), batch.batch(), batch.seq(), batch.seq()).mul(weight);
            Tensor apart = x.bmm(x.transpose(1, 2)).sub(y.bmm(y.transpose(1, 2)));
            costs = apart.square().mul(together);
            Tensor toApart = apart.mul(together).mul(2);
            toUnit = toApart.add(toApart.transpose(1, 2)).bmm(x);
        }
        // along x nothing changes but its length
        Tensor gradient = toUnit.sub(x.mul(x.mul(toUnit).sum(-1, true))).div(length);
        return new Compared(costs.sum().item(), gradient);
    }

    private static float[] counted(Batch batch) {
        float[] counted = new float[batch.targets().length];
        for (int i = 0; i < counted.length; i++) {
            counted[i] = batch.targets()[i] == Batch.NO_TARGET ? 0 : 1;
        }
        return counted;
    }

    /** Of each supervised token the supervised tokens of its document, itself among them, in equal shares: [batch, seq, seq]. */
    private static float[] together(Batch batch) {
        int seq = batch.seq();
        float[] counted = counted(batch);
        float[] together = new float[batch.batch() * seq * seq];
        for (int i = 0; i < counted.length; i++) {
            int row = i / seq * seq;
            int others = 0;
            for (int pass = 0; pass < 2 && counted[i] > 0; pass++) {
                for (int j = row; j < row + seq; j++) {
                    if (counted[j] > 0 && batch.documents()[j] == batch.documents()[i]) {
                        others += 1 - pass;
                        together[i * seq + j - row] = pass == 0 ? 0 : 1f / others;
                    }
                }
            }
        }
        return together;
    }
}
