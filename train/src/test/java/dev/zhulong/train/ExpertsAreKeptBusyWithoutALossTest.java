package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Limits of what experts take, corrections of their scores, and the loss of the routers' log-sums. */
class ExpertsAreKeptBusyWithoutALossTest {
    @TempDir
    Path directory;

    private static Batch batch(int vocab) {
        var batch = new Batch(2, 16);
        for (int i = 0; i < 32; i++) {
            batch.tokens()[i] = (i * 7 + i / 16) % vocab;
            batch.targets()[i] = i % 16 == 15 ? Batch.NO_TARGET : (i * 5 + 3) % vocab;
            batch.positions()[i] = i % 16;
        }
        return batch;
    }

    private static NextToken objective(Decoder model, Balancing how) {
        return new NextToken(model, new int[model.spec().vocabSize()], how);
    }

    private DecoderSpec corrected() throws IOException {
        Files.writeString(directory.resolve("config.json"), """
                {"model_type":"deepseek_v3","vocab_size":48,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":2,"q_lora_rank":null,
                "kv_lora_rank":8,"qk_rope_head_dim":4,"qk_nope_head_dim":4,"v_head_dim":8,"moe_intermediate_size":8,"n_routed_experts":4,"n_shared_experts":1,
                "num_experts_per_tok":2,"n_group":1,"topk_group":1,"first_k_dense_replace":1,"max_position_embeddings":32}""");
        return (DecoderSpec) HfConfig.network(directory.resolve("config.json"));
    }

    @Test
    void whatAnExpertHasNoRoomForIsDroppedAndCountedInTrainingAlone() {
        try (Decoder model = Tiny.decoder(Tiny.mixture(0))) {
            model.requiresGrad(true);
            Batch batch = batch(model.spec().vocabSize());
            double whole = objective(model, Balancing.none()).evaluate(batch).sum();
            NextToken tight = objective(model, new Balancing(Balance.Over.LAYER, 0, 0, 0, 0.25));
            assertThat(tight.evaluate(batch).sum()).isEqualTo(whole);
            assertThat(tight.accumulate(batch, false).sum()).isNotCloseTo(whole, within(1e-4));
            var seen = tight.observed();
            // room for a quarter of the 64 choices in each of two layers
            assertThat(seen.get("choices_dropped").doubleValue()).isEqualTo(2 * (64 - 16));
            assertThat(seen.get("tokens_dropped").doubleValue()).isBetween(2.0 * 16, 2.0 * 28);
            NextToken wide = objective(model, new Balancing(Balance.Over.LAYER, 0, 0, 0, 4));
            assertThat(wide.accumulate(batch, true).sum()).isEqualTo(objective(model, Balancing.none()).accumulate(batch, true).sum());
            assertThat(wide.observed().get("choices_dropped").doubleValue()).isZero();
        }
    }

    @Test
    void theLossOfLogSumsPushesTheRoutersLogitsDown() {
        try (Decoder model = Tiny.decoder(Tiny.mixture(0))) {
            model.requiresGrad(true);
            Batch batch = batch(model.spec().vocabSize());
            NextToken objective = objective(model, new Balancing(Balance.Over.LAYER, 0, 1, 0, 0));
            NextToken plain = objective(model, Balancing.none());
            String router = model.table().all().stream().filter(p -> p.name().endsWith("block_sparse_moe.gate.weight")).findFirst().orElseThrow().name();
            long count = plain.accumulate(batch, false).count();
            float[] without = model.parameters().get(router).grad().toFloats();
            model.parameters().values().forEach(p -> p.clearGrad());
            objective.accumulate(batch, false);
            float[] with = model.parameters().get(router).grad().toFloats();
            double before = objective.observed().get("router_z_loss").doubleValue();
            // against the gradient of the last router's weights by a difference
            int at = 3;
            double step = 1e-3;
            try (var off = NoGrad.open()) {
                float[] moved = new float[with.length];
                moved[at] = (float) step;
                model.parameters().get(router).add_(Tensor.of(moved, model.parameters().get(router).shape()));
            }
            model.parameters().values().forEach(p -> p.clearGrad());
            objective.accumulate(batch, false);
            double after = objective.observed().get("router_z_loss").doubleValue();
            assertThat((double) (with[at] - without[at]) / count).isCloseTo((after - before) / step, within(0.05 * Math.abs((after - before) / step) + 1e-4));
        }
    }

    @Test
    void correctionsMoveTowardsAnEqualShare() throws IOException {
        var spec = corrected();
        assertThat(spec.family()).isEqualTo(Family.of("deepseek_v3"));
        try (Decoder model = Tiny.decoder(spec)) {
            model.requiresGrad(true);
            NextToken objective = objective(model, new Balancing(Balance.Over.LAYER, 0, 0, 0.01, 0));
            float[] correction = new float[4];
            for (int update = 0; update < 3; update++) {
                objective.accumulate(batch(48), false);
                var seen = objective.observed();
                objective.updated(Ranks.ALONE);
                for (int expert = 0; expert < 4; expert++) {
                    correction[expert] += (float) (0.01 * Math.signum(0.25 - seen.get("expert_share_" + expert).doubleValue()));
                }
                assertThat(model.parameters().get("model.layers.1.mlp.gate.e_score_correction_bias").toFloats()).containsExactly(correction, within(1e-6f));
            }
            assertThat(Arrays.equals(correction, new float[4])).isFalse();
        }
    }

    @Test
    void theBalanceLossCountsWhatTheScoresAloneWouldChoose() throws IOException {
        try (Decoder model = Tiny.decoder(corrected())) {
            model.requiresGrad(true);
            var balancing = new Balancing(Balance.Over.LAYER, 1, 0, 0, 0);
            NextToken objective = objective(model, balancing);
            objective.accumulate(batch(48), false);
            var before = objective.observed();
            try (var off = NoGrad.open()) {
                model.parameters().get("model.layers.1.mlp.gate.e_score_correction_bias").add_(Tensor.of(new float[] {9, 0, 0, 0}, 4));
            }
            objective.accumulate(batch(48), false);
            var after = objective.observed();
            assertThat(before.get("expert_share_0").doubleValue()).isLessThan(0.5);
            assertThat(after.get("expert_share_0").doubleValue()).isEqualTo(0.5);
            assertThat(after.get("balance_loss")).isEqualTo(before.get("balance_loss"));
        }
    }
}
