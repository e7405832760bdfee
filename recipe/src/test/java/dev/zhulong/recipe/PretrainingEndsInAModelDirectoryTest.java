package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.PackedRows;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.train.Loss;
import dev.zhulong.train.NextToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

class PretrainingEndsInAModelDirectoryTest {
    @TempDir
    static Path temporary;
    private static PretrainRecipe recipe;
    private static Path run;
    private static TinyRun.Result result;

    @BeforeAll
    static void train() throws IOException {
        recipe = TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 40, 1));
        run = temporary.resolve("run");
        result = TinyRun.run(recipe, run);
    }

    @Test
    void thatLoadsAndWrites() {
        try (Decoder model = DecoderFiles.load(run); var tokenizer = HuggingFaceTokenizer.load(run)) {
            assertThat(model.spec().hiddenSize()).isEqualTo(16);
            assertThat(model.spec().vocabSize()).isEqualTo(tokenizer.vocabSize()).isEqualTo(300);
            assertThat(model.spec().eosIds()).containsExactly(tokenizer.eos().orElseThrow());
            @SuppressWarnings("resource") // the engine's model is closed above
            var generator = new Generator(new TorchEngine(model), tokenizer);
            var options = GenerateOptions.of(12, SamplerOptions.DEFAULT.withTemperature(0.8));
            assertThat(generator.generate(generator.sequence("The "), options, piece -> { }).text()).isNotEmpty();
        }
        for (String file : List.of("generation_config.json", "tokenizer_config.json", "loss.png", "metrics.jsonl", "evaluation.json")) {
            assertThat(run.resolve(file)).isNotEmptyFile();
        }
        assertThat(Provenance.read(run).stage()).isEqualTo("pretrain");
        assertThat(Provenance.read(run).inputs()).extracting(Provenance.Input::name).contains(temporary.resolve("texts").toString());
        assertThat(result.printed()).contains("held out: loss", "zhulong generate --model " + run, "step 12/12");
    }

    @Test
    void whoseRecipeIsComplete() throws IOException {
        assertThat(RunDirectory.recipe(run, PretrainRecipe.class)).isEqualTo(recipe.absolute());
        Map<String, Object> written = new Yaml(new SafeConstructor(new LoaderOptions())).load(Files.readString(run.resolve("recipe.yaml")));
        String fields = RecipeReader.describe(PretrainRecipe.class);
        for (String line : fields.lines().skip(2).toList()) {
            String field = line.split("\\|")[1].strip();
            if (!field.startsWith("replay.") && !field.startsWith("adapter.") && !field.startsWith("model.attention.")) {
                assertThat(present(written, field)).as(field).isTrue();
            }
        }
    }

    private static boolean present(Object at, String field) {
        for (String name : field.split("\\.")) {
            if (!(at instanceof Map<?, ?> map) || !map.containsKey(name)) {
                return false;
            }
            at = map.get(name);
        }
        return true;
    }

    @Test
    void whoseEvaluationIsThatOfTheModelOverAllThatIsHeldOut() {
        Loss total = Loss.NONE;
        try (Decoder model = DecoderFiles.load(run); TokenShards shards = TokenShards.open(run.resolve("data/shards/validation"))) {
            var rows = new PackedRows(shards, 32, 9);
            for (long row = 0; row < rows.rowsPerEpoch(); row++) {
                total = total.plus(new NextToken(model).evaluate(new Batches(rows, 1).range(row, 1)));
            }
            FinalEvaluation found = result.evaluation().orElseThrow();
            assertThat(found.tokens()).isEqualTo(total.count()).isEqualTo(shards.tokens() - shards.documents());
        }
        // cut into rows in another order, so that only the mean over much text is near
        assertThat(result.evaluation().orElseThrow().meanNll()).isCloseTo(total.mean(), org.assertj.core.data.Offset.offset(0.05));
        assertThat(FinalEvaluation.read(run.resolve(FinalEvaluation.FILE))).isEqualTo(result.evaluation());
    }

    @Test
    void ofTheSameBytesForTheSameRecipeAndTexts() throws IOException {
        Path again = temporary.resolve("again");
        TinyRun.run(recipe, again);
        for (String file : List.of("model.safetensors", "tokenizer.json", "config.json", "evaluation.json", "recipe.yaml", "zhulong.json",
                "checkpoints/step-00000012/optimizer.safetensors")) {
            assertThat(again.resolve(file)).as(file).hasSameBinaryContentAs(run.resolve(file));
        }
        Path other = temporary.resolve("other");
        TinyRun.run(TinyRun.recipe(temporary.resolve("texts"), "seed=2"), other);
        assertThat(Files.mismatch(other.resolve("model.safetensors"), run.resolve("model.safetensors"))).isNotEqualTo(-1);
    }

    @Test
    void thatIsShownWhenAskedForAgain() throws IOException {
        var before = Files.getLastModifiedTime(run.resolve("model.safetensors"));
        TinyRun.Result shown = TinyRun.run(recipe, run);
        assertThat(shown.evaluation()).isEqualTo(result.evaluation());
        assertThat(shown.printed()).contains("is finished", "held out: loss");
        assertThat(Files.getLastModifiedTime(run.resolve("model.safetensors"))).isEqualTo(before);
    }
}
