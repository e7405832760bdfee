package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerVerbsMakeWhatTheyReadTest {
    @TempDir
    Path temporary;

    private Path texts() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 12; i++) {
            Files.writeString(texts.resolve("text" + i + ".txt"), TinyModel.text(i));
        }
        return texts;
    }

    @Test
    void trainedTokenizersGiveBackTheText() throws IOException {
        Path out = temporary.resolve("bpe");
        assertThat(Cli.run("tokenizer", "train", "--data", texts(), "--vocab-size", 280, "--out", out).done().out()).contains("280"
                + " tokens");
        String text = "The lamp, 灯, é\t\u0007 <|endoftext|>";
        String ids = Cli.run("tokenizer", "encode", "--model", out, text).done().out().strip();
        assertThat(Cli.run("tokenizer", "decode", "--model", out, ids).done().out()).isEqualTo(text + System.lineSeparator());
        assertThat(Cli.run("tokenizer", "encode", "--model", out, "--bos", text).done().out().strip()).isEqualTo("0," + ids);
        assertThat(Cli.run("tokenizer", "encode", "--model", out, "--control-tokens", text).done().out().strip()).endsWith(",0");
        assertThat(Cli.runWithInput(text, "tokenizer", "encode", "--model", out).done().out().strip()).isEqualTo(ids);
    }

    @Test
    void theResultDoesNotDependOnTheOrderOfInputs() throws IOException {
        Path texts = texts();
        Path a = texts.resolve("text1.txt");
        Path b = texts.resolve("text2.txt");
        Cli.run("tokenizer", "train", "--data", a, b, "--vocab-size", 270, "--out", temporary.resolve("ab")).done();
        Cli.run("tokenizer", "train", "--data", b, a, "--vocab-size", 270, "--out", temporary.resolve("ba")).done();
        assertThat(temporary.resolve("ab/tokenizer.json")).hasSameBinaryContentAs(temporary.resolve("ba/tokenizer.json"));
    }

    @Test
    void charactersAreTheTextsOwnAndNoOthers() throws IOException {
        Path file = Files.writeString(temporary.resolve("abc.txt"), "cab\nbac");
        Path out = temporary.resolve("characters");
        assertThat(Cli.run("tokenizer", "train", "--data", file, "--type", "char", "--out", out).done().out()).contains("4 tokens");
        assertThat(Cli.run("tokenizer", "encode", "--model", out, "abc\n").done().out().strip()).isEqualTo("1,2,3,0");
        Cli unknown = Cli.run("tokenizer", "encode", "--model", out, "abd");
        assertThat(unknown.code()).isEqualTo(1);
        assertThat(unknown.err()).contains("U+0064");
    }

    @Test
    void ofACorpusOnlyTheTrainingSideIsRead() throws IOException {
        // every document has a character of its own, so that the vocabulary tells which were read
        Path texts = Files.createDirectories(temporary.resolve("own"));
        for (int i = 0; i < 40; i++) {
            Files.writeString(texts.resolve(i + ".txt"), Character.toString(0x4e00 + i).repeat(20));
        }
        Path corpus = temporary.resolve("corpus");
        String summary = Cli.run("clean", "--data", texts, "--steps", "none", "--no-dedup", "--validation-fraction", 0.5, "--out", corpus)
                .done().out();
        long training = summary.lines().filter(line -> line.startsWith("training")).map(line -> line.replaceAll("\\D+(\\d+)"
                + " documents.*", "$1"))
                .mapToLong(Long::parseLong).sum();
        assertThat(training).isBetween(5L, 35L);
        assertThat(Cli.run("tokenizer", "train", "--data", corpus, "--type", "char", "--out", temporary.resolve("t")).done().out())
                .contains(String.format(Locale.ROOT, ": %d tokens", training));
    }

    @Test
    void tooSmallATextIsSaid() throws IOException {
        Path file = Files.writeString(temporary.resolve("small.txt"), "no pair twice");
        assertThat(Cli.run("tokenizer", "train", "--data", file, "--out", temporary.resolve("t")).done().err()).contains("too"
                + " small for 8192");
    }
}
