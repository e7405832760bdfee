package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What a family does not have is refused by the field of the recipe, whichever family it is. */
class AFamilySaysWhatARecipeMayAskForTest {
    private static DecoderSpec shape(String... overrides) {
        return ModelShape.smallest(TinyRun.recipe(Path.of("texts"), overrides));
    }

    private static void refused(String message, String... overrides) {
        assertThatThrownBy(() -> shape(overrides)).isInstanceOf(RuntimeException.class).hasMessageContaining(message);
    }

    @Test
    void windows() {
        assertThat(shape("model.family=mistral", "model.sliding_window=8").windows()).containsOnly(8);
        assertThat(shape("model.family=mixtral", "model.experts=4", "model.sliding_window=8").windows()).containsOnly(8);
        refused("model.sliding_window needs a family with windows, such as mistral; found llama", "model.family=llama", "model.sliding_window=8");
        refused("found qwen3", "model.family=qwen3", "model.sliding_window=8");
    }

    @Test
    void heads() {
        refused("model.kv_heads: gpt2 has as many as heads, found 1 and 2", "model.family=gpt2", "model.heads=2", "model.kv_heads=1");
        refused("model.head_dim: expected an even number", "model.family=llama", "model.hidden_size=6", "model.heads=2", "model.kv_heads=2");
        assertThat(shape("model.family=gpt2", "model.hidden_size=6", "model.heads=2", "model.kv_heads=0").headDim()).isEqualTo(3);
    }

    @Test
    void experts() {
        assertThat(shape("model.family=mixtral", "model.experts=4").stack().experts()).isPresent();
        refused("model.experts needs a family with experts, such as mixtral; found llama", "model.family=llama", "model.experts=4");
    }
}
