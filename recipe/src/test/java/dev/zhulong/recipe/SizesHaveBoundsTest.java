package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.recipe.tune.Space;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A size that no machine has is refused by its name and bound, and never overflows on the way there. */
class SizesHaveBoundsTest {
    @ParameterizedTest
    @ValueSource(strings = {"data.tokenizer.vocab_size", "model.hidden_size", "model.layers", "model.intermediate_size", "model.context_length",
            "train.steps", "train.batch", "train.seq", "train.accumulation", "adapter.rank"})
    void ofPretraining(String field) {
        for (String value : List.of("2000000000", "2147483647")) {
            String[] overrides = field.startsWith("adapter") ? new String[] {"model.from=x", field + "=" + value}
                    : field.equals("train.steps") ? new String[] {field + "=" + value + "00"} : new String[] {field + "=" + value};
            assertThatThrownBy(() -> TinyRun.recipe(Path.of("texts"), overrides)).hasMessageContaining(field.substring(field.lastIndexOf('.') + 1))
                    .hasMessageContaining("must be at most").hasMessageNotContaining("overflow").hasMessageNotContaining("found -");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"adapter.rank", "train.batch", "train.seq", "train.accumulation", "train.steps", "train.epochs"})
    void ofFinetuning(String field) {
        String value = field.equals("train.steps") ? "9223372036854775807" : field.equals("train.epochs") ? "1e300" : "2147483647";
        assertThatThrownBy(() -> RecipeReader.defaults(FinetuneRecipe.class, List.of(field + "=" + value)))
                .hasMessageContaining(field.substring(field.indexOf('.') + 1)).hasMessageContaining("must be at most");
    }

    @ParameterizedTest
    @ValueSource(strings = {"trials", "factor", "rounds"})
    void ofASearch(String field) {
        assertThatThrownBy(() -> RecipeReader.defaults(Space.class, List.of(field + "=2000000000"))).hasMessageContaining(field + " must be at most");
    }

    @Test
    void ofProducts() {
        assertThatThrownBy(() -> TinyRun.recipe(Path.of("texts"), "train.batch=1000000", "train.seq=10000")).hasMessageContaining("train.batch times train.seq");
        assertThatThrownBy(() -> TinyRun.recipe(Path.of("texts"), "train.batch=1000000", "train.accumulation=1000000", "train.steps=4000000000"))
                .hasMessageContaining("train.steps times train.batch");
    }

    @Test
    void ofRanks() {
        try (Decoder model = Decoder.random(ModelShape.smallest(TinyRun.recipe(Path.of("texts"))), 1)) {
            for (int rank : new int[] {17, 1 << 18, 2_000_000_000}) {
                assertThatThrownBy(() -> LoraAdapter.create(model, LoraConfig.of(rank, 2, LoraConfig.ALL_LINEAR), 1))
                        .hasMessageContaining("rank " + rank).hasMessageContaining("at most 16");
            }
            LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(16, 2, LoraConfig.ALL_LINEAR), 1);
            assertThat(adapter.count()).isEqualTo(LoraAdapter.count(model.spec(), adapter.config()));
            adapter.close();
        }
    }
}
