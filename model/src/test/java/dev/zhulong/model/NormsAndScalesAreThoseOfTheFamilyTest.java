package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.model.reference.StackReference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Trap 36: norms whose weight is stored less one, an epsilon outside of the square root, embeddings that are not scaled. So too the other places of norms,
 * factors and caps, of each family against float64.
 */
class NormsAndScalesAreThoseOfTheFamilyTest {
    private static final String SHAPE = "{'model_type':'%s','vocab_size':37,'hidden_size':32,'intermediate_size':44,'num_hidden_layers':5,'num_attention_heads':4,"
            + "'num_key_value_heads':2,'max_position_embeddings':64,'sliding_window':4%s}";

    @TempDir
    Path directory;

    private DecoderSpec spec(String type, String more) throws IOException {
        return HfConfig.read(Files.writeString(directory.resolve("config.json"), SHAPE.formatted(type, more == null ? "" : "," + more).replace('\'', '"')));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "gemma|'head_dim':16", "gemma|'head_dim':8,'rms_norm_eps':0.7,'tie_word_embeddings':false,'attention_bias':true",
        "gemma2|'head_dim':16,'query_pre_attn_scalar':5,'attn_logit_softcapping':1.5,'final_logit_softcapping':2.0", "gemma2|'head_dim':8,'attn_logit_softcapping':null",
        "gemma3_text|'head_dim':16,'sliding_window_pattern':2,'rope_theta':500.0", "gemma3_text|'head_dim':8,'rms_norm_eps':0.7,'final_logit_softcapping':3.0",
        "granite|'embedding_multiplier':3.0,'residual_multiplier':0.4,'logits_scaling':2.5,'attention_multiplier':0.2,'mlp_bias':true",
        "olmo2|'attention_bias':true", "olmo3|'tie_word_embeddings':true", "smollm3|", "smollm3|'no_rope_layers':[0,1,0,1,1],'tie_word_embeddings':false",
        "cohere|'use_qk_norm':true,'logit_scale':0.7", "cohere|'tie_word_embeddings':false,'layer_norm_eps':0.3", "cohere2|'logit_scale':1.3",
        "ernie4_5|'head_dim':16,'use_bias':true", "seed_oss|'head_dim':16", "exaone4|", "exaone4|'layer_types':null", "ministral|"})
    void logitsAreThoseOfTheReference(String type, String more) throws IOException {
        DecoderSpec spec = spec(type, more);
        try (LoudDecoder decoder = LoudDecoder.of(spec, 5)) {
            for (int length : new int[] {1, 4, 5, 19}) {
                int[] ids = LoudDecoder.ids(spec, length, length);
                LogitsEqualTheFloat64ReferenceTest.assertClose(decoder.logits(ids), new StackReference(spec, decoder.weights()).logits(ids));
            }
        }
    }

    /** Each of the mistakes would show, so that the comparison above says something. */
    @Test
    void theMistakesShow() throws IOException {
        DecoderSpec spec = spec("gemma", "'head_dim':8,'rms_norm_eps':0.01");
        try (LoudDecoder decoder = LoudDecoder.of(spec, 5)) {
            int[] ids = LoudDecoder.ids(spec, 9, 2);
            double[][] right = new StackReference(spec, decoder.weights()).logits(ids);
            Stack s = spec.stack();
            var whole = new Stack(s.hiddenSize(), s.layers(), Norm.RMS, s.normEpsilon(), s.place(), s.positions(), s.contextLength(), s.scales());
            var unscaled = new Stack(s.hiddenSize(), s.layers(), s.norm(), s.normEpsilon(), s.place(), s.positions(), s.contextLength(), Scales.NONE);
            var outside = new Stack(s.hiddenSize(), s.layers(), s.norm(), s.normEpsilon() * s.normEpsilon(), s.place(), s.positions(), s.contextLength(), s.scales());
            for (Stack wrong : new Stack[] {whole, unscaled, outside}) {
                var other = new DecoderSpec(spec.family(), wrong, spec.vocabSize(), true, spec.bosId(), spec.eosIds());
                assertThat(apart(right, new StackReference(other, decoder.weights()).logits(ids))).isGreaterThan(0.01);
            }
        }
    }

    private static double apart(double[][] one, double[][] other) {
        double most = 0;
        for (int t = 0; t < one.length; t++) {
            for (int i = 0; i < one[t].length; i++) {
                most = Math.max(most, Math.abs(one[t][i] - other[t][i]));
            }
        }
        return most;
    }
}
