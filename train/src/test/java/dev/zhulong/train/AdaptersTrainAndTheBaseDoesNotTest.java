package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.train.schedule.Constant;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdaptersTrainAndTheBaseDoesNotTest {
    @TempDir
    Path temporary;

    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static Map<String, float[]> values(Map<String, dev.zhulong.tensor.Tensor> tensors) {
        Map<String, float[]> all = new LinkedHashMap<>();
        tensors.forEach((name, t) -> all.put(name, t.toFloats()));
        return all;
    }

    /** Trains; gives the adapter's weights, or null if stopped. */
    private Map<String, float[]> train(Path run, long stopAfter, double[] losses) {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), 1)) {
            Map<String, float[]> base = values(model.parameters());
            model.attach(adapter);
            var options = new TrainOptions(12, 1, new Constant(1e-2, 0, 12), 1, Tiny.ADAMW, false, 5, 0, 0, 3, 2);
            var always = Tiny.batch(1);
            var data = new TrainData<>(step -> always, java.util.List.of(always));
            try {
                new Trainer<>(model, new NextToken(model), data, options, run, new TrainListener() {
                    @Override
                    public void step(Step step) {
                        losses[(int) step.step() - 1] = step.loss();
                        if (step.step() == stopAfter) {
                            throw new Stop();
                        }
                    }
                }).train();
            } catch (Stop e) {
                return null;
            }
            values(model.parameters()).forEach((name, v) -> assertThat(v).as(name).isEqualTo(base.get(name)));
            return values(adapter.parameters());
        }
    }

    @Test
    void theLossFallsAndAStoppedRunEndsInTheSameBits() {
        double[] losses = new double[12];
        Map<String, float[]> whole = train(temporary.resolve("whole"), 0, losses);
        assertThat(losses[11]).isLessThan(0.7 * losses[0]);
        Path run = temporary.resolve("stopped");
        assertThat(train(run, 5, losses)).isNull();
        Map<String, float[]> resumed = train(run, 0, losses);
        whole.forEach((name, v) -> assertThat(resumed.get(name)).as(name).isEqualTo(v));
    }
}
