package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.Batches;
import dev.zhulong.data.pack.Rows;
import dev.zhulong.formats.Provenance;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.train.NextToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContinuingStartsFromTheModelTest {
    @TempDir
    static Path temporary;
    private static Path texts;
    private static Path source;
    private static TinyRun.Result trained;

    @BeforeAll
    static void train() throws IOException {
        texts = TinyRun.texts(temporary.resolve("texts"), 40, 1);
        source = temporary.resolve("source");
        trained = TinyRun.run(TinyRun.recipe(texts), source);
    }

    @Test
    void withItsTokenizerAndItsWeights() throws IOException {
        Path run = temporary.resolve("run");
        PretrainRecipe recipe = TinyRun.recipe(texts, "model.from=" + source, "data.tokenizer.vocab_size=999", "train.steps=3");
        TinyRun.Result result = TinyRun.run(recipe, run);
        assertThat(run.resolve("tokenizer.json")).hasSameBinaryContentAs(source.resolve("tokenizer.json"));

        // the same texts, split and cut into rows alike: what the source scored at its end is what the run begins with
        FinalEvaluation before = FinalEvaluation.read(run.resolve(FinalEvaluation.BEFORE)).orElseThrow();
        assertThat(before).isEqualTo(trained.evaluation().orElseThrow());
        assertThat(result.evaluation().orElseThrow().meanNll()).isNotEqualTo(before.meanNll());

        var first = new ObjectMapper().readTree(Files.readAllLines(run.resolve("metrics.jsonl")).getFirst());
        try (Decoder model = DecoderFiles.load(source); PreparedData data = TinyRun.data(recipe, run.resolve("data"))) {
            Batch batch = new Batches(PretrainRun.rows(recipe, data, 32), 2).get(0);
            assertThat(first.get("step").asInt()).isOne();
            assertThat(first.get("loss").asDouble()).isCloseTo(new NextToken(model).evaluate(batch).mean(), Offset.offset(1e-5));
        }
        Provenance made = Provenance.read(run);
        assertThat(made.stage()).isEqualTo("continue");
        assertThat(made.parents()).extracting(Provenance::stage).containsExactly("pretrain");
        assertThat(made.inputs()).extracting(Provenance.Input::name).contains(source.resolve("model.safetensors").toString());
    }

    @Test
    void evenAFinishedRunNoLongerNeedsIt() throws IOException {
        Path moved = temporary.resolve("moved-texts");
        Path run = temporary.resolve("finished");
        Path model = temporary.resolve("model");
        TinyRun.texts(moved, 10, 3);
        TinyRun.run(TinyRun.recipe(moved, "train.steps=2"), model);
        PretrainRecipe recipe = TinyRun.recipe(moved, "model.from=" + model, "train.steps=2");
        TinyRun.run(recipe, run);
        Files.move(moved, temporary.resolve("elsewhere"));
        Files.move(model, temporary.resolve("model-elsewhere"));
        assertThat(TinyRun.run(recipe, run).printed()).contains("is finished");
    }

    @Test
    void replayTakesItsShareOfTheRows() throws IOException {
        Path general = Files.createDirectories(temporary.resolve("general"));
        Path domain = Files.createDirectories(temporary.resolve("domain"));
        for (int i = 0; i < 20; i++) {
            Files.writeString(general.resolve(i + ".txt"), ("general " + i + " ").repeat(30));
            Files.writeString(domain.resolve(i + ".txt"), ("0123456789" + i).repeat(30));
        }
        PretrainRecipe recipe = TinyRun.recipe(domain, "model.from=" + source, "data.clean=false", "replay.inputs=[\"" + general + "\"]",
                "replay.share=0.375");
        try (PreparedData data = TinyRun.data(recipe, temporary.resolve("mixed"))) {
            Rows rows = PretrainRun.rows(recipe, data, 32);
            int replayed = 0;
            for (int row = 0; row < 2048; row++) {
                var batch = new Batch(1, 32);
                rows.fill(row, batch, 0);
                replayed += data.tokenizer().decode(batch.tokens()).contains("general") ? 1 : 0;
            }
            // a row may fall on the last bytes of the text, where the word is cut; the law itself is exact
            assertThat(replayed).isCloseTo(768, Offset.offset(8));
        }
    }
}
