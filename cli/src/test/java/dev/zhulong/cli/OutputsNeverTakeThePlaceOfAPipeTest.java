package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutputsNeverTakeThePlaceOfAPipeTest {
    @TempDir
    static Path temporary;

    private static Path pipe;
    private static Path texts;

    @BeforeAll
    static void files() throws Exception {
        pipe = temporary.resolve("pipe");
        assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0, "no mkfifo here");
        TinyModel.write(temporary.resolve("model"));
        texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 4; i++) {
            Files.writeString(texts.resolve(i + ".txt"), TinyModel.text(i));
        }
        Files.writeString(temporary.resolve("a"), "one\n");
        Files.writeString(temporary.resolve("rows.jsonl"), "{\"prompt\": \"lamp\", \"completion\": \"boats\"}\n".repeat(8));
        Files.writeString(temporary.resolve("task.yaml"), """
                name: pick
                data: {files: [rows.jsonl]}
                choice: {context: "{{ prompt }}:", choices: [boats, keeper], answer: "{{ completion }}"}
                """);
    }

    /** A verb's words, TMP for the directory and OUT for the pipe. */
    private static Cli run(String line, Path out) {
        List<Object> words = new ArrayList<>();
        for (String word : line.split(" ")) {
            words.add(word.replace("TMP", temporary.toString()).replace("OUT", out.toString()));
        }
        return Cli.run(words.toArray());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "score --metric exact --hypothesis TMP/a --reference TMP/a --out OUT --force",
        "score --metric exact --hypothesis TMP/a --reference TMP/a --out OUT",
        "evaluate --model TMP/model --text TMP/texts/0.txt --out OUT --force",
        "evaluate --model TMP/model --suite TMP/task.yaml --out OUT --force",
        "evaluate --model TMP/model --suite TMP/task.yaml --report OUT",
        "logits --model TMP/model --ids 1,2 --out OUT --force",
        "quantize --model TMP/model --to f16 --no-measure --out OUT.gguf --overwrite",
        "quantize --model TMP/model --to q4 --no-measure --out OUT --overwrite",
        "merge --model TMP/model --adapter TMP/model --out OUT --force",
        "tokenizer train --data TMP/texts --vocab-size 300 --out OUT --force",
        "clean --data TMP/texts --out OUT --force",
        "pretrain --data TMP/texts --out OUT",
        "continue --model TMP/model --data TMP/texts --out OUT",
        "finetune --model TMP/model --data TMP/rows.jsonl --out OUT",
        "quickstart --out OUT",
        "chat --model TMP/model --session OUT"})
    void itIsRefusedInOneLineAndStaysAPipe(String line) throws Exception {
        Path gguf = temporary.resolve("pipe.gguf");
        if (Files.notExists(gguf, LinkOption.NOFOLLOW_LINKS)) {
            Files.createSymbolicLink(gguf, pipe);
        }
        Cli cli = run(line, pipe);
        assertThat(cli.code()).as(cli.err()).isEqualTo(1);
        assertThat(cli.err().strip().lines().toList()).last().asString().startsWith("zhulong: ").contains(pipe.toString()).doesNotContain("unexpected");
        assertThat(Files.readAttributes(pipe, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).isOther()).isTrue();
        assertThat(gguf).isSymbolicLink();
    }

    @Test
    void aPipeWithinADirectoryThatIsWrittenIntoIsKeptToo() throws Exception {
        Path directory = Files.createDirectories(temporary.resolve("tokenizer"));
        Path inside = directory.resolve("tokenizer.json");
        assertThat(new ProcessBuilder("mkfifo", inside.toString()).start().waitFor()).isZero();
        Cli cli = run("tokenizer train --data TMP/texts --vocab-size 300 --out OUT --force", directory);
        assertThat(cli.code()).isEqualTo(1);
        assertThat(cli.err()).contains("zhulong: cannot write " + inside + ": it is not a regular file");
        assertThat(Files.isRegularFile(inside)).isFalse();
        assertThat(inside).exists();
    }

    @Test
    void aLinkToAFileOrADirectoryStaysALink() throws IOException {
        Path kept = Files.writeString(temporary.resolve("kept.json"), "old");
        Path link = Files.createSymbolicLink(temporary.resolve("link.json"), kept);
        run("score --metric exact --hypothesis TMP/a --reference TMP/a --out OUT --force", link).done();
        assertThat(link).isSymbolicLink();
        assertThat(kept).content().contains("exact_match");
        Path directory = temporary.resolve("int4");
        run("quantize --model TMP/model --to q4 --no-measure --out OUT", directory).done();
        Path other = Files.createSymbolicLink(temporary.resolve("int4-link"), directory);
        run("quantize --model TMP/model --to q4_sym --no-measure --out OUT --overwrite", other).done();
        assertThat(other).isSymbolicLink();
        assertThat(directory.resolve("config.json")).content().contains("Q4_0").doesNotContain("Q4_1");
        Path nowhere = Files.createSymbolicLink(temporary.resolve("nowhere"), temporary.resolve("absent"));
        for (String line : List.of("quantize --model TMP/model --to q4 --no-measure --out OUT --overwrite", "clean --data TMP/texts --out OUT --force",
                "tokenizer train --data TMP/texts --vocab-size 300 --out OUT --force")) {
            Cli cli = run(line, nowhere);
            assertThat(cli.code()).isEqualTo(1);
            assertThat(cli.err()).startsWith("zhulong: ").contains(nowhere.toString()).hasLineCount(1);
            assertThat(nowhere).isSymbolicLink();
        }
    }
}
