package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A recipe that asks for experts ends in a Mixtral, and says of each step what its routers did. */
class AMixtureIsPretrainedTest {
    private static final Path RECIPES = Path.of(System.getProperty("zhulong.root", "..")).resolve("recipes");

    @TempDir
    Path temporary;

    @Test
    void andItsRoutersAreWrittenDown() throws IOException {
        PretrainRecipe recipe = TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 40, 1), "model.family=mixtral", "model.experts=4",
                "model.experts_per_token=2", "model.intermediate_size=16", "model.balance=0.03");
        Path run = temporary.resolve("run");
        TinyRun.Result result = TinyRun.run(recipe, run);
        try (ModelDirectory model = ModelDirectory.open(run)) {
            var experts = (Mlp.Experts) model.spec().layer(1).mlp();
            assertThat(experts.count()).isEqualTo(4);
            assertThat(experts.chosen()).isEqualTo(2);
            assertThat(experts.width()).isEqualTo(16);
            assertThat(experts.balance()).isEqualTo(0.03);
        }
        List<? extends Map<String, ?>> steps = MetricsLog.read(run.resolve("metrics.jsonl")).stream().filter(line -> line.containsKey("loss")).toList();
        assertThat(steps).hasSize(12).allSatisfy(line -> {
            double sum = 0;
            double least = 1;
            for (int expert = 0; expert < 4; expert++) {
                double share = MetricsLog.number(line, "expert_share_" + expert);
                sum += share;
                least = Math.min(least, share);
            }
            assertThat(sum).isBetween(1 - 1e-6, 1 + 1e-6);
            assertThat(MetricsLog.number(line, "expert_share_least")).isBetween(0.0, least + 1e-9);
            assertThat(MetricsLog.number(line, "router_entropy")).isBetween(0.0, Math.log(4) + 1e-6);
            assertThat(MetricsLog.number(line, "balance_loss")).isBetween(1.5, 4.0);
        });
        assertThat(run.resolve("experts.png")).isNotEmptyFile();
        assertThat(result.printed()).contains("the least of any layer");
    }

    @Test
    void onlyAFamilyWithExpertsHasThem() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 2, 1);
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts, "model.experts=4"), temporary.resolve("run"))).hasMessageContaining("such as mixtral; found llama");
    }

    @Test
    void theIncludedRecipeIsOne() {
        PretrainRecipe recipe = RecipeReader.read(RECIPES.resolve("small-mixtral.yaml"), PretrainRecipe.class, List.of());
        var experts = (Mlp.Experts) ModelShape.smallest(recipe).layer(0).mlp();
        assertThat(experts.count()).isEqualTo(8);
        assertThat(experts.chosen()).isEqualTo(2);
    }
}
