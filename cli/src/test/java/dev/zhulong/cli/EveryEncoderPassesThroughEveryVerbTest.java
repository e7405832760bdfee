package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.infer.CrossEncoder;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Families of encoders: taught each task, measured, and used on both engines and with quantized weights. */
class EveryEncoderPassesThroughEveryVerbTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] WORDS = "the a good bad film book was is ann lives in paris where who ?".split(" ");
    private static final List<String> TEXTS = List.of("the film was good", "a bad book", "ann lives in paris and the good book was a film in paris the bad film is the book");

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"bert", "roberta", "xlm-roberta", "distilbert", "modernbert", "deberta-v2"})
    void fromRowsToAnswers(String family) throws IOException {
        Path base = TinyEncoder.of(directory.resolve("base"), family, WORDS);
        Path classes = Files.writeString(directory.resolve("classes.csv"), "text,label\nthe film was good,yes\na bad book,no\nthe good book,yes\nthe bad film is bad,no\n");
        Path tags = Files.writeString(directory.resolve("tags.conll"), "ann B-PER\nlives O\nin O\nparis B-LOC\n\nthe O\nfilm O\n\nann B-PER\nis O\ngood O\n\n");
        Path questions = Files.writeString(directory.resolve("questions.jsonl"), """
                {"context": "ann lives in paris", "question": "where ?", "answers": [{"text": "paris", "answer_start": 13}]}
                {"context": "the film was good", "question": "who ?", "answers": [{"text": "film", "answer_start": 4}]}
                {"context": "ann is in paris", "question": "who ?", "answers": [{"text": "ann", "answer_start": 0}]}
                """);
        Path pairs = Files.writeString(directory.resolve("pairs.csv"), "anchor,positive\nwhere ?,in paris\nwho ?,ann\ngood ?,the film\nbad ?,the book\n");
        for (var task : List.of(List.of("classify", classes), List.of("tags", tags), List.of("qa", questions), List.of("embed", pairs))) {
            Path run = directory.resolve(task.get(0).toString());
            Cli.run("finetune", "--task", task.get(0), "--model", base, "--data", task.get(1), "--held-out", task.get(1), "--steps", "2", "--batch", "2", "--out", run).done();
            assertThat(JSON.readTree(run.resolve("evaluation.json").toFile()).path("loss").asDouble()).isPositive().isFinite();
            var spec = (EncoderSpec) HfConfig.network(run.resolve("config.json"));
            assertThat(spec.family().modelType()).isEqualTo(family);
            if (!task.get(0).equals("embed")) {
                JsonNode scores = JSON.readTree(Cli.run("evaluate", "--model", run, "--task", task.get(0), "--data", task.get(1), "--json").done().out());
                assertThat(scores.path("metrics").isEmpty()).isFalse();
            }
        }
        Path run = directory.resolve("embed");
        List<String> vectors = Cli.run("embed", "--model", run, "--text", TEXTS.get(0), "--text", TEXTS.get(1)).done().out().lines().toList();
        assertThat(vectors).hasSize(2);
        assertThat(JSON.readTree(vectors.getFirst())).hasSize(32);
        enginesAgree(run);

        Path scoring = TinyEncoder.scoringOf(directory.resolve("scoring"), family, WORDS);
        Path documents = Files.write(directory.resolve("documents.txt"), TEXTS);
        assertThat(Cli.run("rerank", "--model", scoring, "--query", "where ?", documents).done().out()).contains(TEXTS);
        List<double[]> scores = new ArrayList<>();
        for (EngineChoice choice : List.of(EngineChoice.DEFAULT.withEngine(Engine.CPU), EngineChoice.DEFAULT.withEngine(Engine.TORCH))) {
            try (EncoderModel model = EncoderModel.open(scoring, choice)) {
                scores.add(new CrossEncoder(model.encoder()).scores("where ?", TEXTS));
            }
        }
        assertThat(scores.get(0)).containsExactly(scores.get(1), within(1e-5));
    }

    /** Vectors of texts of several lengths, alike on both engines, and near each other with weights in eight bits. */
    private static void enginesAgree(Path model) {
        List<float[]> exact = vectors(model, EngineChoice.DEFAULT.withEngine(Engine.TORCH));
        List<float[]> cpu = vectors(model, EngineChoice.DEFAULT.withEngine(Engine.CPU));
        List<float[]> small = vectors(model, EngineChoice.DEFAULT.withEngine(Engine.CPU).withWeights(WeightType.Q8_0));
        for (int i = 0; i < exact.size(); i++) {
            assertThat(cpu.get(i)).containsExactly(exact.get(i), within(1e-5f));
            double dot = 0;
            for (int c = 0; c < exact.get(i).length; c++) {
                dot += exact.get(i)[c] * small.get(i)[c];
            }
            assertThat(dot).isBetween(0.99, 1.0001);
        }
    }

    private static List<float[]> vectors(Path model, EngineChoice choice) {
        try (EncoderModel opened = EncoderModel.open(model, choice)) {
            return opened.encoder().vectors(TEXTS, Optional.empty());
        }
    }
}
