package dev.zhulong.evaluate.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.PerplexityResult;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextsAreScoredAsTheProtocolSaysTest {
    @TempDir
    Path directory;

    @Test
    void rowsGiveWhatPerplexityGives() throws IOException {
        var files = new TaskFiles(directory).rows("rows.jsonl", "{\"text\": \"A first text of some length.\"}", "{\"text\": \"And another.\"}");
        Subject subject = ByteModel.hashed(16).subject("m");
        TaskResult result = files.run("name: t\ndata: {files: [rows.jsonl]}\nperplexity: {window: 8}\n", subject);
        var options = new PerplexityOptions(8, 8, true);
        PerplexityResult one = Perplexity.evaluate(subject.model(), subject.tokenizer(), "A first text of some length.", options);
        PerplexityResult two = Perplexity.evaluate(subject.model(), subject.tokenizer(), "And another.", options);
        double nll = one.loss().nll() + two.loss().nll();
        assertThat(TaskFiles.score(result.metrics(), "perplexity")).isCloseTo(Math.exp(nll / 40), within(1e-9));
        assertThat(TaskFiles.score(result.metrics(), "bits_per_byte")).isCloseTo(nll / 40 / Math.log(2), within(1e-12));
        assertThat(TaskFiles.score(result.metrics(), "word_perplexity")).isCloseTo(Math.exp(nll / 8), within(1e-6 * Math.exp(nll / 8)));
        // over the windows of 8 tokens, from the definition of a ratio's error
        double mean = nll / 40;
        double squares = 0;
        int windows = 0;
        for (PerplexityResult each : List.of(one, two)) {
            for (int i = 0; i < each.windows().nll().length; i++, windows++) {
                squares += Math.pow(each.windows().nll()[i] - mean * each.windows().tokens()[i], 2);
            }
        }
        assertThat(windows).isEqualTo(6);
        assertThat(result.metrics().get(1).estimate().standardError()).isCloseTo(Math.sqrt(squares * 6 / 5) / 40 / Math.log(2), within(1e-12));
    }

    @Test
    void wikitextIsDetokenisedAndCountedAsItWas() throws IOException {
        String text = " \n = Robert Hall = \n \n He had a guest @-@ starring role in the \" Teddy 's Story \" ( 2 @,@ 000 ) . \n";
        Files.writeString(directory.resolve("wikitext2.test.txt"), text);
        Tasks.Found task = Tasks.find(List.of("wikitext")).getFirst();
        Subject subject = ByteModel.hashed(512).subject("m");
        TaskResult result = TaskRun.run(new Tasks.Found(task.spec(), Optional.of(directory)), subject, new TaskFiles(directory).options(),
                Progress.SILENT);
        assertThat(result.first().get("prompt").asText()).isEqualTo(
                "\n= Robert Hall =\n\nHe had a guest-starring role in the \"Teddy's Story\" (2,000). \n".replace(". \n", ".\n"));
        double bytes = text.length();
        double nll = TaskFiles.score(result.metrics(), "bits_per_byte") * Math.log(2) * bytes;
        assertThat(nll).isCloseTo(Perplexity.evaluate(subject.model(), subject.tokenizer(), result.first().get("prompt").asText(),
                PerplexityOptions.of(subject.model().spec(), subject.tokenizer())).loss().nll(), within(1e-6));
        assertThat(result.metrics().getFirst().detail()).contains("24 words");
    }
}
