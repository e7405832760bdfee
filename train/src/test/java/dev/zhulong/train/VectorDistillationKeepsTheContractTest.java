package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.data.pack.ContrastRow;
import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.formats.embedding.Pooling;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.TextVectors;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VectorDistillationKeepsTheContractTest extends ObjectiveContract<VectorDistillation, ContrastBatch> {
    private final Encoder model = TinyTexts.encoder(1, 7);
    private final Encoder network = TinyTexts.encoder(3, 8);
    private final TextVectors vectors = new TextVectors(TinyTexts.config(List.of(Pooling.MEAN), true, List.of()), Path.of(""));
    private final List<Integer> asked = new ArrayList<>();
    private final VectorTeacher teacher = texts -> {
        asked.add(texts.size());
        return texts.stream().map(text -> floats(vector(network, text.ids(), text.types()))).toList();
    };

    VectorDistillationKeepsTheContractTest() {
        model.requiresGrad(true);
    }

    @AfterEach
    void close() {
        model.close();
        network.close();
        vectors.close();
    }

    @Override
    VectorDistillation objective() {
        return new VectorDistillation(model, vectors, teacher);
    }

    @Override
    Map<String, Tensor> weights() {
        return model.trainable();
    }

    @Override
    List<ContrastBatch> batches() {
        return List.of(ContrastBatch.of(rows(1, 9, 3, 5), 0), ContrastBatch.of(rows(2, 6, 6), 0));
    }

    private static List<ContrastRow> rows(long seed, int... lengths) {
        var random = new SplittableRandom(seed);
        List<ContrastRow> rows = new ArrayList<>();
        for (int length : lengths) {
            rows.add(new ContrastRow(TinyTexts.text(random, length), TinyTexts.text(random, 4 + length), Optional.empty(), 0, 0));
        }
        return rows;
    }

    @Override
    long supervised(ContrastBatch batch) {
        return batch.texts().rows();
    }

    @Override
    Unit unit() {
        return new Unit("distance", "text");
    }

    /** Each text read by itself, everything behind it in float64. */
    @Test
    void theLossIsThatOfThePlainFormula() {
        List<ContrastRow> rows = rows(1, 9, 3, 5);
        List<EncoderRow> texts = new ArrayList<>(rows.stream().map(ContrastRow::anchor).toList());
        rows.forEach(row -> texts.add(row.positive()));
        List<double[]> own = texts.stream().map(text -> vector(model, text.ids(), text.types())).toList();
        List<double[]> there = texts.stream().map(text -> vector(network, text.ids(), text.types())).toList();
        double expected = 0;
        for (int i = 0; i < texts.size(); i++) {
            expected += 1 - product(own.get(i), there.get(i));
            for (int j = 0; j < texts.size(); j++) {
                expected += Math.pow(product(own.get(i), own.get(j)) - product(there.get(i), there.get(j)), 2) / texts.size();
            }
        }
        assertThat(objective().evaluate(batches().getFirst()).sum()).isCloseTo(expected, within(1e-4 * expected));
    }

    @Test
    void whatIsAsTheTeacherAlreadyHasNothingToLearn() {
        try (Encoder twin = TinyTexts.encoder(3, 8)) {
            twin.requiresGrad(true);
            var objective = new VectorDistillation(twin, vectors, teacher);
            assertThat(objective.accumulate(batches().getFirst(), false).mean()).isCloseTo(0, within(1e-6));
            twin.trainable().forEach((name, weight) -> assertThat(weight.grad() == null ? new float[1] : weight.grad().toFloats()).as(name).usingComparatorWithPrecision(1e-4f)
                    .containsOnly(0));
        }
    }

    /** Texts come again in other batches, beside others and in another order. */
    @Test
    void vectorsThatAreKeptGiveTheBitsOfATeacherThatIsAskedEachTime() {
        List<ContrastRow> rows = rows(1, 9, 3, 5, 7, 3, 6);
        List<ContrastBatch> twice = List.of(ContrastBatch.of(rows.subList(0, 4), 0), ContrastBatch.of(rows.subList(4, 6), 0),
                ContrastBatch.of(List.of(rows.get(5), rows.get(1), rows.get(3), rows.get(1)), 0), ContrastBatch.of(List.of(rows.get(0), rows.get(4)), 0));
        int[] questions = new int[3];
        // room for none of them, for some and for all
        long[] rooms = {0, 2000, 1 << 20};
        for (int i = 0; i < rooms.length; i++) {
            var kept = new VectorDistillation(model, vectors, new KeptVectors(teacher, rooms[i]));
            for (ContrastBatch batch : twice) {
                asked.clear();
                Map<String, List<Float>> found = gradients(kept, batch);
                questions[i] += asked.stream().mapToInt(Integer::intValue).sum();
                assertThat(found).isEqualTo(gradients(objective(), batch));
            }
        }
        // one row stands twice in a batch
        assertThat(questions[0]).isEqualTo(22);
        assertThat(questions[1]).isBetween(13, 21);
        assertThat(questions[2]).isEqualTo(12);
    }

    private Map<String, List<Float>> gradients(VectorDistillation objective, ContrastBatch batch) {
        objective.accumulate(batch, false);
        Map<String, List<Float>> all = new LinkedHashMap<>();
        model.trainable().forEach((name, weight) -> {
            List<Float> values = new ArrayList<>();
            for (float each : weight.grad().toFloats()) {
                values.add(each);
            }
            all.put(name, values);
            weight.clearGrad();
        });
        return all;
    }

    private static double[] vector(Encoder encoder, int[] ids, int[] types) {
        float[] states = TinyTexts.states(encoder, ids, types);
        double[] mean = new double[TinyTexts.HIDDEN];
        double squares = 0;
        for (int c = 0; c < mean.length; c++) {
            for (int t = 0; t < ids.length; t++) {
                mean[c] += states[t * mean.length + c];
            }
            squares += mean[c] * mean[c];
        }
        for (int c = 0; c < mean.length; c++) {
            mean[c] /= Math.sqrt(squares);
        }
        return mean;
    }

    private static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    private static double product(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
