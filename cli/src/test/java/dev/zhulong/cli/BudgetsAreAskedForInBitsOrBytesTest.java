package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BudgetsAreAskedForInBitsOrBytesTest {
    @TempDir
    static Path temporary;

    private static Path model;
    private static Path text;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        text = Files.writeString(temporary.resolve("notes.txt"), TinyModel.text(30) + TinyModel.text(31));
    }

    @Test
    void theOptionsThatArePrintedGiveTheSameFileAgain() throws IOException {
        Path bits = temporary.resolve("bits.gguf");
        Cli chosen = Cli.run("quantize", "--model", model, "--bpw", "6", "--calibrate", text, "--no-measure", "--threads", "1", "--out", bits).done();
        try (GgufFile file = GgufFile.open(bits)) {
            long bytes = file.tensors().values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
            assertThat(8.0 * bytes / file.tensors().values().stream().mapToLong(GgufTensor::elements).sum()).isBetween(5.7, 6.0);
            assertThat(file.tensors().values().stream().filter(tensor -> tensor.shape().length > 1).map(GgufTensor::type).distinct().count()).isGreaterThan(1);
        }
        String again = chosen.err().lines().filter(line -> line.contains("again: ")).findFirst().orElseThrow();
        List<Object> command = new ArrayList<>(List.of("quantize", "--model", model, "--calibrate", text, "--no-measure", "--threads", "1", "--out", temporary.resolve("again.gguf")));
        command.addAll(Arrays.asList(again.substring(again.indexOf("--to")).replace("'", "").split(" ")));
        Cli.run(command.toArray()).done();
        assertThat(temporary.resolve("again.gguf")).hasSameBinaryContentAs(bits);
    }

    @Test
    void noFileIsLargerThanWasAskedFor() throws IOException {
        Path out = temporary.resolve("size.gguf");
        Path importance = temporary.resolve("model.imatrix.gguf");
        Cli.run("imatrix", "--model", model, "--text", text, "--out", importance).done();
        Cli.run("quantize", "--model", model, "--size", "40kB", "--imatrix", importance, "--no-measure", "--out", out).done();
        assertThat(Files.size(out)).isBetween(28_000L, 40_000L);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--to q4_0 --bpw 5 --calibrate TEXT | 2 | one of the three",
        "--bpw 5 | 2 | --calibrate, or an importance matrix with --imatrix",
        "--bpw 0 --calibrate TEXT | 2 | more than 0",
        "--size much --calibrate TEXT | 2 | --size",
        "--bpw 5 --calibrate TEXT --tensor-type ffn_down=q8_0 | 2 | leave out --tensor-type",
        "--bpw 2 --calibrate TEXT | 1 | 2.0 bits a weight are too few for this model",
        "--size 1kB --calibrate TEXT | 1 | the smallest has",
    })
    void whatCannotBeIsOneLine(String options, int code, String named) {
        Cli result = Cli.run((Object[]) ("quantize --model " + model + " " + options.replace("TEXT", text.toString()) + " --no-measure --out " + temporary.resolve("x.gguf")).split(" "));
        assertThat(result.code()).as(result.err()).isEqualTo(code);
        assertThat(result.err().lines().filter(line -> line.startsWith("zhulong: "))).singleElement().asString().contains(named);
        assertThat(temporary.resolve("x.gguf")).doesNotExist();
    }
}
