package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Places of norms, kinds of norms, norms of heads, rotations, scales, caps, fused matrices, biases of heads: decoders whose families have them, each the
 * one way and the other, from their {@code config.json} to the logits, alone, packed and cut.
 */
class EverySwitchOfADecoderEqualsTheFloat64ReferenceTest {
    private static final String SIZES = "'vocab_size':37,'num_hidden_layers':2,'max_position_embeddings':64,'bos_token_id':1,'eos_token_id':2,'pad_token_id':null,"
            + "'hidden_size':32,'intermediate_size':44,'num_attention_heads':4,";
    private static final String LONG_ROPE = "'original_max_position_embeddings':9,'rope_scaling':{'type':'longrope','short_factor':[1.0,1.5,2.0,3.0],"
            + "'long_factor':[1.2,3.0,6.0,9.0]}";

    @TempDir
    Path directory;

    static Stream<String> configs() {
        return Stream.of(
                "'model_type':'phi','partial_rotary_factor':0.5",
                "'model_type':'phi','num_key_value_heads':2,'qk_layernorm':true,'tie_word_embeddings':true,'hidden_act':'relu'",
                "'model_type':'phi3','num_key_value_heads':2,'sliding_window':6",
                "'model_type':'phi3','tie_word_embeddings':true," + LONG_ROPE,
                "'model_type':'gpt_neox','rotary_pct':0.5",
                "'model_type':'gpt_neox','use_parallel_residual':false,'attention_bias':false,'tie_word_embeddings':true",
                "'model_type':'stablelm','num_key_value_heads':2,'qk_layernorm':true,'use_parallel_residual':true,'use_qkv_bias':true",
                "'model_type':'stablelm','num_key_value_heads':4,'partial_rotary_factor':1.0",
                "'model_type':'starcoder2','num_key_value_heads':1,'sliding_window':5",
                "'model_type':'starcoder2','num_key_value_heads':2,'use_bias':false,'tie_word_embeddings':false,'hidden_act':'relu2'",
                "'model_type':'glm','num_key_value_heads':2,'head_dim':12",
                "'model_type':'glm4','num_key_value_heads':4,'head_dim':8,'attention_bias':false,'tie_word_embeddings':true",
                "'model_type':'gemma','num_key_value_heads':1,'head_dim':12",
                "'model_type':'gemma2','num_key_value_heads':2,'head_dim':12,'query_pre_attn_scalar':20,'attn_logit_softcapping':1.5,'final_logit_softcapping':2.0,"
                        + "'sliding_window':4",
                "'model_type':'gemma3_text','num_key_value_heads':2,'head_dim':8,'query_pre_attn_scalar':9,'sliding_window':5,'sliding_window_pattern':2,"
                        + "'rope_theta':50000,'rope_local_base_freq':100",
                "'model_type':'granite','num_key_value_heads':2,'embedding_multiplier':3.0,'residual_multiplier':0.4,'attention_multiplier':0.6,'logits_scaling':0.5",
                "'model_type':'olmo2','num_key_value_heads':2",
                "'model_type':'smollm3','num_key_value_heads':2,'no_rope_layers':[1,0]",
                "'model_type':'cohere','num_key_value_heads':2,'use_qk_norm':true,'logit_scale':0.3",
                "'model_type':'nemotron','num_key_value_heads':2",
                "'model_type':'nemotron','attention_bias':true,'mlp_bias':true,'partial_rotary_factor':0.25,'hidden_act':'silu'",
                "'model_type':'olmo','num_key_value_heads':2,'clip_qkv':0.9",
                "'model_type':'arcee','num_key_value_heads':2",
                "'model_type':'helium','num_key_value_heads':2,'head_dim':8",
                "'model_type':'hunyuan_v1_dense','num_key_value_heads':2,'rope_scaling':{'type':'dynamic','alpha':50.0,'factor':1.0}",
                "'model_type':'cohere2','num_key_value_heads':2,'sliding_window':6,'layer_types':['sliding_attention','full_attention']");
    }

    static DecoderSpec spec(String config, Path directory) throws IOException {
        Path file = directory.resolve("config.json");
        Files.writeString(file, ("{" + SIZES + config + "}").replace('\'', '"'));
        return HfConfig.read(file);
    }

    private DecoderSpec spec(String config) throws IOException {
        DecoderSpec spec = spec(config, directory);
        Path file = directory.resolve("config.json");
        Files.writeString(file, HfConfig.write(spec, StorageType.F32));
        assertThat(HfConfig.read(file)).as("what is written is read again").isEqualTo(spec);
        return spec;
    }

    @ParameterizedTest
    @MethodSource("configs")
    void ofWholeSequences(String config) throws IOException {
        DecoderSpec spec = spec(config);
        try (LoudDecoder decoder = LoudDecoder.of(spec, 5)) {
            for (int length : new int[] {1, 4, 5, 6, 9, 10, 23}) {
                int[] ids = LoudDecoder.ids(spec, length, length);
                LogitsEqualTheFloat64ReferenceTest.assertClose(decoder.logits(ids), decoder.reference().logits(ids));
            }
        }
    }

    /** Two documents in a row, each as long as LongRoPE's long ones or as the short ones. */
    @ParameterizedTest
    @MethodSource("configs")
    void ofPackedRows(String config) throws IOException {
        DecoderSpec spec = spec(config);
        try (LoudDecoder decoder = LoudDecoder.of(spec, 6); var scope = TensorScope.open(); var off = NoGrad.open()) {
            for (int each : new int[] {8, 12}) {
                int[] first = LoudDecoder.ids(spec, each, 1);
                int[] second = LoudDecoder.ids(spec, each, 2);
                int[] row = Arrays.copyOf(first, 2 * each);
                System.arraycopy(second, 0, row, each, each);
                long[] positions = new long[2 * each];
                long[] documents = new long[2 * each];
                for (int i = 0; i < row.length; i++) {
                    positions[i] = i % each;
                    documents[i] = i / each;
                }
                Pass pass = decoder.model().packed(Tensor.of(positions, 1, row.length), Tensor.of(documents, 1, row.length));
                float[] logits = decoder.model().head().logits(decoder.model().hidden(Tensor.of(row, 1, row.length), pass)).toFloats();
                LogitsEqualTheFloat64ReferenceTest.assertClose(Arrays.copyOf(logits, logits.length / 2), decoder.reference().logits(first));
                LogitsEqualTheFloat64ReferenceTest.assertClose(Arrays.copyOfRange(logits, logits.length / 2, logits.length), decoder.reference().logits(second));
            }
        }
    }

    /** What starts at one for one family starts at zero for another: norms change nothing at first. */
    @ParameterizedTest
    @MethodSource("configs")
    void freshNormsHaveAWeightOfOne(String config) throws IOException {
        DecoderSpec spec = spec(config);
        double stored = spec.norm() == DecoderSpec.Norm.RMS_LESS_ONE || spec.norm() == DecoderSpec.Norm.LAYER_LESS_ONE ? 0 : 1;
        try (Decoder decoder = Decoder.random(spec, 1)) {
            decoder.weights().forEach((name, weight) -> {
                if (weight.parameter().role().name().contains("NORM") && !weight.parameter().bias()) {
                    for (float value : weight.tensor().toFloats()) {
                        assertThat((double) value).as(name).isEqualTo(stored, within(0.0));
                    }
                }
            });
        }
    }
}
