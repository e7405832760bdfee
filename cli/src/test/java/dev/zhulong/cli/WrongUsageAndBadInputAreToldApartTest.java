package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.LockFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WrongUsageAndBadInputAreToldApartTest {
    @TempDir
    static Path temporary;

    static Path model;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        Files.writeString(temporary.resolve("text.txt"), TinyModel.text(1));
        Files.writeString(temporary.resolve("empty.txt"), "");
        Files.write(temporary.resolve("latin1.txt"), new byte[] {'a', (byte) 0xe9, 'b'});
        Files.createDirectories(temporary.resolve("nothing"));
    }

    private Cli run(String line) {
        return Cli.run((Object[]) line.replace("MODEL", model.toString()).replace("DIR", temporary.toString()).split(" "));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "logits --model MODEL --ids 1,2 | --out",
        "logits --model MODEL --ids one --out DIR/l | one",
        "generate | --model",
        "generate --model MODEL --prompt a --prompt-file DIR/text.txt | --prompt-file",
        "generate --model MODEL --greedy --temperature 0.5 | --greedy",
        "generate --model MODEL --top-p 1.5 | top-p",
        "generate --model MODEL --temperature -1 | temperature",
        "generate --model MODEL --max-new-tokens -3 | max new tokens",
        "generate --model MODEL --n 0 | --n",
        "generate --model MODEL --json --regex a | --regex",
        "chat --model MODEL --min-p 2 | min-p",
        "evaluate --model MODEL | --text",
        "evaluate --model MODEL --text DIR/text.txt --data DIR | --data",
        "evaluate --model MODEL --text DIR/text.txt --window 8 --stride 9 | --stride",
        "evaluate --model MODEL --text DIR/text.txt --window 0 | --window",
        "evaluate --model MODEL --text DIR/text.txt --bos maybe | --bos",
        "tokenizer | encode",
        "tokenizer train --data DIR/text.txt --vocab-size 100 --out DIR/t | 257",
        "tokenizer train --data DIR/text.txt --type char --vocab-size 100 --out DIR/t | --vocab-size",
        "tokenizer train --data DIR/text.txt --type word --out DIR/t | word",
        "clean --data DIR/text.txt --steps unicod --out DIR/c | did you mean 'unicode'",
        "clean --data DIR/text.txt --validation-fraction 1 --out DIR/c | validationFraction",
        "clean --data DIR --out DIR/c | inside the input",
        "prune --model MODEL --ffn 100% --text DIR/text.txt --out DIR/p | --ffn",
        "prune --model MODEL --layers 0,1 --tail 0.1 --out DIR/p | --tail",
        "prune --model MODEL --vocabulary --text DIR/text.txt --held-out DIR/text.txt --out DIR/p | in --text too",
        "compress --model MODEL --smaller half --out DIR/c.gguf | found 'half'",
        "compress --model MODEL --smaller 50% --field a --out DIR/c.gguf | --field",
        "compress --model MODEL --smaller 50% --quality-floor 2000% --out DIR/c.gguf | below 1000 %",
        "compress --model MODEL --smaller 50% --of f64 --out DIR/c.gguf | STORED]",
        "doctor now | now",
    })
    void wrongUsageIsTwoWithTheOptionNamed(String line, String named) {
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).startsWith("zhulong: ").contains(named).contains("--help");
        assertThat(result.out()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "logits --model DIR/nowhere --ids 1 --out DIR/l | nowhere",
        "logits --model MODEL --ids 1,300 --out DIR/l | 300",
        "logits --model MODEL --ids -1 --out DIR/l | -1",
        "logits --model DIR/nothing --ids 1 --out DIR/l | config.json",
        "generate --model MODEL --prompt-file DIR/none.txt | none.txt",
        "generate --model MODEL --prompt-file DIR/latin1.txt | UTF-8",
        "evaluate --model MODEL --text DIR/none.txt | none.txt",
        "evaluate --model MODEL --text DIR/empty.txt | no token to score",
        "evaluate --model MODEL --text DIR/latin1.txt | UTF-8",
        "evaluate --model MODEL --text DIR/nothing | directory",
        "evaluate --model MODEL --data DIR/text.txt | --text",
        "evaluate --model MODEL --text DIR/text.txt --window 65 | 64",
        "tokenizer encode --model DIR/nothing hello | tokenizer.json",
        "tokenizer decode --model MODEL 1,2,300 | 300",
        "tokenizer train --data DIR/none.txt --out DIR/t | none.txt",
        "tokenizer train --data DIR/empty.txt --out DIR/t | no text",
        "clean --data DIR/none --out DIR/c | none",
        "clean --data DIR/empty.txt --out DIR/c | nothing is left",
    })
    void badInputIsOneWithOneLineThatNamesIt(String line, String named) {
        Cli result = run(line);
        assertThat(result.code()).as(result.err()).isEqualTo(1);
        assertThat(result.err().lines().filter(l -> l.startsWith("zhulong: "))).singleElement().asString().contains(named)
                .doesNotContain("unexpected").doesNotContain("Exception");
        assertThat(result.out()).isEmpty();
        assertThat(temporary.resolve("l")).doesNotExist();
        assertThat(temporary.resolve("t")).doesNotExist();
    }

    @Test
    void aFailedCleaningCanBeTriedAgain() throws IOException {
        Path out = temporary.resolve("again");
        assertThat(Cli.run("clean", "--data", temporary.resolve("none"), "--out", out).code()).isEqualTo(1);
        Cli.run("clean", "--data", temporary.resolve("text.txt"), "--steps", "none", "--out", out).done();
    }

    /** What one makes on the way would be removed by the other. */
    @Test
    void twoCallsDoNotMakeOneFile() {
        try (var held = LockFile.hold(temporary.resolve("c.gguf.compress.lock"), "held")) {
            Cli refused = run("compress --model MODEL --smaller 50% --text DIR/text.txt --out DIR/c.gguf");
            assertThat(refused.code()).isEqualTo(1);
            assertThat(refused.err()).contains("another call is making " + temporary.resolve("c.gguf"));
        }
        Cli alone = run("compress --model MODEL --smaller 50% --text DIR/text.txt --out DIR/c.gguf");
        assertThat(alone.err()).contains("give more text");
        assertThat(temporary.resolve("c.gguf.compress.lock")).doesNotExist();
    }

    @Test
    void resultsAreNotOverwrittenUnlessAskedFor() throws IOException {
        Path file = temporary.resolve("kept.safetensors");
        Files.writeString(file, "precious");
        assertThat(Cli.run("logits", "--model", model, "--ids", 1, "--out", file).code()).isEqualTo(1);
        Cli refused = Cli.run("evaluate", "--model", model, "--text", temporary.resolve("text.txt"), "--out", file);
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err()).contains("--force");
        assertThat(file).hasContent("precious");
        Path directory = Files.createDirectories(temporary.resolve("kept"));
        Files.writeString(directory.resolve("notes.txt"), "precious");
        assertThat(Cli.run("tokenizer", "train", "--data", temporary.resolve("text.txt"), "--vocab-size", 260, "--out", directory).code())
                .isEqualTo(1);
        assertThat(Cli.run("clean", "--data", temporary.resolve("text.txt"), "--out", directory).code()).isEqualTo(1);
        assertThat(directory.resolve("tokenizer.json")).doesNotExist();
        Cli.run("logits", "--model", model, "--ids", 1, "--out", file, "--force").done();
        assertThat(Files.size(file)).isGreaterThan(4 * TinyModel.VOCAB);
    }
}
