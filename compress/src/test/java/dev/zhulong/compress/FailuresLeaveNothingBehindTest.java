package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A weight half way through is not finite: what has been written by then is no model, and must not look like one. */
class FailuresLeaveNothingBehindTest {
    private static final String BROKEN = "model.layers.1.mlp.up_proj.weight";

    @TempDir
    Path temporary;

    private Path good;
    private Path broken;
    private Path outputs;
    private final AtomicInteger reached = new AtomicInteger();

    @BeforeEach
    void write() throws IOException {
        var spec = SmallModels.spec(Family.of("llama"), 128, 256, false);
        good = SmallModels.write(temporary.resolve("good"), spec);
        broken = SmallModels.write(temporary.resolve("broken"), spec, (name, values) -> {
            if (name.equals(BROKEN)) {
                values[300] = Float.POSITIVE_INFINITY;
            }
        });
        outputs = Files.createDirectories(temporary.resolve("outputs"));
    }

    private Quantization quantisation(Path model, Precision precision, Path out) {
        return new Quantization(model, precision, out, false, 2, event -> reached.set((int) event.done()));
    }

    private List<Path> left() throws IOException {
        try (Stream<Path> files = Files.walk(outputs)) {
            return files.filter(file -> !file.equals(outputs)).toList();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F16", "Q8_0", "Q4_K_M", "Q4", "Q4_SYM"})
    void halfWay(Precision precision) throws IOException {
        assertThatThrownBy(quantisation(broken, precision, outputs.resolve("out"))::run).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(BROKEN).hasMessageContaining("row 2").hasMessageContaining("finite");
        assertThat(reached).hasValueGreaterThan(5);
        assertThat(left()).isEmpty();
    }

    @Test
    void whatWasThereBeforeStays() throws IOException {
        Path file = outputs.resolve("out.gguf");
        Path directory = outputs.resolve("out");
        quantisation(good, Precision.Q8_0, file).run();
        quantisation(good, Precision.Q4, directory).run();
        byte[] before = Files.readAllBytes(file);
        byte[] weights = Files.readAllBytes(directory.resolve("model.safetensors"));
        List<Path> all = left();
        assertThatThrownBy(quantisation(broken, Precision.Q8_0, file)::run).hasMessageContaining(BROKEN);
        assertThatThrownBy(quantisation(broken, Precision.Q4, directory)::run).hasMessageContaining(BROKEN);
        assertThat(file).hasBinaryContent(before);
        assertThat(directory.resolve("model.safetensors")).hasBinaryContent(weights);
        assertThat(left()).containsExactlyInAnyOrderElementsOf(all);
    }

    @Test
    void aDirectoryOfThisKindIsReplacedWhole() throws IOException {
        Path directory = outputs.resolve("out");
        quantisation(good, Precision.Q4, directory).run();
        byte[] before = Files.readAllBytes(directory.resolve("model.safetensors"));
        quantisation(good, Precision.Q4_SYM, directory).run();
        assertThat(Files.readAllBytes(directory.resolve("model.safetensors"))).isNotEqualTo(before);
        assertThat(outputs.toFile().list()).containsExactly("out");
    }

    @Test
    void anyOtherDirectoryIsNotReplaced() throws IOException {
        Path directory = Files.createDirectories(outputs.resolve("mine"));
        Files.writeString(directory.resolve("notes.txt"), "precious");
        assertThatThrownBy(() -> quantisation(good, Precision.Q4, directory)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("mine");
        assertThat(directory.resolve("notes.txt")).hasContent("precious");
        assertThat(left()).hasSize(2);
    }
}
