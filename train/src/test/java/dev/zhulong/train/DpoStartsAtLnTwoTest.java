package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Traps 20 and 21. */
class DpoStartsAtLnTwoTest {
    /** Two pairs: prompts of three tokens, answers of three and two, of one and four. */
    private static final int[][] SEQUENCES = {{3, 7, 1, 11, 12, 0}, {3, 7, 1, 14, 0}, {5, 2, 9, 0}, {5, 2, 9, 21, 22, 23, 0}};
    private static final int PROMPT = 3;

    private static Batch batch(int seq) {
        Batch batch = Tiny.rows(seq, SEQUENCES);
        for (int row = 0; row < SEQUENCES.length; row++) {
            for (int i = 0; i < PROMPT - 1; i++) {
                batch.targets()[row * seq + i] = Batch.NO_TARGET;
            }
        }
        return batch;
    }

    private static LoraAdapter moved(Decoder model) {
        LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR), 2);
        var random = new SplittableRandom(9);
        adapter.parameters().forEach((name, t) -> {
            if (name.contains("lora_B")) {
                for (int i = 0; i < t.elements(); i++) {
                    t.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-0.2, 0.2));
                }
            }
        });
        return adapter;
    }

    @Test
    void beforeTheFirstStepPolicyAndReferenceAreOne() {
        for (double smoothing : new double[] {0, 0.1}) {
            try (var model = Tiny.decoder(Family.of("llama"), true);
                    var adapter = LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR), 2)) {
                model.attach(adapter);
                model.requiresGrad(true);
                Loss loss = new Dpo(model, 0.1, smoothing).accumulate(batch(8), false);
                assertThat(loss.count()).isEqualTo(2);
                assertThat(loss.mean()).isEqualTo(Math.log(2));
            }
        }
    }

    /** By the formula, in float64, from probabilities of each token found one sequence at a time. */
    @Test
    void aPairCountsEveryTokenOfBothAnswersAndNothingElse() {
        try (var model = Tiny.decoder(Family.of("llama"), true); var adapter = moved(model)) {
            double[] reference = new double[4];
            double[] policy = new double[4];
            for (int i = 0; i < 4; i++) {
                reference[i] = answer(model, SEQUENCES[i]);
            }
            model.attach(adapter);
            for (int i = 0; i < 4; i++) {
                policy[i] = answer(model, SEQUENCES[i]);
            }
            double beta = 0.3;
            double smoothing = 0.2;
            double expected = 0;
            for (int pair = 0; pair < 2; pair++) {
                double delta = policy[2 * pair] - reference[2 * pair] - policy[2 * pair + 1] + reference[2 * pair + 1];
                expected += -(1 - smoothing) * Math.log(1 / (1 + Math.exp(-beta * delta))) - smoothing * Math.log(1 / (1 + Math.exp(beta * delta)));
            }
            assertThat(Math.abs(expected - 2 * Math.log(2))).isGreaterThan(1e-2);
            // however far the rows are filled up on the right
            for (int seq : new int[] {6, 8, 20}) {
                assertThat(new Dpo(model, beta, smoothing).evaluate(batch(seq)).sum()).isCloseTo(expected, within(1e-5));
            }
        }
    }

    private static double answer(Decoder model, int[] ids) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            float[] logits = model.logits(Tensor.of(ids, 1, ids.length)).toFloats();
            double sum = 0;
            for (int i = PROMPT; i < ids.length; i++) {
                double total = 0;
                for (int v = 0; v < Tiny.VOCAB; v++) {
                    total += Math.exp(logits[(i - 1) * Tiny.VOCAB + v]);
                }
                sum += logits[(i - 1) * Tiny.VOCAB + ids[i]] - Math.log(total);
            }
            return sum;
        }
    }

    @Test
    void gradientsEqualFiniteDifferencesWithAndWithoutRecompute() {
        try (var model = Tiny.decoder(Family.of("llama"), true); var adapter = moved(model)) {
            model.attach(adapter);
            var dpo = new Dpo(model, 0.3, 0.1);
            Batch batch = batch(8);
            for (boolean recompute : List.of(false, true)) {
                model.requiresGrad(true);
                dpo.accumulate(batch, recompute);
                for (var entry : model.trainable().entrySet()) {
                    float[] g = entry.getValue().grad().toFloats();
                    entry.getValue().clearGrad();
                    double size = 0;
                    for (float v : g) {
                        size += (double) v * v;
                    }
                    size = Math.sqrt(size);
                    double step = 2e-2;
                    double slope = (at(dpo, batch, entry.getValue(), g, step / size) - at(dpo, batch, entry.getValue(), g, -step / size))
                            / (2 * step);
                    assertThat(slope).as(entry.getKey()).isCloseTo(size, within(3e-2 * size + 2e-3));
                }
                model.requiresGrad(false);
            }
        }
    }

    private static double at(Dpo dpo, Batch batch, Tensor weight, float[] direction, double by) {
        MemorySegment segment = weight.segment();
        float[] before = segment.toArray(ValueLayout.JAVA_FLOAT);
        for (int i = 0; i < before.length; i++) {
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (before[i] + by * direction[i]));
        }
        double loss = dpo.evaluate(batch).sum();
        MemorySegment.copy(before, 0, segment, ValueLayout.JAVA_FLOAT, 0, before.length);
        return loss;
    }

    @Test
    void pairsAreWhole() {
        try (var model = Tiny.decoder(Family.of("llama"), true)) {
            assertThatThrownBy(() -> new Dpo(model, 0.1, 0).evaluate(Tiny.rows(6, SEQUENCES[0]))).hasMessageContaining("even number of rows");
            assertThatThrownBy(() -> new Dpo(model, 0, 0)).hasMessageContaining("beta");
            assertThatThrownBy(() -> new Dpo(model, 0.1, 0.5)).hasMessageContaining("label_smoothing");
        }
    }
}
