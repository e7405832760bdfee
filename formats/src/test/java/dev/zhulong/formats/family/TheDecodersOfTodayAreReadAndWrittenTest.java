package dev.zhulong.formats.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.DirectoryWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Fields and defaults as the configuration classes of transformers 5.18 have them, of both generations. */
class TheDecodersOfTodayAreReadAndWrittenTest {
    private static final String SHAPE = "'vocab_size':1000,'hidden_size':64,'intermediate_size':172,'num_hidden_layers':6,'num_attention_heads':8,"
            + "'num_key_value_heads':4,'max_position_embeddings':512,'head_dim':16,";

    @TempDir
    Path directory;

    private DecoderSpec read(String type, String fields) throws IOException {
        String json = ("{'model_type':'" + type + "'," + (fields.contains("num_hidden_layers") ? "" : SHAPE) + fields + "}").replace('\'', '"').replace(",}", "}");
        return HfConfig.read(Files.writeString(directory.resolve("config.json"), json));
    }

    /** @return what was read, when what is written of it is read as the same */
    private DecoderSpec both(String type, String fields) throws IOException {
        DecoderSpec spec = read(type, fields);
        String text = HfConfig.write(spec, StorageType.BF16);
        assertThat(HfConfig.read(Files.writeString(directory.resolve("again.json"), text))).isEqualTo(spec);
        return spec;
    }

    private static Attention attention(DecoderSpec spec, int layer) {
        return spec.layer(layer).attention();
    }

    @Test
    void gemma() throws IOException {
        DecoderSpec spec = both("gemma", "'hidden_act':'gelu'");
        assertThat(spec.norm()).isEqualTo(Norm.RMS_LESS_ONE);
        assertThat(spec.activation()).isEqualTo(Activation.GELU_TANH);
        assertThat(spec.tiedEmbeddings()).isTrue();
        assertThat(spec.stack().scales()).isEqualTo(new Scales(8, 1, 1, 0));
        assertThat(spec.eosIds()).containsExactly(1);
        assertThat(spec.bosId()).isEqualTo(2);
        refused("gemma", "'use_bidirectional_attention':true", "use_bidirectional_attention: expected false");
    }

    @Test
    void gemma2() throws IOException {
        DecoderSpec spec = both("gemma2", "");
        assertThat(spec.windows()).containsExactly(4096, 0, 4096, 0, 4096, 0);
        assertThat(spec.stack().place()).isEqualTo(NormPlace.AROUND);
        assertThat(spec.stack().scales()).isEqualTo(new Scales(8, 1, 1, 30));
        assertThat(attention(spec, 1).softcap()).isEqualTo(50);
        assertThat(attention(spec, 1).scoreScale()).isEqualTo(1.0 / 16);
        DecoderSpec other = both("gemma2", "'query_pre_attn_scalar':16,'attn_logit_softcapping':null,'final_logit_softcapping':null,'sliding_window':7,"
                + "'hidden_activation':'gelu','attention_bias':true,'tie_word_embeddings':false,"
                + "'layer_types':['full_attention','full_attention','sliding_attention','full_attention','full_attention','full_attention']");
        assertThat(attention(other, 0).scale()).isZero();
        assertThat(attention(other, 0).softcap()).isZero();
        assertThat(other.stack().scales().softcap()).isZero();
        assertThat(other.windows()).containsExactly(0, 0, 7, 0, 0, 0);
        assertThat(other.activation()).isEqualTo(Activation.GELU);
        both("gemma2", "'query_pre_attn_scalar':144.5");
    }

    @Test
    void gemma3OfBothGenerations() throws IOException {
        DecoderSpec old = both("gemma3_text", "'sliding_window':9,'sliding_window_pattern':3,'rope_theta':2e6,'rope_local_base_freq':5000.0,"
                + "'rope_scaling':{'factor':8.0,'rope_type':'linear'}");
        assertThat(old.windows()).containsExactly(9, 9, 0, 9, 9, 0);
        assertThat(old.stack().rope(2)).isEqualTo(new Rope(2e6, 16, new Scaling.Linear(8)));
        assertThat(old.stack().rope(0)).isEqualTo(new Rope(5000, 16, new Scaling.None()));
        DecoderSpec now = both("gemma3_text", "'sliding_window':9,'layer_types':['sliding_attention','sliding_attention','full_attention','sliding_attention',"
                + "'sliding_attention','full_attention'],'rope_parameters':{'full_attention':{'rope_type':'linear','factor':8.0,'rope_theta':2e6},"
                + "'sliding_attention':{'rope_type':'default','rope_theta':5000.0}}");
        assertThat(now).isEqualTo(old);
        assertThat(attention(old, 0).headNorm()).isEqualTo(HeadNorm.HEAD);
        DecoderSpec silent = both("gemma3_text", "");
        assertThat(silent.windows()).containsExactly(4096, 4096, 4096, 4096, 4096, 0);
        assertThat(silent.stack().rope(0).theta()).isEqualTo(10_000);
        assertThat(silent.stack().rope(5).theta()).isEqualTo(1e6);
        assertThat(silent.stack().scales().softcap()).isZero();
        both("gemma3_text", "'final_logit_softcapping':20.0,'query_pre_attn_scalar':168,"
                + "'rope_parameters':{'sliding_attention':{'rope_type':'yarn','factor':2.0,'rope_theta':7.0}}");
        refused("gemma3_text", "'use_bidirectional_attention':true", "use_bidirectional_attention: expected false");
        refused("gemma3_text", "'sliding_window':null", "sliding_window: expected a window for the layers of sliding_attention, found null");
        refused("gemma3_text", "'layer_types':['chunked_attention']", "layer_types: expected a list of 6 (one a layer)");
    }

    @Test
    void granite() throws IOException {
        DecoderSpec spec = both("granite", "'embedding_multiplier':12.0,'residual_multiplier':0.22,'logits_scaling':8.3,'attention_multiplier':0.1");
        assertThat(spec.stack().scales()).isEqualTo(new Scales(12, 0.22, 1 / 8.3, 0));
        assertThat(attention(spec, 0).scale()).isEqualTo(0.1);
        DecoderSpec silent = both("granite", "'attention_bias':true,'mlp_bias':true");
        assertThat(silent.stack().scales()).isEqualTo(Scales.NONE);
        assertThat(attention(silent, 0).scale()).isEqualTo(1);
        assertThat(attention(both("granite", "'attention_multiplier':0.25"), 0).scale()).isZero();
        for (int i = 1; i < 200; i++) {
            both("granite", "'logits_scaling':" + i / 7.0);
        }
    }

    @Test
    void olmo() throws IOException {
        DecoderSpec spec = both("olmo2", "");
        assertThat(spec.stack().place()).isEqualTo(NormPlace.RESULT);
        assertThat(spec.normEpsilon()).isEqualTo(1e-5);
        assertThat(attention(spec, 0).headNorm()).isEqualTo(HeadNorm.ROW);
        assertThat(names(spec)).contains("model.layers.0.post_attention_layernorm.weight [64]", "model.layers.0.post_feedforward_layernorm.weight [64]",
                "model.layers.0.self_attn.q_norm.weight [128]", "model.layers.0.self_attn.k_norm.weight [64]").noneMatch(name -> name.contains("input_layernorm"));
        DecoderSpec three = both("olmo3", "'sliding_window':9,'rope_scaling':{'rope_type':'yarn','factor':8.0,'original_max_position_embeddings':64},'rope_theta':4e5");
        assertThat(three.windows()).containsExactly(9, 9, 9, 0, 9, 9);
        assertThat(three.stack().rope(0)).isEqualTo(new Rope(4e5, 16, new Scaling.None()));
        assertThat(three.stack().rope(3).scaling()).isInstanceOf(Scaling.Yarn.class);
        both("olmo3", "");
    }

    @Test
    void smolLm3() throws IOException {
        DecoderSpec spec = both("smollm3", "");
        assertThat(spec.stack().rope(2)).isEqualTo(new Rope(2e6, 16, new Scaling.None()));
        assertThat(spec.stack().rope(3)).isNull();
        assertThat(spec.windows()).containsOnly(0);
        DecoderSpec listed = both("smollm3", "'no_rope_layers':[0,1,1,0,1,1],'use_sliding_window':true,'sliding_window':5,'mlp_bias':true");
        assertThat(listed.stack().rope(0)).isNull();
        assertThat(listed.stack().rope(4)).isNotNull();
        assertThat(listed.windows()).containsExactly(5, 0, 0, 5, 0, 0);
        assertThat(both("smollm3", "'no_rope_layer_interval':2").stack().rope(1)).isNull();
        refused("smollm3", "'no_rope_layers':[1]", "no_rope_layers: expected a list of 6 (one a layer), found [1]");
        refused("smollm3", "'no_rope_layers':[1,2,1,1,1,1]", "no_rope_layers: expected a list of 0 and 1");
    }

    @Test
    void cohere() throws IOException {
        DecoderSpec spec = both("cohere", "");
        assertThat(spec.norm()).isEqualTo(Norm.LAYER);
        assertThat(spec.rope()).isEqualTo(new Rope(5e5, 16, new Scaling.None(), true));
        assertThat(spec.stack().scales().logits()).isEqualTo(0.0625);
        assertThat(names(spec)).noneMatch(name -> name.contains("post_attention_layernorm") || name.endsWith("norm.bias"));
        assertThat(names(both("cohere", "'use_qk_norm':true"))).contains("model.layers.0.self_attn.q_norm.weight [8, 16]", "model.layers.0.self_attn.k_norm.weight [4, 16]");
        DecoderSpec two = both("cohere2", "'sliding_window':3,'logit_scale':0.25");
        assertThat(two.headDim()).isEqualTo(16);
        assertThat(two.windows()).containsExactly(3, 3, 3, 0, 3, 3);
        assertThat(two.stack().rope(0).neighbours()).isTrue();
        assertThat(two.stack().rope(3)).isNull();
        assertThat(both("cohere2", "'sliding_window_pattern':2").windows()).containsExactly(4096, 0, 4096, 0, 4096, 0);
    }

    @Test
    void othersThatCostOneFile() throws IOException {
        DecoderSpec ernie = both("ernie4_5", "'use_bias':true");
        assertThat(ernie.qkvBias() && ernie.outputBias() && ernie.mlpBias()).isTrue();
        assertThat(ernie.rope()).isEqualTo(new Rope(5e5, 16, new Scaling.None(), true));
        assertThat(both("ernie4_5", "").mlpBias()).isFalse();
        DecoderSpec seed = both("seed_oss", "");
        assertThat(seed.qkvBias()).isTrue();
        assertThat(seed.outputBias()).isFalse();
        both("seed_oss", "'attention_bias':false,'attention_out_bias':true,'mlp_bias':true");
        DecoderSpec exaone = both("exaone4", "'sliding_window':5,'sliding_window_pattern':'LLG'");
        assertThat(exaone.windows()).containsExactly(5, 5, 0, 5, 5, 0);
        assertThat(exaone.stack().rope(2)).isNull();
        DecoderSpec plain = both("exaone4", "'sliding_window':null");
        assertThat(plain.windows()).containsOnly(0);
        assertThat(plain.stack().rope(5)).isNotNull();
        assertThat(both("ministral", "'sliding_window':5").windows()).containsOnly(5);
        assertThat(both("ministral", "'sliding_window':null").windows()).containsOnly(0);
    }

    @Test
    void normsWithoutWeightsAndClippedHeads() throws IOException {
        DecoderSpec olmo = both("olmo", "'clip_qkv':8.0,'rms_norm_eps':0.5");
        assertThat(olmo.norm()).isEqualTo(Norm.LAYER_PLAIN);
        assertThat(olmo.normEpsilon()).isEqualTo(1e-5);
        assertThat(attention(olmo, 5).clip()).isEqualTo(8);
        assertThat(names(olmo)).noneMatch(name -> name.contains("norm"));
        assertThat(attention(both("olmo", "'clip_qkv':null"), 0).clip()).isZero();
        refused("olmo", "'clip_qkv':-1.0", "clip_qkv");
        DecoderSpec nemotron = both("nemotron", "");
        assertThat(nemotron.norm()).isEqualTo(Norm.LAYER_LESS_ONE);
        assertThat(nemotron.rope().rotaryDims()).isEqualTo(8);
        assertThat(nemotron.activation()).isEqualTo(Activation.RELU_SQUARED);
        assertThat(nemotron.gatedMlp()).isFalse();
        assertThat(both("arcee", "'mlp_bias':true,'attention_bias':true").activation()).isEqualTo(Activation.RELU_SQUARED);
        assertThat(both("helium", "'vocab_size':100,'num_hidden_layers':1,'intermediate_size':9,'hidden_size':64,'num_attention_heads':4,'num_key_value_heads':2,"
                + "'head_dim':16,'attention_bias':true,'mlp_bias':true").outputBias()).isFalse();
        refused("helium", "", "head_dim: expected hidden_size / num_attention_heads");
    }

    /** tencent/Hunyuan-7B-Instruct: a factor that raises the base, whatever the length. */
    @Test
    void hunYuansBaseIsRaised() throws IOException {
        DecoderSpec spec = both("hunyuan_v1_dense", "'rope_theta':10000.0,'rope_scaling':{'alpha':1000.0,'beta_fast':32,'beta_slow':1,'factor':1.0,'mscale':1.0,'type':'dynamic'}");
        assertThat(spec.rope().scaling()).isEqualTo(new Scaling.None());
        assertThat(spec.rope().theta()).isEqualTo(10_000 * Math.pow(1000, 16 / 14.0));
        assertThat(attention(spec, 0).headNorm()).isEqualTo(HeadNorm.TURNED_HEAD);
        assertThat(names(spec)).contains("model.layers.0.self_attn.query_layernorm.weight [16]");
    }

    private static List<String> names(DecoderSpec spec) {
        return spec.family().parameters(spec).stream().map(p -> p.name() + " " + java.util.Arrays.toString(p.shape())).toList();
    }

    private void refused(String type, String fields, String message) {
        assertThatThrownBy(() -> read(type, fields)).isInstanceOf(FormatException.class).hasMessageContaining(message);
    }

    @Test
    void whatWritersLeaveOutIsRefused() throws IOException {
        DecoderSpec gemma2 = read("gemma2", "");
        var asGemma = new DecoderSpec(Family.of("gemma"), gemma2.stack(), 1000, true, 2, List.of(1));
        assertThatThrownBy(() -> HfConfig.write(asGemma, StorageType.F32)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("a config.json of gemma cannot say ");
        DecoderSpec granite = read("granite", "'embedding_multiplier':12.0");
        var asLlama = new DecoderSpec(Family.of("llama"), granite.stack(), 1000, false, 1, List.of(2));
        assertThatThrownBy(() -> HfConfig.write(asLlama, StorageType.F32)).hasMessage("a config.json of llama cannot say layers[0].attention.scale: expected 0.0, found 1.0");
    }

    /** One norm starts at one and the other, which is stored less one, at nought. */
    @Test
    void normsStartWhereTheyChangeNothing() throws IOException {
        for (String type : List.of("gemma", "llama")) {
            DecoderSpec spec = read(type, "");
            for (Parameter p : spec.family().parameters(spec)) {
                if (p.role() == Role.NORM1 || p.role() == Role.FINAL_NORM) {
                    assertThat(p.init()).isEqualTo(type.equals("gemma") ? Parameter.Init.ZERO : Parameter.Init.ONE);
                    assertThat(p.layout()).isEqualTo(type.equals("gemma") ? Parameter.Layout.LESS_ONE : Parameter.Layout.SAME);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gemma", "gemma2", "gemma3_text", "granite", "olmo2", "smollm3", "cohere2", "ernie4_5"})
    void transformersDirectoriesHaveTheWeightsThatAreAskedFor(String name) throws IOException {
        Path golden = Path.of(System.getProperty("zhulong.root", ".."), "..", "shared", "golden", "arch", name).normalize();
        Assumptions.assumeTrue(Files.isDirectory(golden), () -> "skipped: no " + golden);
        try (var model = ModelDirectory.open(golden)) {
            assertThat(DirectoryWeights.of(model, Map.of())).hasSameSizeAs(model.weights());
            String text = HfConfig.write(model.spec(), StorageType.F32);
            assertThat(HfConfig.read(Files.writeString(directory.resolve("config.json"), text))).isEqualTo(model.spec());
        }
    }

    @ParameterizedTest
    @CsvSource({"gemma4,gemma3_text", "granite_swa,granite", "cohere2_moe,cohere2", "olmo_hybrid,olmo", "smollm,smollm3"})
    void unknownRelativesOfTheseAreFound(String unknown, String nearest) {
        refused(unknown, "", "whose nearest relative among these is " + nearest + " (by its name)");
    }
}
