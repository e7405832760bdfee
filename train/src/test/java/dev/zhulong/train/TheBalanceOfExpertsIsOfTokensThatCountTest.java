package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Traps 81 and 9: padding in the balance of experts, its scale, a limit or a correction that the cut into batches changes, and a loss that leaks. */
class TheBalanceOfExpertsIsOfTokensThatCountTest {
    private static final int EXPERTS = 4;

    @TempDir
    Path directory;

    private static DecoderSpec mixture(int chosen) {
        DecoderSpec two = Tiny.mixture(0.3);
        var layers = two.stack().layers().stream().map(layer -> {
            var experts = (Mlp.Experts) layer.mlp();
            return new Stack.Layer(layer.attention(), new Mlp.Experts(EXPERTS, chosen, experts.expert(), experts.balance()));
        }).toList();
        Stack s = two.stack();
        return new DecoderSpec(two.family(), new Stack(s.hiddenSize(), layers, s.norm(), s.normEpsilon(), s.place(), s.positions(), s.contextLength()), two.vocabSize(), true,
                two.bosId(), two.eosIds());
    }

    private static NextToken objective(Decoder model, Balancing how) {
        return new NextToken(model, new int[model.spec().vocabSize()], how);
    }

    private static Map<String, float[]> gradients(Decoder model) {
        Map<String, float[]> all = new LinkedHashMap<>();
        model.parameters().forEach((name, p) -> {
            if (p.grad() != null) {
                all.put(name, p.grad().toFloats());
                p.clearGrad();
            }
        });
        return all;
    }

    /** Every row a document, and behind it so many tokens of padding, a document of its own without targets, as rows of a run have it. */
    private static Batch padded(int padding) {
        int seq = 9 + padding;
        Batch batch = new Batch(3, seq);
        for (int row = 0; row < 3; row++) {
            int[] ids = Tiny.document(9, row + 10);
            for (int i = 0; i < seq; i++) {
                int at = row * seq + i;
                batch.tokens()[at] = i < 9 ? ids[i] : 5;
                batch.targets()[at] = i < 8 ? ids[i + 1] : Batch.NO_TARGET;
                batch.positions()[at] = i < 9 ? i : i - 9;
                batch.documents()[at] = i < 9 ? 0 : 1;
            }
        }
        return batch;
    }

    @ParameterizedTest
    @EnumSource
    void paddingChangesNeitherTheBalanceNorALimitNorAGradient(Balance.Over over) {
        for (double capacity : new double[] {0, 0.5}) {
            try (Decoder model = Tiny.decoder(mixture(2))) {
                model.requiresGrad(true);
                var how = new Balancing(over, 0.3, 0.1, 0, capacity);
                NextToken bare = objective(model, how);
                Loss loss = bare.accumulate(padded(0), false);
                Map<String, Number> seen = bare.observed();
                Map<String, float[]> expected = gradients(model);
                NextToken filled = objective(model, how);
                Loss other = filled.accumulate(padded(14), false);
                assertThat(other.sum()).isCloseTo(loss.sum(), within(1e-4));
                assertThat(other.count()).isEqualTo(loss.count());
                filled.observed().forEach((name, value) -> assertThat(value.doubleValue()).as(name).isCloseTo(seen.get(name).doubleValue(), within(1e-5)));
                gradients(model).forEach((name, gradient) -> assertThat(gradient).as(name).containsExactly(expected.get(name), within(2e-4f)));
                if (capacity > 0) {
                    assertThat(seen.get("choices_dropped").doubleValue()).isPositive();
                }
            }
        }
    }

    /** Of a uniform router 1 a choice, whatever is chosen; where one expert is given everything, as many as there are experts. */
    @ParameterizedTest
    @EnumSource
    void theLossIsOneAChoiceOfAUniformRouterAndTheNumberOfExpertsOfOneThatKnowsOneAlone(Balance.Over over) {
        for (int chosen = 1; chosen <= 2; chosen++) {
            try (Decoder model = Tiny.decoder(mixture(chosen))) {
                model.requiresGrad(true);
                set(model, false);
                NextToken objective = objective(model, new Balancing(over, 1, 0, 0, 0));
                objective.accumulate(padded(0), false);
                assertThat(objective.observed().get("balance_loss").doubleValue()).isCloseTo(chosen, within(1e-5));
                set(model, true);
                objective.accumulate(padded(0), false);
                Map<String, Number> seen = objective.observed();
                assertThat(seen.get("balance_loss").doubleValue()).isCloseTo(EXPERTS, within(1e-4));
                assertThat(seen.get("expert_share_1").doubleValue()).isCloseTo(1.0 / chosen, within(1e-6));
            }
        }
    }

    /** Routers that say nothing, or in which every token's first channel, the same for all, speaks for the second expert. */
    private static void set(Decoder model, boolean one) {
        try (var off = NoGrad.open()) {
            Tensor embedding = model.parameters().get("model.embed_tokens.weight");
            float[] rows = embedding.toFloats();
            for (int i = 0; one && i < rows.length; i += model.spec().hiddenSize()) {
                rows[i] = 1e4f;
            }
            embedding.copy_(Tensor.of(rows, embedding.shape()));
            for (int layer = 0; layer < model.spec().layers(); layer++) {
                Tensor router = model.parameters().get("model.layers." + layer + ".block_sparse_moe.gate.weight");
                float[] weights = new float[(int) router.elements()];
                weights[model.spec().hiddenSize()] = one ? 100 : 0;
                router.copy_(Tensor.of(weights, router.shape()));
            }
        }
    }

    /** What is reported is the cross-entropy; what is followed has the balance in it, as its differences say. */
    @Test
    void theBalanceReachesTheRoutersAndStaysOutOfTheLoss() {
        try (Decoder model = Tiny.decoder(mixture(2))) {
            model.requiresGrad(true);
            Loss without = objective(model, Balancing.none()).accumulate(padded(0), false);
            Map<String, float[]> plain = gradients(model);
            NextToken objective = objective(model, new Balancing(Balance.Over.LAYER, 0.7, 0, 0, 0));
            assertThat(objective.accumulate(padded(0), false).sum()).isEqualTo(without.sum());
            Map<String, float[]> balanced = gradients(model);
            objective.observed();
            String name = "model.layers.1.block_sparse_moe.gate.weight";
            float[] direction = balanced.get(name).clone();
            double norm = 0;
            for (int i = 0; i < direction.length; i++) {
                direction[i] -= plain.get(name)[i];
                norm += direction[i] * direction[i];
            }
            norm = Math.sqrt(norm);
            assertThat(norm).isGreaterThan(0.1);
            Tensor router = model.parameters().get(name);
            float[] values = router.toFloats();
            double[] losses = new double[2];
            List<Map<String, Number>> shares = new ArrayList<>();
            double step = 1e-4;
            for (int side = 0; side < 2; side++) {
                float[] moved = values.clone();
                for (int i = 0; i < moved.length; i++) {
                    moved[i] += (float) ((side == 0 ? -step : step) * direction[i] / norm);
                }
                set(router, moved);
                objective.accumulate(padded(0), false);
                Map<String, Number> seen = objective.observed();
                losses[side] = seen.get("balance_loss").doubleValue();
                seen.keySet().removeIf(key -> !key.startsWith("expert_share"));
                shares.add(seen);
            }
            // no choice lies between the two
            assertThat(shares.get(0)).isEqualTo(shares.get(1));
            assertThat(0.7 * without.count() * (losses[1] - losses[0]) / (2 * step)).isCloseTo(norm, within(0.02 * norm));
        }
    }

    private static void set(Tensor tensor, float[] values) {
        try (var off = NoGrad.open()) {
            tensor.copy_(Tensor.of(values, tensor.shape()));
        }
    }

    /** Moved once an update by what all of its batches chose, not once a batch; neither by what is only measured, nor by the optimizer. */
    @Test
    void aCorrectionIsMovedOnceAnUpdateHoweverItIsCutIntoBatches() throws IOException {
        Files.writeString(directory.resolve("config.json"), """
                {"model_type":"deepseek_v3","vocab_size":29,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":2,"q_lora_rank":null,
                "kv_lora_rank":8,"qk_rope_head_dim":4,"qk_nope_head_dim":4,"v_head_dim":8,"moe_intermediate_size":8,"n_routed_experts":4,"n_shared_experts":1,
                "num_experts_per_tok":2,"n_group":1,"topk_group":1,"first_k_dense_replace":1,"max_position_embeddings":32}""");
        var spec = (DecoderSpec) HfConfig.network(directory.resolve("config.json"));
        String name = "model.layers.1.mlp.gate.e_score_correction_bias";
        var how = new Balancing(Balance.Over.LAYER, 0, 0, 0.01, 0);
        try (Decoder model = Tiny.decoder(spec)) {
            model.requiresGrad(true);
            NextToken objective = objective(model, how);
            objective.accumulate(Tiny.rows(12, Tiny.document(12, 1), Tiny.document(12, 2), Tiny.document(12, 3)), false);
            Map<String, Number> seen = objective.observed();
            objective.updated(Ranks.ALONE);
            float[] whole = model.parameters().get(name).toFloats();
            for (int expert = 0; expert < EXPERTS; expert++) {
                assertThat((double) whole[expert]).isCloseTo(0.01 * Math.signum(0.25 - seen.get("expert_share_" + expert).doubleValue()), within(1e-7));
            }
            assertThat(gradients(model).getOrDefault(name, new float[1])).containsOnly(0);
            set(model.parameters().get(name), new float[EXPERTS]);
            for (int row = 1; row <= 3; row++) {
                objective.accumulate(Tiny.rows(12, Tiny.document(12, row)), false);
                objective.evaluate(Tiny.rows(12, Tiny.document(12, 40 + row)));
            }
            objective.updated(Ranks.ALONE);
            assertThat(model.parameters().get(name).toFloats()).containsExactly(whole);
            // nothing is left over for the next
            objective.updated(Ranks.ALONE);
            assertThat(model.parameters().get(name).toFloats()).containsExactly(whole);
        }
    }

    /** Accumulated with others, it must not make their gradients what is no number. */
    @Test
    void aBatchWithoutTargetsLeavesNoTrace() {
        try (Decoder model = Tiny.decoder(mixture(2))) {
            model.requiresGrad(true);
            NextToken objective = objective(model, new Balancing(Balance.Over.LAYER, 0.3, 0.1, 0.01, 1.5));
            objective.accumulate(padded(2), false);
            Map<String, float[]> alone = gradients(model);
            objective.observed();
            Batch nothing = padded(2);
            Arrays.fill(nothing.targets(), Batch.NO_TARGET);
            objective.accumulate(nothing, false);
            assertThat(objective.observed().values()).allMatch(value -> Double.isFinite(value.doubleValue()));
            objective.accumulate(padded(2), false);
            Map<String, float[]> both = gradients(model);
            assertThat(both.keySet()).isEqualTo(alone.keySet());
            alone.forEach((name, gradient) -> assertThat(both.get(name)).as(name).containsExactly(gradient, within(1e-6f)));
        }
    }
}
