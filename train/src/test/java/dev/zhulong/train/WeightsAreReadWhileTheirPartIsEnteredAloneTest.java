package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Part;
import dev.zhulong.model.Residency;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What sharding and training beyond memory rest on: between uses the weights of layers may be away. */
class WeightsAreReadWhileTheirPartIsEnteredAloneTest {
    /** Takes the weights of layers away while their part is not in use. */
    private static final class Away implements Residency, AutoCloseable {
        private final Map<Weight, Tensor> kept = new HashMap<>();
        private int uses;

        Away(Decoder model) {
            for (Weight weight : model.weights().values()) {
                if (weight.parameter().layer() >= 0) {
                    kept.put(weight, weight.tensor());
                    weight.set(null);
                }
            }
        }

        @Override
        public void enter(Part part) {
            uses++;
            part.weights().stream().filter(kept::containsKey).forEach(weight -> weight.set(kept.get(weight)));
        }

        @Override
        public void leave(Part part) {
            part.weights().stream().filter(kept::containsKey).forEach(weight -> weight.set(null));
        }

        @Override
        public void close() {
            kept.forEach(Weight::set);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2"})
    void lossesAndGradientsHaveTheSameBits(String family) {
        Batch batch = Tiny.batch(1);
        Map<String, float[]> expected = new HashMap<>();
        try (Decoder model = Tiny.decoder(Family.of(family), true)) {
            model.requiresGrad(true);
            Loss loss = new NextToken(model).accumulate(batch, true);
            model.parameters().forEach((name, weight) -> expected.put(name, weight.grad().toFloats()));
            model.parameters().values().forEach(Tensor::clearGrad);
            try (var away = new Away(model)) {
                model.residency(away);
                Weight layer = model.weights().values().stream().filter(weight -> weight.parameter().layer() == 0).findFirst().orElseThrow();
                assertThatThrownBy(layer::tensor).isInstanceOf(IllegalStateException.class).hasMessageContaining(layer.parameter().name());
                // without recomputation too: a kept graph would hold on to the weights
                assertThat(new NextToken(model).accumulate(batch, false)).isEqualTo(loss);
                assertThat(away.uses).isEqualTo(2 * model.parts().size() - 1);
                try (var scope = TensorScope.open()) {
                    assertThat(model.logits(Tensor.of(new int[] {1, 2, 3}, 1, 3)).shape()).containsExactly(1, 3, model.spec().vocabSize());
                }
                assertThat(layer.isHere()).isFalse();
            }
            model.residency(Residency.HERE);
            model.parameters().forEach((name, weight) -> assertThat(weight.grad().toFloats()).as(name).isEqualTo(expected.get(name)));
        }
    }
}
