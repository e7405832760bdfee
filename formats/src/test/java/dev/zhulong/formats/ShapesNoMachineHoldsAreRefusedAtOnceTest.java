package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.gguf.GgufConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Numbers of a configuration that would fill the memory before a weight is missed, or wrap around; and layers that no file can say apart. */
class ShapesNoMachineHoldsAreRefusedAtOnceTest {
    private static final String MIXTRAL = """
            {"model_type": "mixtral", "vocab_size": 32, "hidden_size": 16, "intermediate_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2,
             "num_hidden_layers": %d, "num_local_experts": %d, "head_dim": %d}""";

    @TempDir
    Path directory;

    private DecoderSpec read(int layers, long experts, int headDim) throws IOException {
        Path file = directory.resolve("config.json");
        Files.writeString(file, MIXTRAL.formatted(layers, experts, headDim));
        return HfConfig.read(file);
    }

    @Test
    void expertsAreBoundedOverAllLayers() throws IOException {
        assertThat(Parameters.of(read(2, 300, 4)).find(Role.UP, 1, 299, false)).isPresent();
        assertThatThrownBy(() -> read(2, 2_000_000_000, 4)).isInstanceOf(FormatException.class)
                .hasMessageContaining("num_local_experts: expected a whole number from 1 to 50000, found 2000000000");
        assertThatThrownBy(() -> read(1000, 101, 4)).isInstanceOf(FormatException.class).hasMessageContaining("num_local_experts");
    }

    @Test
    void headsTogetherAreNoWiderThanARow() {
        assertThatThrownBy(() -> read(2, 2, 1 << 30)).isInstanceOf(FormatException.class).hasMessageContaining("num_attention_heads: expected heads of");
        assertThatThrownBy(() -> new Attention(1 << 16, 1, 1 << 16, false, false, false, 0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("65536 heads of 65536 are wider than any row can be");
    }

    /** Written as if they were all the first, the file would be another model's. */
    @Test
    void layersThatDifferAreNotWrittenAsTheFirst() throws IOException {
        DecoderSpec spec = read(2, 2, 4);
        List<Layer> layers = new ArrayList<>(spec.stack().layers());
        var wider = new Mlp.Experts(2, 2, new Mlp.Dense(9, Activation.SILU, true, false), 0.001);
        layers.set(1, new Layer(layers.get(1).attention(), wider));
        Stack s = spec.stack();
        var other = new DecoderSpec(spec.family(), new Stack(s.hiddenSize(), layers, s.norm(), s.normEpsilon(), s.place(), s.positions(), s.contextLength()),
                spec.vocabSize(), spec.tiedEmbeddings(), spec.bosId(), spec.eosIds());
        assertThatThrownBy(() -> HfConfig.write(other, StorageType.F32)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("cannot say layers");
        assertThatThrownBy(() -> GgufConfig.write(other)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("cannot say layers");
        layers.set(1, new Layer(layers.get(1).attention(), new Mlp.Experts(3, 2, wider.expert(), 0.001)));
        assertThatThrownBy(() -> new Stack(s.hiddenSize(), layers, s.norm(), s.normEpsilon(), s.place(), s.positions(), s.contextLength()))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("expected the same choice in all layers, found 2 of 2 experts and 2 of 3 experts");
    }
}
