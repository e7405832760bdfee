package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Positions.RelativeBias;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.reference.T5Reference;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Trap 82: scores that are divided after all, biases in more than the first table or in the attention to the encoder, ranges of the wrong side, masks that a
 * large score beats, and values beyond half floats.
 */
class T5KeepsItsScoresRangesAndMasksTest {
    private static final String SHAPE = "{'model_type':'t5','vocab_size':37,'d_model':16,'d_kv':8,'d_ff':24,'num_layers':3,'num_decoder_layers':2,'num_heads':3,"
            + "'decoder_start_token_id':0,'relative_attention_num_buckets':8%s}";
    private static final int[] SOURCE = {5, 9, 2, 31, 7, 7, 12, 30, 3, 8, 22, 1};

    @TempDir
    Path directory;

    private EncoderDecoderSpec spec(String more) throws IOException {
        return (EncoderDecoderSpec) HfConfig.network(Files.writeString(directory.resolve("config.json"), SHAPE.formatted((more.contains("distance") ? "" : ",'relative_attention_max_distance':9") + more).replace('\'', '"')));
    }

    /** Weights far from those at the start, so that every one of them matters, and the same in float64. @param loud factor of queries and keys */
    private static Map<String, double[]> loud(EncoderDecoder model, double loud) {
        var random = new SplittableRandom(9);
        Map<String, double[]> weights = new LinkedHashMap<>();
        model.parameters().forEach((name, tensor) -> {
            boolean norm = name.endsWith("norm.weight");
            boolean score = name.contains("Attention.q.") || name.contains("Attention.k.");
            double scale = (norm ? 0.4 : name.contains("bias") || name.equals("shared.weight") ? 1 : 1 / Math.sqrt(tensor.shape()[1])) * (score ? loud : 1);
            double[] values = new double[(int) tensor.elements()];
            for (int i = 0; i < values.length; i++) {
                float value = (float) ((norm ? 1 : 0) + scale * random.nextGaussian());
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
                values[i] = value;
            }
            weights.put(name, values);
        });
        return weights;
    }

    private static float[] logits(EncoderDecoder model, int[] source, boolean[] visible, int[] target) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return model.logits(model.states(source, visible, target, 1)).toFloats();
        }
    }

    private static boolean[] first(int visible, int of) {
        boolean[] all = new boolean[of];
        Arrays.fill(all, 0, visible, true);
        return all;
    }

    private static void assertClose(float[] ours, double[][] reference, double most) {
        for (int t = 0; t < reference.length; t++) {
            for (int i = 0; i < reference[t].length; i++) {
                assertThat((double) ours[t * reference[t].length + i]).as("token %d, logit %d", t, i).isCloseTo(reference[t][i], within(most));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",'feed_forward_proj':'gated-gelu','tie_word_embeddings':false", ",'feed_forward_proj':'gated-silu','relative_attention_max_distance':40"})
    void logitsAreThoseOfTheReference(String more) throws IOException {
        EncoderDecoderSpec spec = spec(more);
        try (EncoderDecoder model = EncoderDecoder.random(spec, 1)) {
            var reference = new T5Reference(spec, loud(model, 1));
            int[] target = {0, 8, 30, 4, 17, 17, 2, 9, 25, 33, 6};
            for (int visible : new int[] {SOURCE.length, 7, 1}) {
                assertClose(logits(model, SOURCE, first(visible, SOURCE.length), target), reference.logits(SOURCE, first(visible, SOURCE.length), target), 2e-4);
            }
        }
    }

    /** The table of the paper's code for ten tokens: both ways in the encoder, and in the decoder, which sees nothing to its right. */
    @Test
    void rangesOfTenTokensAreThoseOfThePaper() {
        var bias = new RelativeBias(32, 128);
        for (int query = 0; query < 10; query++) {
            for (int key = 0; key < 10; key++) {
                int away = Math.abs(key - query);
                assertThat(bias.bucket(key - query, true)).isEqualTo((key > query ? 16 : 0) + Math.min(away, 8));
                assertThat(bias.bucket(key - query, false)).isEqualTo(Math.max(query - key, 0));
            }
        }
        // 8·16^(i/8) and 16·8^(i/16), rounded up: where further ranges begin
        int[] both = {8, 12, 16, 23, 32, 46, 64, 91};
        int[] back = {16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113};
        for (int i = 0; i < both.length; i++) {
            assertThat(bias.bucket(-both[i], true)).isEqualTo(8 + i);
            assertThat(bias.bucket(both[i], true)).isEqualTo(24 + i);
            assertThat(bias.bucket(1 - both[i], true)).isEqualTo(7 + i);
        }
        for (int i = 0; i < back.length; i++) {
            assertThat(bias.bucket(-back[i], false)).isEqualTo(16 + i);
            assertThat(bias.bucket(1 - back[i], false)).isEqualTo(15 + i);
        }
        assertThat(bias.bucket(-5000, true)).isEqualTo(15);
        assertThat(bias.bucket(5000, true)).isEqualTo(31);
        assertThat(bias.bucket(-5000, false)).isEqualTo(31);
    }

    /** One table a stack, in its first layer, and none for the attention to the encoder. */
    @Test
    void aStackHasOneTable() throws IOException {
        try (EncoderDecoder model = EncoderDecoder.random(spec(""), 1)) {
            assertThat(model.parameters().keySet().stream().filter(name -> name.contains("relative_attention_bias"))).containsExactly(
                    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
            assertThat(model.spec().ids().start()).isEqualTo(0);
        }
    }

    /** Scores of hundreds of thousands, as those that beat a mask of -10,000: neither padding nor what is yet to be written is seen, to the last bit. */
    @Test
    void noScoreBeatsAMask() throws IOException {
        EncoderDecoderSpec spec = spec("");
        try (EncoderDecoder model = EncoderDecoder.random(spec, 1)) {
            var reference = new T5Reference(spec, loud(model, 400));
            int[] target = {0, 8, 30, 4, 17};
            boolean[] visible = first(7, SOURCE.length);
            float[] expected = logits(model, SOURCE, visible, target);
            for (int padding = 0; padding < spec.vocabSize(); padding++) {
                int[] other = SOURCE.clone();
                Arrays.fill(other, 7, other.length, padding);
                assertThat(logits(model, other, visible, target)).isEqualTo(expected);
                int[] later = target.clone();
                later[4] = padding;
                assertThat(Arrays.copyOf(logits(model, SOURCE, visible, later), 4 * spec.vocabSize())).isEqualTo(Arrays.copyOf(expected, 4 * spec.vocabSize()));
            }
            assertClose(expected, reference.logits(SOURCE, visible, target), 5e-2);
        }
    }

    /** Flan-T5's middle values are beyond what a half float holds; weights stored as such are, and what is computed is not. */
    @Test
    void valuesBeyondHalfFloatsAreComputed() throws IOException {
        EncoderDecoderSpec spec = spec(",'feed_forward_proj':'gated-gelu','tie_word_embeddings':false");
        Path stored = Files.createDirectory(directory.resolve("half"));
        try (EncoderDecoder model = EncoderDecoder.random(spec, 1)) {
            loud(model, 1);
            try (var off = NoGrad.open()) {
                for (int layer = 0; layer < 5; layer++) {
                    model.weight(Role.GATE, layer).tensor().mul_(500);
                    model.weight(Role.UP, layer).tensor().mul_(500);
                }
            }
            NetworkFiles.save(model, stored, StorageType.F16);
        }
        try (EncoderDecoder model = EncoderDecoder.load(stored)) {
            Map<String, double[]> weights = new LinkedHashMap<>();
            model.parameters().forEach((name, tensor) -> {
                float[] floats = tensor.toFloats();
                double[] values = new double[floats.length];
                Arrays.setAll(values, i -> floats[i]);
                weights.put(name, values);
            });
            int[] target = {0, 8, 30, 4, 17};
            double[][] reference = new T5Reference(model.spec(), weights).logits(SOURCE, first(7, SOURCE.length), target);
            assertClose(logits(model, SOURCE, first(7, SOURCE.length), target), reference, 2e-3);
        }
    }
}
