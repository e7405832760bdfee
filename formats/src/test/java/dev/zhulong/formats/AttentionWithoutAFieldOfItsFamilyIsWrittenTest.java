package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.gguf.GgufConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Blocks, and windows with global tokens, are no field of any family's: they are written in one of ours and read again, and where that cannot be they are refused. */
class AttentionWithoutAFieldOfItsFamilyIsWrittenTest {
    @TempDir
    Path directory;

    private static DecoderSpec dense(String family) {
        boolean gpt2 = family.equals("gpt2");
        return new DecoderSpec(Family.of(family), 10, 8, 2, 2, 2, 4, 16, 32, gpt2 ? Norm.LAYER : Norm.RMS, 1e-5, gpt2 ? Activation.GELU_TANH : Activation.SILU,
                !gpt2, gpt2 ? null : new Rope(10_000, 4, new Scaling.None()), true, gpt2, gpt2, gpt2, family.equals("qwen3"), List.of(0, 0), -1, List.of());
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen3", "gpt2"})
    void andIsReadAgain(String family) throws IOException {
        for (Reach reach : List.of(new Reach.Window(6), new Reach.Block(64), new Reach.Global(128, 4))) {
            DecoderSpec spec = dense(family).withReach(reach);
            Path config = Files.writeString(directory.resolve("config.json"), HfConfig.write(spec, StorageType.F32));
            assertThat(HfConfig.read(config)).isEqualTo(spec);
            assertThat(HfConfig.read(config).stack().layers()).allMatch(layer -> layer.attention().reach().equals(reach));
        }
        assertThat(HfConfig.write(dense(family), StorageType.F32)).doesNotContain("zhulong");
    }

    @Test
    void aWindowIsTheFamiliesOwnWhereItHasOne() {
        assertThat(HfConfig.withReach(dense("mistral"), new Reach.Window(6)).windows()).containsExactly(6, 6);
        assertThat(HfConfig.withReach(dense("qwen3"), new Reach.Window(6)).windows()).containsExactly(6, 6);
        assertThat(HfConfig.withReach(dense("llama"), new Reach.Window(6))).isEqualTo(dense("llama").withReach(new Reach.Window(6)));
        DecoderSpec windowed = HfConfig.withReach(dense("mistral"), new Reach.Window(6));
        assertThat(HfConfig.withReach(windowed, Reach.WHOLE)).isEqualTo(dense("mistral"));
        assertThat(HfConfig.withReach(dense("llama").withReach(new Reach.Block(5)), Reach.WHOLE)).isEqualTo(dense("llama"));
        assertThat(HfConfig.withReach(dense("llama").withReach(new Reach.Block(5)), new Reach.Global(7, 1)).layer(1).attention().reach()).isEqualTo(new Reach.Global(7, 1));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"{'kind':'ring','window':4}|kind: expected window, block or global, found \"ring\"",
        "{'kind':'block','window':0}|window: expected", "{'kind':'block'}|window", "{'window':4}|kind", "{'kind':'global','window':4}|global", "[]|an object or null",
        "{'kind':'block','window':99999999999}|window", "7|an object or null"})
    void whatIsWrongIsNamed(String field, String message) throws IOException {
        String text = HfConfig.write(dense("llama"), StorageType.F32);
        Path config = Files.writeString(directory.resolve("config.json"), text.replaceFirst("\\{", "{\"zhulong_attention\":" + field.replace('\'', '"') + ","));
        assertThatThrownBy(() -> HfConfig.read(config)).isInstanceOf(FormatException.class).hasMessageContaining("zhulong_attention").hasMessageContaining(message);
    }

    private static final String SHAPE = "{'vocab_size': 50, 'hidden_size': 16, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'intermediate_size': 16, 'pad_token_id': 1,"
            + "'max_position_embeddings': 64, 'model_type': '%s', 'architectures': ['%s'], 'attention_window': 8, 'position_biased_input': false, 'relative_attention': true, 'type_vocab_size': 1}";

    private EncoderSpec encoder(String family, String architecture) throws IOException {
        Path config = Files.writeString(directory.resolve("config.json"), SHAPE.formatted(family, architecture).replace('\'', '"'));
        return (EncoderSpec) HfConfig.network(config);
    }

    @Test
    void soIsAnEncodersUnlessItsFamilyHasAnAttentionOfItsOwn() throws IOException {
        for (String[] family : new String[][] {{"modernbert", "ModernBertModel"}, {"bert", "BertModel"}}) {
            EncoderSpec dense = encoder(family[0], family[1]);
            for (Reach reach : List.of(new Reach.Window(6), new Reach.Block(64), new Reach.Global(128, 4))) {
                EncoderSpec spec = dense.withReach(reach);
                Path config = Files.writeString(directory.resolve("config.json"), HfConfig.write(spec, StorageType.F32));
                assertThat(HfConfig.network(config)).isEqualTo(spec);
                assertThat(spec.layer(1).attention().reach()).isEqualTo(reach);
            }
            assertThat(dense.withReach(new Reach.Block(9)).withReach(null)).isEqualTo(dense);
            assertThat(HfConfig.write(dense, StorageType.F32)).doesNotContain("zhulong");
        }
        for (String[] family : new String[][] {{"longformer", "LongformerModel"}, {"deberta-v2", "DebertaV2Model"}}) {
            EncoderSpec own = encoder(family[0], family[1]);
            assertThatThrownBy(() -> own.withReach(new Reach.Block(8))).hasMessageContaining(family[0] + " has an attention of its own");
            String text = HfConfig.write(own, StorageType.F32);
            Path config = Files.writeString(directory.resolve("config.json"), text.replaceFirst("\\{", "{\"zhulong_attention\":{\"kind\":\"block\",\"window\":8},"));
            assertThatThrownBy(() -> HfConfig.network(config)).isInstanceOf(FormatException.class).hasMessageContaining("zhulong_attention").hasMessageContaining("an attention of its own");
        }
    }

    @Test
    void ggufHasNoFieldForIt() {
        assertThatThrownBy(() -> GgufConfig.write(dense("llama").withReach(new Reach.Block(64)))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cannot say attention within blocks");
    }
}
