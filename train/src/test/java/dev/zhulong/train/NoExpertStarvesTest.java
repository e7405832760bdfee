package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the balance loss says of real routers, what it is taken over, and what it brings. */
class NoExpertStarvesTest {
    private static final int SEQ = 12;
    private static final int STEPS = 120;
    private static final int LAST = 40;

    private static DecoderSpec mixture(int experts, int chosen, double factor) {
        DecoderSpec spec = Tiny.mixture(factor);
        Stack stack = spec.stack();
        var layers = stack.layers().stream()
                .map(layer -> new Stack.Layer(layer.attention(), new Mlp.Experts(experts, chosen, ((Mlp.Experts) layer.mlp()).expert(), factor))).toList();
        return new DecoderSpec(spec.family(), new Stack(stack.hiddenSize(), layers, stack.norm(), stack.normEpsilon(), stack.place(), stack.positions(),
                stack.contextLength()), spec.vocabSize(), true, spec.bosId(), spec.eosIds());
    }

    private static Map<String, Number> observed(Decoder model, Batch batch) {
        model.requiresGrad(true);
        NextToken objective = Tiny.nextToken(model);
        objective.accumulate(batch, false);
        return objective.observed();
    }

    /** With the number of experts as its scale, the sum is 1 for each expert that a token is given to. */
    @ParameterizedTest
    @CsvSource({"2, 1", "4, 1", "8, 1", "8, 2"})
    void theBalanceLossOfAUniformRouterIsOneForEachChoice(int experts, int chosen) {
        try (Decoder model = Tiny.decoder(mixture(experts, chosen, 0.01))) {
            model.parameters().forEach((name, weight) -> {
                if (name.endsWith("gate.weight")) {
                    weight.mul_(0);
                }
            });
            assertThat(observed(model, Tiny.batch(1)).get("balance_loss").doubleValue()).isCloseTo(chosen, within(1e-6));
        }
    }

    @Test
    void paddingIsNotCounted() {
        int[] text = Tiny.document(SEQ, 5);
        Batch padded = Tiny.rows(SEQ, text, new int[0], new int[0]);
        try (Decoder model = Tiny.decoder(mixture(4, 2, 0.01))) {
            var alone = observed(model, Tiny.rows(SEQ, text));
            var beside = observed(model, padded);
            assertThat(beside.keySet()).isEqualTo(alone.keySet()).contains("balance_loss", "router_entropy", "expert_share_least", "expert_share_3");
            alone.forEach((name, value) -> assertThat(beside.get(name).doubleValue()).as(name).isCloseTo(value.doubleValue(), within(1e-5)));
            // the same tokens, taught: they do count
            assertThat(observed(model, Tiny.rows(SEQ, text, new int[SEQ], new int[SEQ])).get("expert_share_3").doubleValue())
                    .isNotCloseTo(alone.get("expert_share_3").doubleValue(), within(1e-3));
        }
    }

    /** Over the last steps of a training, in the layer where it has least. */
    @Test
    void eachHasMoreThanAQuarterOfAnEqualShare() {
        assertThat(leastShare(0)).isLessThan(0.25 / 4);
        assertThat(leastShare(0.1)).isGreaterThan(0.25 / 4);
    }

    private static double leastShare(double factor) {
        try (Decoder model = Tiny.decoder(mixture(4, 1, factor)); var scope = TensorScope.open()) {
            model.requiresGrad(true);
            NextToken objective = Tiny.nextToken(model);
            try (AdamW adamw = new AdamW(model.parameters(), List.of(), Tiny.ADAMW)) {
                for (int step = 1; step <= STEPS; step++) {
                    if (step == STEPS - LAST) {
                        objective.observed();
                    }
                    long count = objective.accumulate(Tiny.batch(step), false).count();
                    adamw.step(step, 3e-3, Tensor.of(new float[] {count}).squeeze(0));
                    model.parameters().values().forEach(p -> p.clearGrad());
                }
            }
            return objective.observed().get("expert_share_least").doubleValue();
        }
    }
}
