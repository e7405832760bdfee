package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.tensor.FastProducts;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** In training, attention of short rows writes its scores down: results and gradients are those of tiled attention. */
class ScoresOfShortRowsMayBeWrittenDownTest {
    private static Tensor values(long seed, long... shape) {
        var random = new SplittableRandom(seed);
        float[] values = new float[(int) (shape[0] * shape[1] * shape[2] * shape[3])];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape);
    }

    /** For each of two rows its own, in which each position sees itself. */
    private static Tensor mask(int seq, int keys, boolean causal) {
        Tensor mask = values(4, 2, 1, seq, keys);
        if (!causal) {
            return mask;
        }
        float[] all = mask.toFloats();
        for (int i = 0; i < all.length; i++) {
            int position = i / keys % seq;
            int key = i % keys;
            all[i] = key > position || all[i] > 1 && key < position ? Float.NEGATIVE_INFINITY : all[i];
        }
        return Tensor.of(all, 2, 1, seq, keys);
    }

    private static List<float[]> attended(int heads, int groups, int seq, int keys, boolean causal, boolean masked) {
        try (var scope = TensorScope.open()) {
            Tensor q = values(1, 2, heads, seq, 16).requiresGrad(true);
            Tensor k = values(2, 2, groups, keys, 16).requiresGrad(true);
            Tensor v = values(3, 2, groups, keys, 16).requiresGrad(true);
            Tensor y = Scoring.PLAIN.attend(q, k, v, masked ? mask(seq, keys, causal) : null, causal);
            y.backward(values(5, 2, heads, seq, 16));
            List<float[]> all = new ArrayList<>();
            for (Tensor t : List.of(y, q.grad(), k.grad(), v.grad())) {
                all.add(t.toFloats());
            }
            return all;
        }
    }

    @ParameterizedTest
    @CsvSource({"4, 4, 64, 64, true, false", "4, 2, 33, 33, true, false", "4, 2, 17, 40, false, true", "2, 2, 129, 129, true, false", "2, 2, 200, 200, true, true", "4, 2, 256, 256, true, true",
        "2, 2, 257, 257, true, false", "2, 1, 20, 20, false, false"})
    void eitherWayGivesTheSame(int heads, int groups, int seq, int keys, boolean causal, boolean masked) {
        List<float[]> tiled = attended(heads, groups, seq, keys, causal, masked);
        List<float[]> written;
        try (var fast = FastProducts.open()) {
            written = attended(heads, groups, seq, keys, causal, masked);
        }
        for (int i = 0; i < tiled.size(); i++) {
            for (int j = 0; j < tiled.get(i).length; j++) {
                assertThat(written.get(i)[j]).isCloseTo(tiled.get(i)[j], within(2e-5f));
            }
        }
    }
}
