package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.model.Encoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import org.junit.jupiter.api.Test;

/** Squared errors of numbers, and binary cross-entropies of labels that are right to some degree, by their formulas. */
class ClassesMayBeNumbersTest {
    private static final int[] IDS = {3, 4, 5, 6, 7, 8};
    private static final float[] NUMBERS = {0.25f, 1, 0, 0.5f};

    private static Encoder model(List<String> labels, Problem problem) {
        var layer = new Layer(new Attention(2, 2, 4, true, true, false, 0), new Mlp.Dense(12, Activation.RELU, false, true));
        var stack = new Stack(8, List.of(layer), Norm.LAYER, 1e-12, NormPlace.AFTER, new Positions.Learned(0), 9);
        var bare = new EncoderSpec((EncoderFamily) Family.of("bert"), stack, 11, 2, 0, new Head.None());
        return Encoder.random(bare.withClasses(labels, problem), 3);
    }

    private static EncoderBatch batch(float... numbers) {
        return new EncoderBatch(2, 3, IDS, new int[6], new int[] {3, 3}, new int[0], numbers);
    }

    private static void lossIs(Encoder model, float[] numbers, DoubleBinaryOperator of) {
        try (model) {
            double sum = 0;
            try (var scope = TensorScope.open(); var off = NoGrad.open()) {
                float[] logits = model.logits(model.states(IDS, new int[6], null, 2)).toFloats();
                for (int i = 0; i < logits.length; i++) {
                    sum += of.applyAsDouble(logits[i], numbers[i]);
                }
            }
            model.requiresGrad(true);
            Loss loss = new HeadOfEncoder(model).accumulate(batch(numbers), false);
            assertThat(loss.count()).isEqualTo(numbers.length);
            assertThat(loss.sum()).isCloseTo(sum, within(1e-5));
            assertThat(model.parameters().values().stream().map(Tensor::grad)).isNotEmpty().doesNotContainNull();
        }
    }

    @Test
    void numbersHaveSquaredErrors() {
        Encoder model = model(List.of("a", "b"), Problem.REGRESSION);
        assertThat(new HeadOfEncoder(model).unit()).hasToString("squared error a number");
        lossIs(model, NUMBERS, (x, y) -> (x - y) * (x - y));
        lossIs(model(List.of("score"), Problem.REGRESSION), new float[] {4.5f, -1}, (x, y) -> (x - y) * (x - y));
    }

    @Test
    void labelsMayBeRightToSomeDegree() {
        lossIs(model(List.of("a", "b"), Problem.MULTI_LABEL), NUMBERS, (x, y) -> Math.log1p(Math.exp(x)) - x * y);
    }

    @Test
    void numbersAreNotMadeOfIds() {
        try (Encoder model = model(List.of("score"), Problem.REGRESSION)) {
            var ids = new EncoderBatch(2, 3, IDS, new int[6], new int[] {3, 3}, new int[] {0, 0});
            assertThatThrownBy(() -> new HeadOfEncoder(model).evaluate(ids)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("regression");
        }
    }
}
