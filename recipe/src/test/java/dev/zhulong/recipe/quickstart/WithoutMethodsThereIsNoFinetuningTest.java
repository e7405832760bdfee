package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import static org.assertj.core.api.Assertions.assertThat;

class WithoutMethodsThereIsNoFinetuningTest {
    private static final String[] WORDS = ("the a one old green late quiet train boat house garden letter teacher road river lamp stood came went"
            + " turned waited opened slowly again there here before after because and but with near under every morning evening").split(" ");

    @TempDir
    Path temporary;

    @Test
    void andOneLineSaysWhy() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        var random = new SplittableRandom(5);
        for (int file = 0; file < 40; file++) {
            var text = new StringBuilder();
            for (int sentence = 0; sentence < 30; sentence++) {
                for (int word = 0; word < 8; word++) {
                    text.append(WORDS[random.nextInt(WORDS.length)]).append(word < 7 ? ' ' : '.');
                }
                text.append('\n');
            }
            Files.writeString(texts.resolve("story" + file + ".txt"), text);
        }
        Path plan = TinyCorpus.plan(Files.createDirectories(temporary.resolve("given")).resolve(Plan.FILE), texts, 3);
        Path out = temporary.resolve("out");
        String printed = TinyCorpus.run(out, plan, Progress.SILENT);
        assertThat(printed.lines()).filteredOn(line -> line.contains("fine-tun")).containsExactly(
                "no fine-tuning: the corpus has no Java sources, so there are no methods to learn from");
        assertThat(Report.read(out).finetuning()).isNull();
        assertThat(out.resolve("adapter")).doesNotExist();
        assertThat(Files.readString(out.resolve("report.html"))).doesNotContain("Fine-tuning").doesNotContain("--adapter");
    }
}
