package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import org.junit.jupiter.api.Test;

/** The balance loss of two layers with four experts of which a token is given two, against sums by hand. */
class ExpertsOfEachLayerAreBalancedTest {
    private static final double FACTOR = 0.5;
    /** Tokens. */
    private static final int T = 10;
    /** Layer by layer: choices, probabilities, entropy. The layers starve opposite experts. */
    private static final float[] OPPOSITE = {10, 10, 0, 0, 4, 4, 1, 1, 3, 3, 2, 2, 0, 0, 10, 10, 1, 1, 4, 4, 3, 3, 2, 2};
    private static final float[] EQUAL = {5, 5, 5, 5, 2.5f, 2.5f, 2.5f, 2.5f, 3, 3, 3, 3, 5, 5, 5, 5, 2.5f, 2.5f, 2.5f, 2.5f, 3, 3, 3, 3};

    private static Balance balance(Balance.Over over) {
        return Balance.of(Tiny.mixture(FACTOR).stack(), over).orElseThrow();
    }

    private static double loss(Balance.Over over, float[] account) {
        try (var scope = TensorScope.open()) {
            return balance(over).loss(Tensor.of(account, 2, 3, 4));
        }
    }

    @Test
    void namesakesOfOtherLayersDoNotMakeUpForOneThatStarves() {
        for (var over : Balance.Over.values()) {
            assertThat(loss(over, EQUAL)).isCloseTo(2, within(1e-6));
        }
        // of all layers together every expert has its share
        assertThat(loss(Balance.Over.NETWORK, OPPOSITE)).isCloseTo(2, within(1e-6));
        // of each layer: 4 experts · 2 busy ones · (10 / T) · (4 / T)
        assertThat(loss(Balance.Over.LAYER, OPPOSITE)).isCloseTo(4 * 2 * 1.0 * 0.4, within(1e-6));
    }

    @Test
    void theGradientIsThatOfTheLoss() {
        for (var over : Balance.Over.values()) {
            try (var scope = TensorScope.open()) {
                float[] gradient = balance(over).gradient(Tensor.of(OPPOSITE, 2, 3, 4), 7).toFloats();
                for (int i = 0; i < gradient.length; i++) {
                    boolean probability = i / 4 % 3 == 1;
                    float[] moved = OPPOSITE.clone();
                    moved[i] += 0.5f;
                    // linear in the probabilities; nothing flows through the rest
                    double expected = probability ? FACTOR * 7 * (loss(over, moved) - loss(over, OPPOSITE)) / 0.5 : 0;
                    assertThat((double) gradient[i]).as("%s %d", over, i).isCloseTo(expected, within(1e-5));
                }
            }
        }
    }

    @Test
    void whatIsObservedIsOfAllBatches() {
        Balance balance = balance(Balance.Over.LAYER);
        try (var scope = TensorScope.open()) {
            balance.gradient(Tensor.of(OPPOSITE, 2, 3, 4), 1);
            balance.gradient(Tensor.of(EQUAL, 2, 3, 4), 1);
        }
        var seen = balance.observed();
        assertThat(seen.get("balance_loss").doubleValue()).isCloseTo((2 + 3.2) / 2, within(1e-6));
        assertThat(seen.get("router_entropy").doubleValue()).isCloseTo((20 + 24) / (4.0 * T), within(1e-6));
        for (int expert = 0; expert < 4; expert++) {
            assertThat(seen.get("expert_share_" + expert).doubleValue()).isCloseTo(0.25, within(1e-6));
        }
        assertThat(seen.get("expert_share_least").doubleValue()).isCloseTo(5 / (2.0 * 2 * T), within(1e-6));
        assertThat(balance.observed()).isEmpty();
    }
}
