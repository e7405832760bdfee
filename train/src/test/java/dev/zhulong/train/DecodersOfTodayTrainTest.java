package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.tensor.NoGrad;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Families with fused projections, layers side by side, norms of results, scales and caps: trained whole, and by an adapter on a base in blocks. */
class DecodersOfTodayTrainTest {
    private static final String SIZES = "'vocab_size':29,'num_hidden_layers':2,'max_position_embeddings':64,'bos_token_id':1,'eos_token_id':2,'pad_token_id':null,"
            + "'hidden_size':64,'intermediate_size':64,'num_attention_heads':4,";
    private static final String PHI = "'model_type':'phi','num_key_value_heads':2,'qk_layernorm':true,'tie_word_embeddings':true";
    private static final String PHI3 = "'model_type':'phi3','num_key_value_heads':2,'sliding_window':6";
    private static final String NEOX = "'model_type':'gpt_neox'";
    private static final String STABLELM = "'model_type':'stablelm','num_key_value_heads':2,'qk_layernorm':true,'use_parallel_residual':true";
    private static final String GLM4 = "'model_type':'glm4','num_key_value_heads':2,'head_dim':16";
    private static final String GEMMA2 = "'model_type':'gemma2','num_key_value_heads':2,'head_dim':16,'query_pre_attn_scalar':20,'attn_logit_softcapping':5.0,"
            + "'final_logit_softcapping':4.0,'sliding_window':6";
    private static final String GRANITE = "'model_type':'granite','num_key_value_heads':2,'embedding_multiplier':3.0,'residual_multiplier':0.4,'logits_scaling':0.5";

    @TempDir
    Path directory;

    private DecoderSpec spec(String config) throws IOException {
        Path file = directory.resolve("config.json");
        Files.writeString(file, ("{" + SIZES + config + "}").replace('\'', '"'));
        return HfConfig.read(file);
    }

    @ParameterizedTest
    @ValueSource(strings = {PHI, PHI3, NEOX, STABLELM, GLM4, GEMMA2, GRANITE})
    void recomputedAsKept(String config) throws IOException {
        try (Decoder model = Decoder.random(spec(config), 3)) {
            Batch batch = Tiny.packed(Tiny.document(7, 1), Tiny.document(11, 2));
            Tiny.Gradients kept = Tiny.gradients(model, false, batch, Tiny.batch(3));
            Tiny.Gradients recomputed = Tiny.gradients(model, true, batch, Tiny.batch(3));
            assertThat(recomputed.loss()).isEqualTo(kept.loss());
            assertThat(recomputed.byName().keySet()).isEqualTo(model.parameters().keySet());
            assertThat(recomputed.differenceFrom(kept)).isLessThan(1e-5);
        }
    }

    /** The projections that files hold fused are adapted as such, under their published names. */
    @ParameterizedTest
    @ValueSource(strings = {PHI, PHI3, NEOX, STABLELM, GLM4, GEMMA2, GRANITE})
    void byAnAdapterOnABaseInBlocks(String config) throws IOException {
        try (Decoder model = Tiny.decoder(spec(config))) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        Batch batch = Tiny.batch(5);
        try (Decoder base = DecoderFiles.loadQuantized(directory, QuantizedMatrix.Format.NF4);
                LoraAdapter adapter = LoraAdapter.create(base, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), 1)) {
            base.attach(adapter);
            var objective = new NextToken(base);
            double before = objective.evaluate(batch).sum();
            base.requiresGrad(true);
            for (int step = 0; step < 30; step++) {
                objective.accumulate(batch, step % 2 == 0);
                try (var off = NoGrad.open()) {
                    base.trainable().values().forEach(weight -> {
                        // as far for each weight, however flat its loss is at the start
                        weight.add_(weight.grad(), -0.2 / (1e-6 + Math.sqrt(weight.grad().square().sum().item())));
                        weight.clearGrad();
                    });
                }
            }
            assertThat(objective.evaluate(batch).sum()).isLessThan(0.9 * before);
            assertThat(adapter.modules()).allMatch(base.table().all().stream().filter(p -> p.isProjection()).map(p -> p.module()).toList()::contains);
            if (config.equals(PHI3)) {
                assertThat(adapter.modules()).contains("model.layers.0.self_attn.qkv_proj", "model.layers.1.mlp.gate_up_proj");
            }
        }
    }
}
