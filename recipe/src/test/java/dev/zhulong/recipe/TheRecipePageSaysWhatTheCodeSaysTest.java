package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.tune.Space;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class TheRecipePageSaysWhatTheCodeSaysTest {
    private static final Path ROOT = Path.of(System.getProperty("zhulong.root"));

    @Test
    void everyFieldWithItsDefaultAndMeaning() throws IOException {
        String fields = RecipeReader.describe(PretrainRecipe.class);
        assertThat(fields.lines().skip(2)).allMatch(line -> !line.replaceAll("[\\s|]+$", "").isEmpty());
        for (String line : fields.lines().toList()) {
            String[] cells = line.split("(?<!\\\\)\\|");
            assertThat(cells[4].strip()).as("the meaning of " + cells[1].strip()).isNotEmpty();
        }
        assertThat(Files.readString(ROOT.resolve("docs/recipes.md")))
                .as("docs/recipes.md: put in what 'zhulong pretrain --fields' prints").contains(fields);
    }

    @Test
    void everyFieldOfASpace() throws IOException {
        assertThat(Files.readString(ROOT.resolve("docs/recipes.md")))
                .as("docs/recipes.md: put in what 'zhulong tune --fields' prints").contains(RecipeReader.describe(Space.class));
    }

    @Test
    void everyFieldOfAFineTuning() throws IOException {
        assertThat(Files.readString(ROOT.resolve("docs/recipes.md")))
                .as("docs/recipes.md: put in what 'zhulong finetune --fields' prints").contains(RecipeReader.describe(FinetuneRecipe.class));
    }

    @Test
    void everyFieldOfAHeadsTraining() throws IOException {
        assertThat(Files.readString(ROOT.resolve("docs/recipes.md")))
                .as("docs/recipes.md: put in what 'zhulong finetune --task classify --fields' prints").contains(RecipeReader.describe(LabelRecipe.class));
    }

    @Test
    void everyFieldOfATrainingOfVectors() throws IOException {
        assertThat(Files.readString(ROOT.resolve("docs/recipes.md")))
                .as("docs/recipes.md: put in what 'zhulong finetune --task embed --fields' prints").contains(RecipeReader.describe(EmbedRecipe.class));
    }

    @Test
    void everyFieldOfADistillation() throws IOException {
        assertThat(Files.readString(ROOT.resolve("docs/recipes.md")))
                .as("docs/recipes.md: put in what 'zhulong distil --fields' prints").contains(RecipeReader.describe(DistilRecipe.class));
    }

    @Test
    void everyFieldOfATrainingOnPairs() throws IOException {
        assertThat(Files.readString(ROOT.resolve("docs/recipes.md")))
                .as("docs/recipes.md: put in what 'zhulong finetune --task translate --fields' prints").contains(RecipeReader.describe(RewriteRecipe.class));
    }

    @Test
    void itsExampleAndTheRecipesThatComeAlongAreRecipes() throws IOException {
        var blocks = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(ROOT.resolve("docs/recipes.md")));
        assertThat(blocks.find()).isTrue();
        PretrainRecipe example = RecipeReader.read(blocks.group(1), "docs/recipes.md", PretrainRecipe.class, List.of());
        assertThat(example.train().steps()).isEqualTo(5000);
        assertThat(blocks.find()).isTrue();
        assertThat(RecipeReader.read(blocks.group(1), "docs/recipes.md", Space.class, List.of()).fields()).hasSize(3);
        try (var recipes = Files.list(ROOT.resolve("recipes"))) {
            List<Path> all = recipes.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
            assertThat(all).isNotEmpty();
            for (Path file : all) {
                Class<? extends Record> kind = Files.readString(file).contains("kind: rewrite") ? RewriteRecipe.class : PretrainRecipe.class;
                Record recipe = RecipeReader.read(file, kind, List.of());
                assertThat(RecipeReader.read(RecipeReader.toYaml(recipe), "again", kind, List.of())).isEqualTo(recipe);
            }
        }
    }
}
