package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Scaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigsOfBothGenerationsGiveOneSpecTest {

    private static final String SHAPE = "'vocab_size':1000,'hidden_size':64,'intermediate_size':172,'num_hidden_layers':4,"
            + "'num_attention_heads':8,'num_key_value_heads':4,'max_position_embeddings':512";

    @TempDir
    Path directory;

    private Path config(String fields) throws IOException {
        return Files.writeString(directory.resolve("config.json"), "{" + fields.replace('\'', '"') + "}");
    }

    private DecoderSpec llama(String fields) throws IOException {
        return HfConfig.read(config("'model_type':'llama'," + SHAPE + (fields.isEmpty() ? "" : "," + fields)));
    }

    private DecoderSpec of(String type, String fields) throws IOException {
        return HfConfig.read(config("'model_type':'" + type + "'," + SHAPE + (fields.isEmpty() ? "" : "," + fields)));
    }

    private void refused(String json, String message) throws IOException {
        Path path = config(json);
        assertThatThrownBy(() -> HfConfig.read(path)).isInstanceOf(FormatException.class).hasMessage(path + ": " + message);
    }

    @Test
    void llamaWithEveryDefault() throws IOException {
        DecoderSpec spec = HfConfig.read(config("'model_type':'llama','vocab_size':1000,'hidden_size':64,'intermediate_size':172,"
                + "'num_hidden_layers':2,'num_attention_heads':8,'head_dim':null,'rope_scaling':null"));
        assertThat(spec).isEqualTo(new DecoderSpec(Family.of("llama"), 1000, 64, 2, 8, 8, 8, 172, 2048, Norm.RMS, 1e-6, Activation.SILU, true,
                new DecoderSpec.Rope(10_000, 8, new Scaling.None()), false, false, false, false, false, List.of(0, 0), 1, List.of(2)));
    }

    @Test
    void oldAndNewFieldsSayTheSame() throws IOException {
        String llama3 = "'factor':8.0,'low_freq_factor':1.0,'high_freq_factor':4.0,'original_max_position_embeddings':256";
        DecoderSpec old = llama("'torch_dtype':'bfloat16','rope_theta':500000.0,'rope_scaling':{'rope_type':'llama3'," + llama3 + "}");
        assertThat(HfConfig.storageType(directory.resolve("config.json"))).contains(StorageType.BF16);
        DecoderSpec now = llama("'dtype':'bfloat16','rope_parameters':{'rope_type':'llama3','rope_theta':500000.0," + llama3 + "}");
        assertThat(HfConfig.storageType(directory.resolve("config.json"))).contains(StorageType.BF16);
        assertThat(now).isEqualTo(old);
        assertThat(old.rope()).isEqualTo(new DecoderSpec.Rope(500_000, 8, new Scaling.Llama3(8, 1, 4, 256)));
        assertThat(llama("'rope_theta':500000,'rope_scaling':{'type':'linear','factor':2}"))
                .isEqualTo(llama("'rope_parameters':{'rope_type':'linear','factor':2.0,'rope_theta':5e5}"));
        assertThat(llama("'rope_scaling':null,'rope_parameters':{'rope_type':'default','rope_theta':10000.0}")).isEqualTo(llama(""));
    }

    @Test
    void yarnDefaultsAreThePapers() throws IOException {
        var plain = (Scaling.Yarn) llama("'rope_scaling':{'type':'yarn','factor':4.0,'original_max_position_embeddings':128}").rope()
                .scaling();
        assertThat(plain).isEqualTo(new Scaling.Yarn(4, 128, 32, 1, 0.1 * Math.log(4) + 1, true));
        var given = (Scaling.Yarn) llama("'rope_parameters':{'rope_type':'yarn','factor':4,'beta_fast':16,'beta_slow':2,"
                + "'attention_factor':1.5,'truncate':false}").rope().scaling();
        assertThat(given).isEqualTo(new Scaling.Yarn(4, 512, 16, 2, 1.5, false));
        var mscales = (Scaling.Yarn) llama("'rope_scaling':{'rope_type':'yarn','factor':40,'mscale':0.707,'mscale_all_dim':1.0}").rope()
                .scaling();
        assertThat(mscales.attentionFactor()).isCloseTo((0.0707 * Math.log(40) + 1) / (0.1 * Math.log(40) + 1), within(1e-15));
        var halfGiven = (Scaling.Yarn) llama("'rope_scaling':{'rope_type':'yarn','factor':40,'mscale':0.707,'mscale_all_dim':0}").rope()
                .scaling();
        assertThat(halfGiven.attentionFactor()).isEqualTo(0.1 * Math.log(40) + 1);
    }

    @Test
    void familiesDiffer() throws IOException {
        assertThat(of("mistral", "").windows()).containsOnly(4096).hasSize(4);
        assertThat(of("mistral", "'sliding_window':null").windows()).containsOnly(0).hasSize(4);
        assertThat(of("mistral", "'attention_bias':true").qkvBias()).isFalse();
        DecoderSpec qwen2 = of("qwen2", "'sliding_window':32,'max_window_layers':2");
        assertThat(qwen2.qkvBias()).isTrue();
        assertThat(qwen2.outputBias()).isFalse();
        assertThat(qwen2.windows()).containsExactly(0, 0, 0, 0);
        assertThat(qwen2.eosIds()).isEmpty();
        assertThat(of("qwen2", "'use_sliding_window':true,'sliding_window':32,'max_window_layers':2").windows())
                .containsExactly(0, 0, 32, 32);
        DecoderSpec qwen3 = of("qwen3", "'use_sliding_window':true,'sliding_window':32,"
                + "'layer_types':['sliding_attention','full_attention','sliding_attention','full_attention']");
        assertThat(qwen3.windows()).containsExactly(32, 0, 32, 0);
        assertThat(qwen3.qkNorm()).isTrue();
        assertThat(qwen3.headDim()).isEqualTo(128);
        assertThat(of("qwen3", "'head_dim':16,'attention_bias':true").outputBias()).isTrue();
        DecoderSpec gpt2 = HfConfig.read(config("'model_type':'gpt2','vocab_size':65,'n_embd':128,'n_layer':4,'n_head':4,"
                + "'n_positions':64,'n_inner':null"));
        assertThat(gpt2).isEqualTo(new DecoderSpec(Family.of("gpt2"), 65, 128, 4, 4, 4, 32, 512, 64, Norm.LAYER, 1e-5, Activation.GELU_TANH,
                false, null, true, true, true, true, false, Collections.nCopies(4, 0), -1, List.of()));
    }

    @Test
    void tokenIdsMayBeOneListedOrNone() throws IOException {
        assertThat(llama("'eos_token_id':[7,8]").eosIds()).containsExactly(7, 8);
        assertThat(llama("'eos_token_id':null,'bos_token_id':null").eosIds()).isEmpty();
        assertThat(llama("'eos_token_id':50256").eosIds()).isEmpty();
        assertThat(llama("'bos_token_id':-1").bosId()).isEqualTo(-1);
    }

    @Test
    void architectureStandsInForModelType() throws IOException {
        assertThat(HfConfig.read(config("'architectures':['Qwen2ForCausalLM']," + SHAPE)).family()).isEqualTo(Family.of("qwen2"));
    }

    @Test
    void partialRotation() throws IOException {
        assertThat(llama("'partial_rotary_factor':0.5").rope().rotaryDims()).isEqualTo(4);
        assertThat(llama("'rope_parameters':{'rope_theta':1e4,'partial_rotary_factor':0.25}").rope().rotaryDims()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "'hidden_size':null|hidden_size: expected a whole number from 1 to 2147483647, found null",
        "'hidden_size':'64'|hidden_size: expected a whole number from 1 to 2147483647, found \"64\"",
        "'hidden_size':-1|hidden_size: expected a whole number from 1 to 2147483647, found -1",
        "'vocab_size':4294967296|vocab_size: expected a whole number from 1 to 2147483647, found 4294967296",
        "'num_hidden_layers':2000000000|num_hidden_layers: expected a whole number from 1 to 10000, found 2000000000",
        "'num_key_value_heads':3|num_key_value_heads: expected a divisor of num_attention_heads 8, found 3",
        "'num_attention_heads':12|num_attention_heads: expected a divisor of hidden_size 64, or a head_dim, found 12",
        "'hidden_act':'relu'|hidden_act: expected silu, gelu, gelu_new or gelu_pytorch_tanh, found \"relu\"",
        "'rms_norm_eps':0|rms_norm_eps: expected a number above 0, found 0",
        "'rms_norm_eps':1e999|rms_norm_eps: expected a number above 0, found \"Infinity\"",
        "'tie_word_embeddings':'yes'|tie_word_embeddings: expected true or false, found \"yes\"",
        "'rope_scaling':7|rope_scaling: expected an object or null, found 7",
        "'rope_scaling':{'type':'ntk'}|rope_scaling.type: expected default, linear, dynamic, llama3, yarn or longrope, found \"ntk\"",
        "'rope_scaling':{'type':'longrope'}|rope_scaling.short_factor: expected a list of 4 numbers above 0, one for each pair of dimensions that turns, found no such field",
        "'rope_scaling':{'rope_type':'linear'}|rope_scaling.factor: expected a number above 0, found no such field",
        "'rope_parameters':{'full_attention':{}}|rope_parameters.full_attention: expected one set of rotary parameters for all layers, "
            + "found one for this kind of layer",
        "'rope_scaling':{'type':'dynamic','factor':2,'original_max_position_embeddings':9}|"
            + "rope_scaling.original_max_position_embeddings: expected max_position_embeddings 512 with type dynamic, found 9",
        "'partial_rotary_factor':0.4|partial_rotary_factor: expected an even number of rotating dimensions from 2 to head_dim 8, found 3",
        "'eos_token_id':['a']|eos_token_id: expected a whole number from -1 to 2147483647, found \"a\"",
        "'quantization_config':{'quant_method':'bitsandbytes'}|quantization_config: expected weights in F32, F16 or BF16, or quantised by "
            + "gptq, awq or compressed-tensors; take such a revision, found \"bitsandbytes\"",
    })
    void wrongFieldsAreNamed(String field, String message) throws IOException {
        String name = field.substring(0, field.indexOf(':'));
        String base = "'model_type':'llama',%s,'num_attention_heads':8".formatted(SHAPE.replace(",'num_attention_heads':8", ""));
        String without = base.replaceAll(name + ":('[^']*'|[0-9]+),?", "");
        if (name.equals("'num_attention_heads'")) {
            without = without.replaceAll("'num_key_value_heads':4,?", "");
        }
        refused((without.endsWith(",") ? without : without + ",") + field, message);
    }

    @Test
    void unknownFamiliesAreToldWhichAreKnownAndTheNearestRelative() throws IOException {
        String known = "model_type: expected one of " + Families.names() + ", found ";
        assertThat(Families.names()).startsWith("llama, mistral, qwen2, qwen3, gpt2, mixtral, bert, roberta, xlm-roberta, distilbert");
        refused("'model_type':'mistral9'," + SHAPE, known + "\"mistral9\", whose nearest relative among these is mistral (by its name)");
        refused("'model_type':'llama4'," + SHAPE, known + "\"llama4\", whose nearest relative among these is llama (by its name)");
        refused("'model_type':'fable','num_local_experts':8,'num_experts_per_tok':2,'router_aux_loss_coef':0.01," + SHAPE,
                known + "\"fable\", whose nearest relative among these is mixtral (by its fields)");
        refused("'model_type':'fable','n_embd':64,'n_layer':2,'n_head':4,'n_positions':64,'vocab_size':100",
                known + "\"fable\", whose nearest relative among these is gpt2 (by its fields)");
        refused("'model_type':'fable','hidden_size':'much'", known + "\"fable\"");
        refused("'model_type':'llamas','num_hidden_layers':-1", known + "\"llamas\", whose nearest relative among these is llama (by its name)");
    }

    @Test
    void gpt2VariantsThatAreNotImplementedAreRefused() throws IOException {
        String base = "'model_type':'gpt2','vocab_size':65,'n_embd':128,'n_layer':4,'n_head':4,";
        refused(base + "'scale_attn_by_inverse_layer_idx':true",
                "scale_attn_by_inverse_layer_idx: expected false (the other way is not implemented), found true");
        refused(base + "'scale_attn_weights':false", "scale_attn_weights: expected true (the other way is not implemented), found false");
    }

    @Test
    void slidingLayersNeedAWindow() throws IOException {
        Path path = config("'model_type':'qwen3'," + SHAPE + ",'layer_types':['sliding_attention','full_attention','full_attention',"
                + "'full_attention']");
        assertThatThrownBy(() -> HfConfig.read(path)).isInstanceOf(FormatException.class).hasMessageContaining("use_sliding_window true");
    }

    @Test
    void brokenJsonIsOneLine() throws IOException {
        for (String text : List.of("", "[]", "{", "{\"a\":1,\"a\":2}", "{} {}", "{\"a\":" + "[".repeat(100_000), "\u0000", "nul")) {
            Path path = Files.writeString(directory.resolve("config.json"), text);
            assertThatThrownBy(() -> HfConfig.read(path)).isInstanceOf(FormatException.class).hasMessageStartingWith(path + ": ")
                    .message().doesNotContain("\n");
        }
        Path bytes = Files.write(directory.resolve("config.json"), new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'});
        assertThatThrownBy(() -> HfConfig.read(bytes)).isInstanceOf(FormatException.class);
        Path missing = directory.resolve("no.json");
        assertThatThrownBy(() -> HfConfig.read(missing)).isInstanceOf(FormatException.class).hasMessage(missing + ": no such file");
    }
}
