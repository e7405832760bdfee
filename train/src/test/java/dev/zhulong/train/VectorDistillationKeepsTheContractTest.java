package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.data.pack.ContrastRow;
import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.Pooling;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.TextVectors;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VectorDistillationKeepsTheContractTest extends ObjectiveContract<VectorDistillation, ContrastBatch> {
    private static final int HIDDEN = 16;

    private final EmbeddingConfig config = new EmbeddingConfig(true, "", OptionalInt.empty(), false, List.of(Pooling.MEAN), true, OptionalInt.empty(), List.of(), Map.of(), Optional.empty(), "cosine");
    private final Encoder model = encoder(1, 7);
    private final Encoder teacher = encoder(3, 8);
    private final TextVectors vectors = new TextVectors(config, Path.of(""));

    VectorDistillationKeepsTheContractTest() {
        model.requiresGrad(true);
    }

    private static Encoder encoder(int layers, long seed) {
        var layer = new Stack.Layer(new Stack.Attention(4, 4, 4, true, true, false, 0), new Stack.Mlp.Dense(24, Activation.GELU, false, true));
        var stack = new Stack(HIDDEN, Collections.nCopies(layers, layer), Norm.LAYER, 1e-5, Stack.NormPlace.AFTER, new Stack.Positions.Learned(0), 32);
        Encoder encoder = Encoder.random(new EncoderSpec((EncoderFamily) Family.of("bert"), stack, Tiny.VOCAB, 2, 0, new Head.None()), seed);
        encoder.parameters().values().forEach(p -> {
            if (p.dim() > 1) {
                p.mul_(8);
            }
        });
        return encoder;
    }

    @AfterEach
    void close() {
        model.close();
        teacher.close();
        vectors.close();
    }

    @Override
    VectorDistillation objective() {
        return new VectorDistillation(model, vectors, teacher, vectors);
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
            rows.add(new ContrastRow(text(random, length), text(random, 4 + length), Optional.empty(), 0, 0));
        }
        return rows;
    }

    private static EncoderRow text(SplittableRandom random, int length) {
        return new EncoderRow(random.ints(length, 1, Tiny.VOCAB).toArray(), new int[length], new int[0]);
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
        List<double[]> own = texts.stream().map(text -> vector(model, text)).toList();
        List<double[]> there = texts.stream().map(text -> vector(teacher, text)).toList();
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
        try (Encoder twin = encoder(3, 8)) {
            twin.requiresGrad(true);
            var objective = new VectorDistillation(twin, vectors, teacher, vectors);
            assertThat(objective.accumulate(batches().getFirst(), false).mean()).isCloseTo(0, within(1e-6));
            twin.trainable().forEach((name, weight) -> assertThat(weight.grad() == null ? new float[1] : weight.grad().toFloats()).as(name).usingComparatorWithPrecision(1e-4f)
                    .containsOnly(0));
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new VectorDistillation(teacher, vectors, teacher, vectors)).withMessageContaining("its own teacher");
    }

    private static double[] vector(Encoder encoder, EncoderRow text) {
        float[] states;
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            states = encoder.states(text.ids(), text.types(), null, 1).toFloats();
        }
        double[] mean = new double[HIDDEN];
        double squares = 0;
        for (int c = 0; c < HIDDEN; c++) {
            for (int t = 0; t < text.length(); t++) {
                mean[c] += states[t * HIDDEN + c];
            }
            squares += mean[c] * mean[c];
        }
        for (int c = 0; c < HIDDEN; c++) {
            mean[c] /= Math.sqrt(squares);
        }
        return mean;
    }

    private static double product(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
