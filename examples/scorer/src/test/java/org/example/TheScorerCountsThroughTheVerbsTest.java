package org.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.cli.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TheScorerCountsThroughTheVerbsTest {
    private static final int ROWS = 24;

    @TempDir
    static Path temporary;

    private static Path model;

    private record Run(int code, String out, String err) {}

    private static Run zhulong(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.execute(new PrintWriter(out), new PrintWriter(err), Stream.of(arguments).map(Object::toString).toArray(String[]::new));
        return new Run(code, out.toString(), err.toString());
    }

    /** A tiny model, and rows that hold each sentence also in reverse, for a task of ours that asks the same. */
    @BeforeAll
    static void write() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        var rows = new StringBuilder();
        for (int i = 0; i < ROWS; i++) {
            List<String> words = new ArrayList<>(List.of("the", "keeper", "lit", "lamp", "number", "" + i, "and", "saw", i * i + "", "boats"));
            Files.writeString(texts.resolve(i + ".txt"), (String.join(" ", words) + ".\n").repeat(3 + i));
            rows.append("{\"sentence\": \"").append(String.join(" ", words)).append("\", \"reverse\": \"");
            Collections.reverse(words);
            rows.append(String.join(" ", words)).append("\"}\n");
        }
        Files.writeString(temporary.resolve("rows.jsonl"), rows);
        task("order", "scorer: {name: word-order, settings: {text: \"{{ sentence }}\"}}");
        task("same", "pairs: {more: \"{{ sentence }}\", less: \"{{ reverse }}\"}");
        model = temporary.resolve("model");
        Run run = zhulong("pretrain", "--data", texts, "--set", "data.clean=false", "--set", "data.tokenizer.vocab_size=280", "--set",
                "model.hidden_size=16", "--set", "model.layers=1", "--set", "model.heads=2", "--set", "model.context_length=128", "--set",
                "train.steps=3", "--set", "train.warmup=1", "--set", "train.batch=2", "--set", "train.seq=32", "--set", "train.lr=0.01", "--out", model);
        assertThat(run.code()).as(run.err()).isZero();
    }

    private static Path task(String name, String section) throws IOException {
        return Files.writeString(temporary.resolve(name + ".yaml"), "name: " + name + "\ndata: {files: [rows.jsonl]}\n" + section + "\n");
    }

    @Test
    void itsNumberIsThatOfATaskOfOursThatAsksTheSame() throws IOException {
        Path report = temporary.resolve("report");
        Run run = zhulong("evaluate", "--model", model, "--suite", temporary.resolve("order.yaml") + "," + temporary.resolve("same.yaml"),
                "--report", report, "--json");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode results = new ObjectMapper().readTree(run.out()).path("results");
        JsonNode own = results.path(0);
        assertThat(own.at("/metrics/0/name").asText()).isEqualTo("in_order");
        assertThat(own.path("rows").asInt()).isEqualTo(ROWS);
        assertThat(own.at("/metrics/0/score").asDouble()).isCloseTo(results.at("/1/metrics/0/score").asDouble(), within(1e-12));
        assertThat(Files.readString(report.resolve("report.html"))).contains("in_order", "words in reverse");
        Run again = zhulong("evaluate", "--model", model, "--suite", temporary.resolve("order.yaml"), "--report", report);
        assertThat(again.out()).contains("in_order = ", "chance 0.5000", ROWS + " of " + ROWS + " rows were done before and taken from the samples");
    }

    @Test
    void theHelpListsItAndWhatItRefusesIsOneLine() throws IOException {
        assertThat(zhulong("evaluate", "--help").out()).contains("  word-order: Share of sentences");
        Run refused = zhulong("evaluate", "--model", model, "--suite", task("wrong", "scorer: {name: word-order, settings: {txt: x}}"));
        assertThat(refused.code()).isOne();
        assertThat(refused.err()).contains("zhulong: scorer 'word-order': unknown setting 'txt'; there is text");
        Run unknown = zhulong("evaluate", "--model", model, "--suite", task("unknown", "scorer: {name: order}"));
        assertThat(unknown.err()).contains("unknown scorer 'order'; the class path has word-order").hasLineCount(1);
    }
}
