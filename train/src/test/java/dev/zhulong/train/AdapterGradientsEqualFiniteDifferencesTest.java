package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.KeyValues;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Traps 12 and 91: every adapted matrix, over whole sequences, kept activations or not. */
class AdapterGradientsEqualFiniteDifferencesTest {
    private static final float STEP = 1e-2f;
    private static final int[] DOCUMENT = Tiny.document(8, 3);

    static Stream<Arguments> kinds() {
        return Stream.of(Family.of("llama"), Family.of("gpt2")).flatMap(f -> Stream.of(false, true).flatMap(dora ->
                Stream.of(false, true).map(recompute -> Arguments.of(f, dora, recompute))));
    }

    private static LoraAdapter adapter(Decoder model, boolean dora) {
        LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(3, 5, LoraConfig.ALL_LINEAR).withDora(dora), 2);
        var random = new SplittableRandom(9);
        // B is zero at the start, where A has no gradient to test
        adapter.parameters().forEach((name, t) -> {
            if (name.contains("lora_B")) {
                for (int i = 0; i < t.elements(); i++) {
                    t.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-0.3, 0.3));
                }
            }
        });
        return adapter;
    }

    private static Map<String, float[]> gradients(Decoder model, boolean recompute, Batch batch) {
        model.requiresGrad(true);
        new NextToken(model).accumulate(batch, recompute);
        return taken(model);
    }

    private static Map<String, float[]> taken(Decoder model) {
        Map<String, float[]> all = new LinkedHashMap<>();
        model.trainable().forEach((name, p) -> {
            all.put(name, p.grad().toFloats());
            p.clearGrad();
        });
        model.requiresGrad(false);
        return all;
    }

    /** Change of the loss for a move of length one along {@code direction}, and the same by the gradient. */
    private static double[] slopes(Decoder model, Batch batch, String name, float[] gradient, double[] direction) {
        double norm = 0;
        double expected = 0;
        for (double d : direction) {
            norm += d * d;
        }
        norm = Math.sqrt(norm);
        for (int i = 0; i < direction.length; i++) {
            expected += gradient[i] * direction[i] / norm;
        }
        return new double[] {(moved(model, batch, name, direction, STEP / norm) - moved(model, batch, name, direction, -STEP / norm)) / (2 * STEP),
                expected};
    }

    private static double moved(Decoder model, Batch batch, String name, double[] direction, double by) {
        MemorySegment weight = model.trainable().get(name).segment();
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

    private static double[] widened(float[] g) {
        double[] wide = new double[g.length];
        for (int i = 0; i < g.length; i++) {
            wide[i] = g[i];
        }
        return wide;
    }

    @ParameterizedTest(name = "{0}, dora {1}, recompute {2}")
    @MethodSource("kinds")
    void alongItsGradientAndAtRandom(Family family, boolean dora, boolean recompute) {
        try (var model = Tiny.decoder(family, true); var adapter = adapter(model, dora)) {
            model.attach(adapter);
            Batch batch = Tiny.packed(DOCUMENT, Tiny.document(5, 4));
            Map<String, float[]> gradients = gradients(model, recompute, batch);
            assertThat(gradients).hasSize((dora ? 3 : 2) * 2 * (family == Family.of("llama") ? 7 : 4));
            var random = new SplittableRandom(1);
            gradients.forEach((name, g) -> {
                double size = norm(g);
                assertThat(size).as(name).isGreaterThan(1e-2);
                if (dora && !name.contains("magnitude")) {
                    return; // DoRA's norm is a constant to the gradient by design, but not to the loss
                }
                double[] along = slopes(model, batch, name, g, widened(g));
                assertThat(along[0]).as(name).isCloseTo(along[1], within(2e-2 * size + 4e-3));
                double[] any = slopes(model, batch, name, g, random.doubles(g.length, -1, 1).toArray());
                assertThat(any[0]).as(name + ", at random").isCloseTo(any[1], within(2e-2 * size + 4e-3));
            });
            assertThat(model.parameters().values()).as("the base is frozen").noneMatch(p -> p.requiresGrad() || p.grad() != null);
        }
    }

    @Test
    void recomputeGivesTheSameGradients() {
        for (boolean dora : List.of(false, true)) {
            try (var model = Tiny.decoder(Family.of("llama"), true); var adapter = adapter(model, dora)) {
                model.attach(adapter);
                Batch batch = Tiny.batch(3);
                Map<String, float[]> kept = gradients(model, false, batch);
                gradients(model, true, batch).forEach((name, g) -> assertThat(g).as(name).isEqualTo(kept.get(name)));
            }
        }
    }

    /** What a program gets that runs token by token and forgets how earlier keys and values came to be. */
    @Test
    void aGradientCutAtEarlierPositionsWouldFail() {
        try (var model = Tiny.decoder(Family.of("llama"), true); var adapter = adapter(model, false)) {
            model.attach(adapter);
            Batch batch = Tiny.packed(DOCUMENT);
            Map<String, float[]> whole = gradients(model, false, batch);
            model.requiresGrad(true);
            try (var scope = TensorScope.open()) {
                var past = new Forgetful(model.spec().layers());
                for (int i = 0; i + 1 < DOCUMENT.length; i++) {
                    Tensor hidden = model.hidden(Tensor.of(new int[] {DOCUMENT[i]}, 1, 1), model.cached(1, past));
                    HeadLoss loss = HeadLoss.withGradient(hidden.detach().view(1, -1), model.head(), new int[] {DOCUMENT[i + 1]});
                    hidden.backward(loss.gradient().view(hidden.shape()));
                    past.length++;
                }
            }
            Map<String, float[]> cut = taken(model);
            for (String module : List.of("layers.0.self_attn.k_proj", "layers.0.self_attn.v_proj", "layers.1.self_attn.v_proj")) {
                String name = "base_model.model.model." + module + ".lora_B.weight";
                float[] g = whole.get(name);
                double[] right = slopes(model, batch, name, g, widened(g));
                assertThat(right[0]).as(name).isCloseTo(right[1], within(2e-2 * norm(g) + 4e-3));
                double[] wrong = slopes(model, batch, name, cut.get(name), widened(g));
                assertThat(Math.abs(wrong[0] - wrong[1])).as("the cut gradient of " + name).isGreaterThan(5e-2 * norm(g) + 4e-3);
            }
        }
    }

    private static final class Forgetful implements KeyValues {
        private final List<List<Pair>> layers = new ArrayList<>();
        private int length;

        Forgetful(int count) {
            for (int i = 0; i < count; i++) {
                layers.add(new ArrayList<>());
            }
        }

        @Override
        public Pair append(int layer, Tensor k, Tensor v) {
            List<Pair> past = layers.get(layer);
            Tensor keys = k;
            Tensor values = v;
            for (int i = past.size() - 1; i >= 0; i--) {
                keys = Tensor.cat(2, past.get(i).k(), keys);
                values = Tensor.cat(2, past.get(i).v(), values);
            }
            past.add(new Pair(k.detach().copy().keep(), v.detach().copy().keep()));
            return new Pair(keys, values);
        }

        @Override
        public int length() {
            return length;
        }
    }
}
