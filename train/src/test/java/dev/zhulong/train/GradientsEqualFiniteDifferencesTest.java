package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The hand-written end of the graph and the automatic rest of it, together, against the change of the loss itself. */
class GradientsEqualFiniteDifferencesTest {
    private static final float STEP = 1e-2f;

    @ParameterizedTest
    @CsvSource({"llama, true", "llama, false", "gpt2, true"})
    void alongEveryWeightsOwnGradient(Family family, boolean tied) {
        try (var model = Tiny.decoder(family, tied)) {
            Batch batch = Tiny.batch(1);
            Tiny.Gradients gradients = Tiny.gradients(model, false, batch);
            gradients.byName().forEach((name, g) -> {
                double norm = norm(g);
                if (norm < 1e-3) {
                    return;  // a difference of two float32 losses does not see it
                }
                double expected = norm;
                double up = moved(model, batch, name, g, STEP / norm);
                double down = moved(model, batch, name, g, -STEP / norm);
                assertThat((up - down) / (2 * STEP)).as(name).isCloseTo(expected, within(2e-2 * expected + 2e-3));
            });
        }
    }

    /** Loss with one weight moved along its gradient. */
    private static double moved(Decoder model, Batch batch, String name, float[] direction, double by) {
        MemorySegment weight = model.parameters().get(name).segment();
        float[] before = weight.toArray(ValueLayout.JAVA_FLOAT);
        for (int i = 0; i < before.length; i++) {
            weight.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (before[i] + by * direction[i]));
        }
        double loss = new NextToken(model).evaluate(batch).sum();
        MemorySegment.copy(before, 0, weight, ValueLayout.JAVA_FLOAT, 0, before.length);
        return loss;
    }

    private static double norm(float[] g) {
        double sum = 0;
        for (float v : g) {
            sum += (double) v * v;
        }
        return Math.sqrt(sum);
    }
}
