package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.Corpus;
import dev.zhulong.data.document.Document;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CleanAppliesTheRulesAskedForTest {
    private static final String ENGLISH = "The keeper lit the lamp and wrote to harbour@watch-house.net about the boats that had"
            + " come in from the sea.\n";
    private static final String CHINESE = "守灯人点亮了灯，给港口写信，说今天有许多船从海上回来，天气很好，大家都很高兴。\n";

    @TempDir
    Path temporary;

    private Path rows;

    @BeforeEach
    void write() throws IOException {
        var lines = new StringBuilder();
        for (int i = 0; i < 6; i++) {
            String english = (ENGLISH + "Row %d tells of %d other things that nobody else has seen in the year %d.").formatted(i, i * 17, 1900 + i);
            lines.append("{\"body\": \"").append(english.replace("\n", "\\n")).append("\"}\n");
        }
        lines.append("{\"body\": \"").append(CHINESE.strip().repeat(3)).append("\"}\n");
        lines.append(lines, 0, lines.indexOf("\n") + 1);
        rows = Files.writeString(temporary.resolve("rows.jsonl"), lines);
    }

    private List<Document> documents(Path corpus) {
        var all = new java.util.ArrayList<Document>();
        try (var train = Corpus.open(corpus).train().documents(); var held = Corpus.open(corpus).validation().documents()) {
            train.forEach(all::add);
            held.forEach(all::add);
        }
        return all;
    }

    @Test
    void noStepsAndNoDeduplicationKeepEverythingAsItIs() {
        Path out = temporary.resolve("out");
        Cli result = Cli.run("clean", "--data", rows, "--field", "body", "--steps", "none", "--no-dedup", "--out", out).done();
        assertThat(documents(out)).hasSize(8).anySatisfy(d -> assertThat(d.text()).contains("harbour@watch-house.net"));
        assertThat(result.out()).contains("read 8 documents").contains(out.resolve("audit.html").toString());
        assertThat(out.resolve("audit.html")).isNotEmptyFile();
    }

    @Test
    void namedStepsLanguagesAndDuplicatesAreObeyed() {
        Path out = temporary.resolve("out");
        Cli result = Cli.run("clean", "--data", rows, "--column", "body", "--steps", "unicode,personal-data", "--languages", "zh",
                "--out", out).done();
        assertThat(documents(out)).singleElement().satisfies(d -> assertThat(d.text()).contains("守灯人"));
        assertThat(result.out()).contains("unicode").contains("language").contains("personal-data").contains("exact-duplicates")
                .doesNotContain("repetition");
    }

    @Test
    void redactionMayBeLimitedToSomeKinds() {
        Path all = temporary.resolve("all");
        Path phones = temporary.resolve("phones");
        Cli.run("clean", "--data", rows, "--field", "body", "--steps", "personal-data", "--out", all).done();
        Cli.run("clean", "--data", rows, "--field", "body", "--steps", "none", "--redact", "phone", "--out", phones).done();
        assertThat(documents(all)).allSatisfy(d -> assertThat(d.text()).doesNotContain("harbour@watch-house.net"));
        assertThat(documents(phones)).anySatisfy(d -> assertThat(d.text()).contains("harbour@watch-house.net"));
    }

    @Test
    void evaluationTextsAreKeptOut() throws IOException {
        Path test = Files.writeString(temporary.resolve("test.txt"), (ENGLISH + "Row 3 tells of 51 other things that nobody else"
                + " has seen in the year 1903."));
        Path out = temporary.resolve("out");
        Cli.run("clean", "--data", rows, "--field", "body", "--steps", "none", "--evaluation", test, "--out", out).done();
        assertThat(documents(out)).isNotEmpty().noneSatisfy(d -> assertThat(d.text()).contains("Row 3"));
    }

    @Test
    void theSameSeedGivesTheSameBytesWhateverTheThreads() {
        Path one = temporary.resolve("one");
        Path two = temporary.resolve("two");
        Cli.run("clean", "--data", rows, "--field", "body", "--steps", "unicode,personal-data", "--seed", 3, "--threads", 1, "--out", one).done();
        Cli.run("clean", "--data", rows, "--field", "body", "--steps", "unicode,personal-data", "--seed", 3, "--threads", 3, "--out", two).done();
        assertThat(one.resolve("train/documents.jsonl.zst")).hasSameBinaryContentAs(two.resolve("train/documents.jsonl.zst"));
        assertThat(one.resolve("audit.json")).hasSameBinaryContentAs(two.resolve("audit.json"));
    }
}
