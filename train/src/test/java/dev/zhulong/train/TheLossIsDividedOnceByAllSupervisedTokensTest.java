package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** However rows are cut into batches, packed or padded, the gradient is that of one batch (traps 1, 2, 11, 14). */
class TheLossIsDividedOnceByAllSupervisedTokensTest {
    private static final int[][] DOCUMENTS = {
        Tiny.document(12, 1), Tiny.document(3, 2), Tiny.document(7, 3), Tiny.document(2, 4), Tiny.document(10, 5), Tiny.document(5, 6),
        Tiny.document(12, 7),
    };

    @TempDir
    Path directory;

    /** Batches of unequal lengths, whose means would not average to the mean of all. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7})
    void theGradientDoesNotDependOnHowABatchIsSplit(int parts) {
        try (var model = Tiny.decoder(Family.of("llama"), true)) {
            Tiny.Gradients whole = Tiny.gradients(model, false, Tiny.rows(12, DOCUMENTS));
            Batch[] split = new Batch[parts];
            for (int i = 0; i < parts; i++) {
                int from = i * DOCUMENTS.length / parts;
                split[i] = Tiny.rows(12, java.util.Arrays.copyOfRange(DOCUMENTS, from, (i + 1) * DOCUMENTS.length / parts));
            }
            Tiny.Gradients pieces = Tiny.gradients(model, false, split);
            assertThat(pieces.loss().count()).isEqualTo(whole.loss().count());
            assertThat(pieces.loss().sum()).isCloseTo(whole.loss().sum(), within(1e-4));
            assertThat(pieces.differenceFrom(whole)).isLessThan(1e-5);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void packedDocumentsHaveTheLossAndGradientOfRowsOfTheirOwn(Family family) {
        int[][] few = java.util.Arrays.copyOf(DOCUMENTS, 4);
        try (var model = Tiny.decoder(family, true)) {
            Tiny.Gradients apart = Tiny.gradients(model, false, Tiny.rows(12, few));
            Tiny.Gradients packed = Tiny.gradients(model, false, Tiny.packed(few));
            assertThat(packed.loss().count()).isEqualTo(apart.loss().count());
            assertThat(packed.loss().sum()).isCloseTo(apart.loss().sum(), within(1e-4));
            assertThat(packed.differenceFrom(apart)).isLessThan(1e-5);
        }
    }

    /** A step over three batches is a step over one that holds all their rows: same loss, same norm, same weights. */
    @Test
    void accumulatedStepsTrainAsLargeBatchesDo() {
        var accumulated = run("accumulated", 3, number -> Tiny.rows(12, DOCUMENTS[(int) (number % 7)]));
        var large = run("large", 1, number -> Tiny.rows(12, DOCUMENTS[(int) (3 * number % 7)], DOCUMENTS[(int) ((3 * number + 1) % 7)],
                DOCUMENTS[(int) ((3 * number + 2) % 7)]));
        assertThat(accumulated.steps).hasSameSizeAs(large.steps);
        for (int i = 0; i < large.steps.size(); i++) {
            assertThat(accumulated.steps.get(i).loss()).isCloseTo(large.steps.get(i).loss(), within(1e-4));
            assertThat(accumulated.steps.get(i).gradNorm()).isCloseTo(large.steps.get(i).gradNorm(), within(1e-3));
            assertThat(accumulated.steps.get(i).lr()).isEqualTo(large.steps.get(i).lr());
        }
        for (int i = 0; i < large.weights.length; i++) {
            assertThat(accumulated.weights[i]).isCloseTo(large.weights[i], within(2e-3f));
        }
    }

    private record Run(List<TrainListener.Step> steps, float[] weights) {}

    private Run run(String name, int accumulation, java.util.function.LongFunction<Batch> batches) {
        var steps = new ArrayList<TrainListener.Step>();
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(batches, List.of()),
                    Tiny.options(5, accumulation, 1), directory.resolve(name), new TrainListener() {
                        @Override
                        public void step(Step step) {
                            steps.add(step);
                        }
                    }).train();
            return new Run(steps, model.parameters().get("model.layers.0.mlp.up_proj.weight").toFloats());
        }
    }
}
