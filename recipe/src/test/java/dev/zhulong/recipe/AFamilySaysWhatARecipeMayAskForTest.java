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

    private static void check(String... overrides) {
        PretrainRecipe recipe = TinyRun.recipe(Path.of("texts"), overrides);
        RecipeCheck.experts(recipe.model(), ModelShape.smallest(recipe));
    }

    @Test
    void whatIsOfExpertsAlone() {
        for (String field : new String[] {"capacity", "router_zloss", "correction_rate"}) {
            assertThatThrownBy(() -> check("model.family=llama", "model." + field + "=1")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("this model is none");
        }
        check("model.family=mixtral", "model.experts=4", "model.capacity=1.25", "model.router_zloss=0.001");
        assertThatThrownBy(() -> check("model.family=mixtral", "model.experts=4", "model.correction_rate=0.001")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("mixtral has none");
        check("model.family=deepseek_v3", "model.layers=4", "model.experts=8", "model.correction_rate=0.001");
    }
}
