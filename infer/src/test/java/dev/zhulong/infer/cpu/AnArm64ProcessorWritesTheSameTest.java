package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.infer.cpu.VectorsOfEveryWidthWriteTheSameTest.Probe;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The engine on a real JDK for arm64, whose processor QEMU emulates: a Cortex-A72, as a Raspberry Pi 4 has it, with vectors of 128 bits. In the Maven profile {@code arm64} alone;
 * docs/edge.md says what it needs.
 */
@Tag("arm64")
class AnArm64ProcessorWritesTheSameTest {
    /** Tokens that are written in each precision: emulated compilers are slow. */
    private static final int TOKENS = 8;
    private static final String SEE = ", see docs/edge.md";

    @TempDir
    Path directory;

    @Test
    void inEveryPrecision() throws Exception {
        Path qemu = qemu().orElse(null);
        assumeTrue(qemu != null, "no qemu-aarch64-static or qemu-aarch64 on the PATH" + SEE);
        Path root = Path.of(System.getProperty("arm64.root", ""));
        assumeTrue(Files.isRegularFile(root.resolve("lib/ld-linux-aarch64.so.1")), "no C library for arm64 under -Darm64.root=" + root + SEE);
        Path java = java(root).orElse(null);
        assumeTrue(java != null, "no JDK for arm64 under -Darm64.root=" + root + SEE);
        Probe.writeModel(directory);
        List<String> here = Probe.run(directory, List.of(Probe.java().toString()), false, TOKENS);
        List<String> there = Probe.run(directory, List.of(qemu.toString(), "-L", root.toString(), "-cpu", "cortex-a72", java.toString()), false, TOKENS);
        assertThat(there.getFirst()).isEqualTo("aarch64, 128 bits, Vector API");
        assertThat(there.subList(1, there.size())).hasSize(14).isEqualTo(here.subList(1, here.size()));
    }

    private static Optional<Path> qemu() {
        return Stream.of("qemu-aarch64-static", "qemu-aarch64").flatMap(name -> Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                .map(place -> Path.of(place, name))).filter(Files::isExecutable).findFirst();
    }

    private static Optional<Path> java(Path root) {
        try (Stream<Path> files = Files.find(root, 6, (path, _) -> path.endsWith(Path.of("bin", "java")) && Files.isExecutable(path))) {
            return files.findFirst();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
