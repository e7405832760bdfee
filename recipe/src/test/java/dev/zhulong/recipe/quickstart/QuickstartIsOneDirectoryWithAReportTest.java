package dev.zhulong.recipe.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Provenance;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuickstartIsOneDirectoryWithAReportTest {
    @TempDir
    Path temporary;

    @Test
    void sizesTrainsAndReports() throws IOException {
        Path corpus = TinyCorpus.write(temporary.resolve("texts"));
        Path out = temporary.resolve("out");
        var options = new QuickstartOptions(0.05, out, Optional.of(corpus), 3, Optional.empty());
        Path page = Quickstart.run(options, new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8));

        for (String file : new String[] {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json",
            "generation_config.json", "zhulong.json", "plan.json", "report.json", "report.html", "corpus/audit.html", "comparison.json",
            "pairs/describe.jsonl", "pairs/write.held-out.jsonl", "adapter/adapter_config.json", "adapter/adapter_model.safetensors"}) {
            assertThat(out.resolve(file)).isNotEmptyFile();
        }
        try (var model = ModelDirectory.open(out)) {
            assertThat(model.spec().hiddenSize()).isEqualTo(Plan.read(out.resolve(Plan.FILE)).shape().hidden());
        }
        assertThat(Provenance.read(out).stage()).isEqualTo("quickstart");

        Report report = Report.read(out);
        Report.HeldOut scores = report.heldOut();
        assertThat(scores.ratioToUnigram()).isEqualTo(scores.model().bitsPerByte() / scores.unigram().bitsPerByte());
        assertThat(scores.model().perplexity()).isEqualTo(Math.exp(scores.model().nats()));
        assertThat(scores.model().bitsPerByte()).isLessThan(scores.untrained().bitsPerByte());
        assertThat(scores.untrained().nats()).isBetween(0.9 * Math.log(report.data().vocabulary()), 1.2 * Math.log(report.data().vocabulary()));

        String html = Files.readString(page);
        JsonNode json = Report.tree(out.resolve(Report.FILE));
        for (String who : new String[] {"model", "unigram", "untrained"}) {
            assertThat(html).contains(text("%.4f", json.at("/heldOut/" + who + "/nats").asDouble()),
                    text("%,.1f", json.at("/heldOut/" + who + "/perplexity").asDouble()),
                    text("%.4f", json.at("/heldOut/" + who + "/bitsPerByte").asDouble()));
        }
        assertThat(html).contains(text("%.3f", json.at("/heldOut/ratioToUnigram").asDouble()),
                text("%,d", json.at("/heldOut/tokens").asLong()), text("%,d", json.at("/data/parameters").asLong()),
                text("%,d", json.at("/plan/steps").asLong()), "quickstart --plan ", "corpus/audit.html", "<svg");
        assertThat(html).as("self-contained").doesNotContain("src=").doesNotContain("href=\"http").doesNotContain("@import").doesNotContain("<script");
        assertThat(report.finetuning().tasks()).extracting(Finetuning.Result::task).containsExactly("describe", "write");
        for (Finetuning.Result task : report.finetuning().tasks()) {
            assertThat(task.lossAfter()).isLessThan(task.lossBefore());
            assertThat(task.metrics()).extracting(Finetuning.Metric::name).containsExactly("BLEU", "rouge1", "rouge2", "rougeL", "rougeLsum");
            assertThat(html).contains(task.what(), text("%.4f", task.lossBefore()), text("%.4f", task.lossAfter()));
            for (Finetuning.Metric metric : task.metrics()) {
                assertThat(metric.errorAfter()).isNotNull();
                assertThat(html).contains(metric.signature(), metric.before("%s (%s)"), metric.after("%s (%s)"));
            }
        }
        assertThat(report.samples()).hasSizeGreaterThanOrEqualTo(2);
        assertThat(report.completions()).anyMatch(Report.Completion::fillsGap).anyMatch(c -> !c.fillsGap());

        byte[] weights = Files.readAllBytes(out.resolve("model.safetensors"));
        var printed = new ByteArrayOutputStream();
        Path again = Quickstart.run(options, new PrintStream(printed, true, StandardCharsets.UTF_8));
        assertThat(again).isEqualTo(page);
        assertThat(printed.toString(StandardCharsets.UTF_8)).contains("finished", page.toString(),
                text("%.4f", scores.model().bitsPerByte()), text("%.3f", scores.ratioToUnigram()),
                "with the adapter", text("%.4f", report.finetuning().tasks().getLast().lossAfter()), "--adapter " + out.resolve("adapter"));
        assertThat(out.resolve("model.safetensors")).hasBinaryContent(weights);
        assertThat(report.starts()).isOne();
    }

    private static String text(String format, Object value) {
        return String.format(Locale.ROOT, format, value);
    }
}
