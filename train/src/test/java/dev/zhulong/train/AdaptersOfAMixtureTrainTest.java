package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.train.schedule.Constant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** On the attention, on one matrix of each expert, or on all projections; routers have none and stay as they are. */
class AdaptersOfAMixtureTrainTest {
    private static Map<String, float[]> values(Map<String, dev.zhulong.tensor.Tensor> tensors) {
        Map<String, float[]> all = new LinkedHashMap<>();
        tensors.forEach((name, t) -> all.put(name, t.toFloats()));
        return all;
    }

    @ParameterizedTest
    @CsvSource({"q_proj, false", "w2, false", "w2, true", "all-linear, true"})
    void theLossFallsAndTheBaseStays(String target, boolean recompute) {
        try (Decoder model = Tiny.decoder(Tiny.mixture(0.01));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, target), 1)) {
            Map<String, float[]> base = values(model.parameters());
            model.attach(adapter);
            model.requiresGrad(true);
            Batch always = Tiny.batch(1);
            var objective = new NextToken(model);
            double before = objective.evaluate(always).mean();
            var options = new TrainOptions(12, 1, new Constant(1e-2, 0, 12), 1, Tiny.ADAMW, recompute, 0, 0, 0, 0, 1);
            try (Optimizer optimizer = Tiny.ADAMW.of(model.trainable(), model.decayed())) {
                var step = new TrainStep<>(model, objective, new TrainData<>(number -> always, List.of()), options, optimizer, Ranks.ALONE);
                long updates = 0;
                for (int i = 0; i < 12; i++) {
                    updates = step.run(i, updates).updates();
                }
            }
            assertThat(objective.evaluate(always).mean()).isLessThan(0.95 * before);
            values(model.parameters()).forEach((name, v) -> assertThat(v).as(name).isEqualTo(base.get(name)));
            assertThat(objective.observed()).containsKey("router_entropy");
        }
    }
}
