package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Positions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EncoderDecodersAreReadAsWrittenTest {
    private static final String T5 = """
            "model_type": "t5", "d_model": 32, "d_kv": 6, "d_ff": 48, "num_layers": 2, "num_heads": 3, "vocab_size": 99, "decoder_start_token_id": 0""";
    private static final String BART = """
            "d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 2, "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 40, "max_position_embeddings": 20, "vocab_size": 99, "pad_token_id": 1""";

    private static final String WHISPER = """
            "model_type": "whisper", "d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 2,
            "encoder_ffn_dim": 48, "decoder_ffn_dim": 40, "max_source_positions": 20, "max_target_positions": 14, "vocab_size": 99,
            "pad_token_id": 1""";

    @TempDir
    Path directory;

    /** One of each family, and of each switch. */
    static List<EncoderDecoderSpec> specs() {
        try {
            Path directory = Files.createTempDirectory("encoder-decoders");
            try {
                return List.of(read(directory, T5), read(directory, T5 + ", \"num_decoder_layers\": 3, \"feed_forward_proj\": \"gated-gelu\", \"tie_word_embeddings\": false"),
                        read(directory, T5.replace("t5", "mt5")), read(directory, bart("bart")), read(directory, bart("mbart") + ", \"scale_embedding\": true"),
                        read(directory, bart("marian")), read(directory, bart("marian")
                                + ", \"decoder_vocab_size\": 70, \"share_encoder_decoder_embeddings\": false, \"decoder_start_token_id\": 1, \"activation_function\": \"swish\""),
                        read(directory, bart("m2m_100") + ", \"forced_bos_token_id\": 5, \"tie_word_embeddings\": false"),
                        read(directory, WHISPER), read(directory, WHISPER + ", \"tie_word_embeddings\": false, \"num_mel_bins\": 128"));
            } finally {
                FileTree.delete(directory);
            }
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String bart(String type) {
        return "\"model_type\": \"" + type + "\", " + BART;
    }

    private static EncoderDecoderSpec read(Path directory, String fields) throws java.io.IOException {
        Path config = directory.resolve("config.json");
        Files.writeString(config, "{" + fields + "}");
        return (EncoderDecoderSpec) HfConfig.network(config);
    }

    @Test
    void writtenConfigsGiveTheSameSpec() throws Exception {
        for (EncoderDecoderSpec spec : specs()) {
            Path config = directory.resolve("config.json");
            Files.writeString(config, HfConfig.write(spec, StorageType.F32));
            assertThat(HfConfig.network(config)).isEqualTo(spec);
        }
    }

    @Test
    void eachWeightIsNamedOnceAndFoundByItsRole() {
        for (EncoderDecoderSpec spec : specs()) {
            var table = Parameters.of(spec);
            assertThat(table.all()).extracting(Parameter::name).doesNotHaveDuplicates();
            for (Parameter p : table) {
                assertThat(table.find(p.role(), p.layer(), p.expert(), p.bias())).contains(p);
            }
        }
    }

    /** Keys have no bias, and the encoder has an even number of frames and no vocabulary. */
    @Test
    void whisperHears() throws Exception {
        EncoderDecoderSpec spec = read(directory, WHISPER);
        assertThat(spec.hears()).isTrue();
        assertThat(spec.frames()).isEqualTo(40);
        assertThat(spec.longest()).isEqualTo(14);
        assertThat(Parameters.of(spec).all()).extracting(Parameter::name).contains("model.encoder.layers.0.self_attn.q_proj.bias", "model.encoder.conv1.bias")
                .doesNotContain("model.encoder.layers.0.self_attn.k_proj.bias", "model.decoder.layers.0.encoder_attn.k_proj.bias");
        assertThatThrownBy(() -> spec.requireReads(Path.of("whisper-tiny"))).isInstanceOf(FormatException.class).hasMessageContaining("whisper-tiny").hasMessageContaining("transcribe");
        assertThatThrownBy(() -> read(directory, WHISPER.replace("\"d_model\": 32", "\"d_model\": 33"))).hasMessageContaining("d_model").hasMessageContaining("even");
    }

    /** As {@code T5Config} takes {@code feed_forward_proj} apart; a head that is not tied tells the first version from the later ones. */
    @Test
    void t5SaysInOneTextHowItsMlpIs() throws Exception {
        assertThat(mlp("relu")).isEqualTo(new Mlp.Dense(48, Activation.RELU, false, false));
        assertThat(mlp("gelu")).isEqualTo(new Mlp.Dense(48, Activation.GELU, false, false));
        assertThat(mlp("gated-gelu")).isEqualTo(new Mlp.Dense(48, Activation.GELU_TANH, true, false));
        assertThat(mlp("gated-silu")).isEqualTo(new Mlp.Dense(48, Activation.SILU, true, false));
        assertThatThrownBy(() -> mlp("gated-gelu-new")).isInstanceOf(FormatException.class).hasMessageContaining("feed_forward_proj");
        assertThat(read(directory, T5).decoder().scales().logits()).isEqualTo(1 / Math.sqrt(32));
        assertThat(read(directory, T5 + ", \"tie_word_embeddings\": false").decoder().scales().logits()).isEqualTo(1);
        assertThat(read(directory, T5 + ", \"scale_decoder_outputs\": false").decoder().scales().logits()).isEqualTo(1);
    }

    private Mlp mlp(String projection) throws Exception {
        return read(directory, T5 + ", \"feed_forward_proj\": \"" + projection + "\"").encoder().layers().getFirst().mlp();
    }

    @Test
    void whatIsNotDoneIsRefusedByName() throws Exception {
        assertThatThrownBy(() -> read(directory, bart("bart") + ", \"architectures\": [\"BartForSequenceClassification\"]"))
                .hasMessageContaining("architectures").hasMessageContaining("BartForConditionalGeneration");
        assertThatThrownBy(() -> read(directory, bart("bart") + ", \"is_encoder_decoder\": false")).hasMessageContaining("is_encoder_decoder");
        assertThatThrownBy(() -> read(directory, bart("marian") + ", \"decoder_vocab_size\": 98")).hasMessageContaining("share_encoder_decoder_embeddings");
        read(directory, T5);
        assertThatThrownBy(() -> ModelDirectory.readSpec(directory)).hasMessageContaining("encoder–decoder");
    }

    /** By {@code T5Attention._relative_position_bucket(…, …, num_buckets=8, max_distance=16)}. */
    @Test
    void farDistancesShareARange() {
        var bias = new Positions.RelativeBias(8, 16);
        int[] far = {-40, -17, -16, -12, -8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 8, 17};
        assertThat(java.util.Arrays.stream(far).map(d -> bias.bucket(d, true))).containsExactly(3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 1, 0, 5, 6, 6, 6, 6, 7, 7);
        assertThat(java.util.Arrays.stream(far).map(d -> bias.bucket(d, false))).containsExactly(7, 7, 7, 7, 6, 5, 4, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    }
}
