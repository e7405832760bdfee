package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DropoutIsTheSameInEveryPassOfAStepTest {
    @TempDir
    Path temporary;

    private static LoraAdapter adapter(Decoder model) {
        LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR).withDropout(0.3), 2);
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

    private static Map<String, float[]> gradients(Decoder model, LoraAdapter adapter, boolean recompute, long seed) {
        model.requiresGrad(true);
        adapter.dropout(seed);
        new NextToken(model).accumulate(Tiny.batch(3), recompute);
        adapter.noDropout();
        Map<String, float[]> all = new LinkedHashMap<>();
        model.trainable().forEach((name, p) -> {
            all.put(name, p.grad().toFloats());
            p.clearGrad();
        });
        model.requiresGrad(false);
        return all;
    }

    @Test
    void recomputedBlocksSeeTheMasksOfTheirForward() {
        try (var model = Tiny.decoder(Family.of("llama"), true); var adapter = adapter(model)) {
            model.attach(adapter);
            Map<String, float[]> kept = gradients(model, adapter, false, 4);
            gradients(model, adapter, true, 4).forEach((name, g) -> assertThat(g).as(name).isEqualTo(kept.get(name)));
            assertThat(gradients(model, adapter, false, 5).values().iterator().next()).isNotEqualTo(kept.values().iterator().next());
        }
    }

    @Test
    void itDropsItsShareAndNothingWhileEvaluating() {
        try (var model = Tiny.decoder(Family.of("llama"), true); var adapter = adapter(model)) {
            model.attach(adapter);
            Batch batch = Tiny.batch(3);
            double plain = new NextToken(model).evaluate(batch).sum();
            double mean = 0;
            for (int seed = 0; seed < 200; seed++) {
                adapter.dropout(seed);
                double dropped = new NextToken(model).evaluate(batch).sum();
                assertThat(dropped).isNotEqualTo(plain);
                mean += dropped / 200;
            }
            assertThat(Math.abs(mean - plain) / plain).as("unbiased but for the curvature").isLessThan(0.1);
            adapter.noDropout();
            assertThat(new NextToken(model).evaluate(batch).sum()).isEqualTo(plain);
        }
    }

    @Test
    void aStoppedRunEndsInTheSameBits() {
        float[] whole = run(temporary.resolve("whole"), 6);
        run(temporary.resolve("stopped"), 3);
        assertThat(run(temporary.resolve("stopped"), 6)).isEqualTo(whole);
    }

    private static float[] run(Path directory, long steps) {
        try (var model = Tiny.decoder(Family.of("llama"), true); var adapter = adapter(model)) {
            model.attach(adapter);
            // a schedule of six steps, of which the first call takes as many as asked for
            TrainOptions six = Tiny.options(6, 2, 1);
            var options = new TrainOptions(steps, 2, six.schedule(), 1, Tiny.ADAMW, false, 5, 0, 0, 3, 2);
            new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), options, directory, new TrainListener() {}).train();
            return adapter.parameters().values().iterator().next().toFloats();
        }
    }
}
