package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** README's program that uses Zhulong as a library. */
class TheReadmesJavaRunsTest {
    private static final Path ROOT = Path.of(System.getProperty("zhulong.root"));

    @TempDir
    Path directory;

    private static String program(String page) throws IOException {
        Matcher block = Pattern.compile("```java\n(import .*?)```", Pattern.DOTALL).matcher(Files.readString(ROOT.resolve(page)));
        assertThat(block.find()).isTrue();
        return block.group(1);
    }

    @Test
    void isTheSameInBothLanguages() throws IOException {
        assertThat(program("README.zh-CN.md")).isEqualTo(program("README.md"));
    }

    @Test
    void compilesWithoutAWarningAndWritesText() throws Exception {
        Path source = Files.writeString(directory.resolve("Hello.java"), program("README.md"));
        int compiled = ToolProvider.getSystemJavaCompiler().run(null, null, null, "-Xlint:all,-classfile,-path", "-Werror", "-cp", System.getProperty("java.class.path"),
                "-d", directory.toString(), source.toString());
        assertThat(compiled).isZero();
        Path model = TinyModel.write(directory.resolve("model"));
        Path out = directory.resolve("out");
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules", "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED", "-cp", directory + System.getProperty("path.separator") + System.getProperty("java.class.path"), "Hello", model.toString())
                .redirectErrorStream(true).redirectOutput(out.toFile()).start();
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(out)).isZero();
        assertThat(Files.readString(out).replaceFirst("(?m)^WARNING: Using incubator modules.*$", "").strip()).isNotEmpty();
    }

    /** A newcomer reads on where these lead. */
    @ParameterizedTest
    @ValueSource(strings = {"README.md", "README.zh-CN.md"})
    void linksLeadToFilesThatAreThere(String page) throws IOException {
        List<String> links = Pattern.compile("\\]\\(([^)#:]+)\\)").matcher(Files.readString(ROOT.resolve(page))).results().map(link -> link.group(1)).toList();
        assertThat(links).hasSizeGreaterThan(10).allSatisfy(link -> assertThat(ROOT.resolve(link)).exists());
    }
}
