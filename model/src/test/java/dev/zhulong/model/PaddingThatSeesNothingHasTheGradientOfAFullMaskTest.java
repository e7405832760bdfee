package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Padding beyond a window's reach, as scores with the most negative number added and a softmax have it. */
class PaddingThatSeesNothingHasTheGradientOfAFullMaskTest {
    private static final int SEQ = 11;
    private static final int SEEN = 4;
    private static final int WINDOW = 4;

    @Test
    void valuesAndGradientsAreThose() {
        var attention = new Attention(2, 2, 4, false, false, false, 0).withWindow(WINDOW);
        var stack = new Stack(8, List.of(new Layer(attention, new Mlp.Dense(8, Activation.GELU, false, false))), Norm.LAYER, 1e-5, NormPlace.BEFORE,
                new Positions.Learned(0), SEQ);
        float[] mask = new float[SEQ * SEQ];
        boolean[] visible = new boolean[SEQ];
        for (int query = 0; query < SEQ; query++) {
            visible[query] = query < SEEN;
            for (int key = 0; key < SEQ; key++) {
                mask[query * SEQ + key] = key < SEEN && Math.abs(query - key) <= WINDOW / 2 ? 0 : -Float.MAX_VALUE;
            }
        }
        try (var scope = TensorScope.open()) {
            Tensor[] ours = random();
            Tensor[] dense = new Tensor[3];
            for (int i = 0; i < 3; i++) {
                dense[i] = ours[i].detach().copy().requiresGrad(true);
                ours[i].requiresGrad(true);
            }
            Pass pass = Pass.full(stack, new RotaryTables(stack), Tensor.arange(SEQ).unsqueeze(0), visible, null);
            Tensor y = pass.attend(0, ours[0], ours[1], ours[2]);
            Tensor expected = dense[0].matmul(dense[1].transpose(2, 3)).mul(0.5).add(Tensor.of(mask, SEQ, SEQ)).softmax(-1).matmul(dense[2]);
            near(y, expected);
            Tensor weights = Tensor.randn(1, 2, SEQ, 4);
            y.backward(weights);
            expected.backward(weights);
            for (int i = 0; i < 3; i++) {
                near(ours[i].grad(), dense[i].grad());
            }
        }
    }

    private static Tensor[] random() {
        return new Tensor[] {Tensor.randn(1, 2, SEQ, 4), Tensor.randn(1, 2, SEQ, 4), Tensor.randn(1, 2, SEQ, 4)};
    }

    private static void near(Tensor found, Tensor expected) {
        float[] a = found.toFloats();
        float[] b = expected.toFloats();
        for (int i = 0; i < b.length; i++) {
            assertThat(a[i]).isCloseTo(b[i], within(1e-5f));
        }
    }
}
