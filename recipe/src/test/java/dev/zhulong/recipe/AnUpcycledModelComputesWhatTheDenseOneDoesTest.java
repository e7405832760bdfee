package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AnUpcycledModelComputesWhatTheDenseOneDoesTest {
    @TempDir
    Path directory;

    private DecoderSpec spec(String type) throws IOException {
        Files.writeString(directory.resolve("config.json"), "{\"model_type\":\"" + type + "\",\"vocab_size\":40,\"hidden_size\":16,\"intermediate_size\":24,"
                + "\"num_hidden_layers\":2,\"num_attention_heads\":2,\"num_key_value_heads\":1,\"head_dim\":8,\"max_position_embeddings\":32}");
        return (DecoderSpec) HfConfig.network(directory.resolve("config.json"));
    }

    private static float[] logits(Decoder model) {
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            return model.logits(Tensor.of(new long[] {3, 9, 27, 1, 4, 39}, 1, 6)).toFloats();
        }
    }

    @Test
    void untilItIsTrained() throws IOException {
        for (String type : new String[] {"llama", "mistral", "qwen3", "qwen2", "granite"}) {
            try (Decoder dense = Decoder.random(spec(type), 5)) {
                dense.parameters().values().forEach(p -> p.mul_(p.dim() > 1 ? 8 : 1));
                try (Decoder sparse = Upcycle.of(dense, 4, 2, 0, 1); Decoder noisy = Upcycle.of(dense, 4, 2, 0.5, 1)) {
                    assertThat(logits(sparse)).as(type).containsExactly(logits(dense), within(1e-5f));
                    assertThat(logits(noisy)[0]).as(type).isNotCloseTo(logits(dense)[0], within(1e-5f));
                    // with an expert that all share, that one more and its scale
                    int shared = type.equals("qwen2") ? 3 * 16 * 24 + 16 : 0;
                    assertThat(sparse.count()).isEqualTo(dense.count() + 2 * (3 * 3 * 16 * 24 + 4 * 16 + shared));
                }
            }
        }
    }

    @Test
    void familiesWithoutExpertsAreRefused() throws IOException {
        try (Decoder dense = Decoder.random(spec("gemma"), 5)) {
            assertThatThrownBy(() -> Upcycle.of(dense, 4, 2, 0, 1)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("gemma cannot be given experts");
        }
    }
}
