package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Java's warning about its incubator module does not reach the user, and nothing else is lost with it. */
@DisabledOnOs(OS.WINDOWS)
class StandardErrorHoldsOurWordsAloneTest {
    private static final String WARNING = "WARNING: Using incubator modules: jdk.incubator.vector";

    @TempDir
    Path place;

    /** Stands for a JVM that speaks while it starts. */
    private String errOfTheLauncher(String java, String... words) throws Exception {
        var clone = new LauncherStandIns(place);
        Path jdk = clone.jdk("25", "25.0.3");
        clone.start("version");
        LauncherStandIns.write(jdk.resolve("bin/java"), "#!/usr/bin/env bash\n" + java);
        assertThat(jdk.resolve("bin/java").toFile().setExecutable(true)).isTrue();
        return clone.start(words).err();
    }

    @Test
    void theLauncherLeavesOutThatLineAndNoOther() throws Exception {
        assertThat(errOfTheLauncher("printf '%s\\n' 'Picked up JAVA_TOOL_OPTIONS: -Dx' '" + WARNING + "' 'WARNING: something else' >&2; printf 'no line end' >&2", "generate"))
                .isEqualToNormalizingNewlines("Picked up JAVA_TOOL_OPTIONS: -Dx\nWARNING: something else\nno line end\n");
    }

    @Test
    void whatAJvmSaysThatNeverComesToStartIsShown() throws Exception {
        assertThat(errOfTheLauncher("printf '%s\\n' 'Error: Could not create the Java Virtual Machine.' >&2; exit 1", "generate")).contains("Could not create");
    }

    @ParameterizedTest
    @CsvSource({"version, false", "clean, false", "key, false", "guard, false", "generate, true", "serve, true", "pretrain, true", "quickstart, true"})
    void theModuleIsAskedForOnlyWhereVectorsAreUsed(String verb, boolean vectors) throws Exception {
        var clone = new LauncherStandIns(place);
        clone.jdk("25", "25.0.3");
        assertThat(clone.start(verb).lines().contains("[jdk.incubator.vector]")).isEqualTo(vectors);
    }

    /** What the program itself, in a JVM of its own, writes to standard error; started as the launcher does, with the file {@code pipe} for the pipe. */
    private String errOfTheProgram(boolean vectors, int expectedCode, List<String> words) throws Exception {
        List<String> command = new ArrayList<>();
        if (vectors) {
            command.addAll(List.of("bash", "-c", "exec \"$0\" \"$@\" 19>&2 2> pipe"));
        }
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin/java").toString(), "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow", "-Doffline=true"));
        if (vectors) {
            command.addAll(List.of("--add-modules", "jdk.incubator.vector", "-Dzhulong.stderr=19"));
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(words);
        Path err = place.resolve("err");
        Process process = new ProcessBuilder(command).directory(place.toFile()).redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(err.toFile()).start();
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(err)).isEqualTo(expectedCode);
        return Files.readString(err);
    }

    @Test
    void theProgramTakesTheRealStandardErrorBeforeItSpeaks() throws Exception {
        Rehearsal.write(place.resolve("model.gguf"));
        assertThat(errOfTheProgram(true, 0, List.of("generate", "--model", "model.gguf", "--prompt", "t", "--max-new-tokens", "2")))
                .startsWith("[").contains("prompt tokens").hasLineCount(1);
        assertThat(Files.readString(place.resolve("pipe"))).isEqualToNormalizingNewlines(WARNING + "\n");
        assertThat(errOfTheProgram(true, 1, List.of("generate", "--model", "nowhere", "--prompt", "t"))).startsWith("zhulong: ").hasLineCount(1);
        assertThat(errOfTheProgram(true, 2, List.of("generate", "--modle", "nowhere"))).startsWith("zhulong: ").contains("See: ");
    }

    /** Verbs that the launcher starts without the module, with work to do. */
    static Stream<List<String>> verbsWithoutVectors() {
        return Stream.of(
                List.of("version"),
                List.of("help", "generate"),
                List.of("clean", "--data", "text.txt", "--steps", "none", "--out", "corpus"),
                List.of("tokenizer", "train", "--data", "text.txt", "--vocab-size", "300", "--out", "tokenizer"),
                List.of("tokenizer", "encode", "--model", "model.gguf", "the text"),
                List.of("key", "--keys", "keys.json", "--name", "me"),
                List.of("guard", "test", "--rules", "builtin:privacy", "--text", "Write to ann@example.org"),
                List.of("score", "--metric", "bleu,rouge,chrf,exact", "--hypothesis", "text.txt", "--reference", "text.txt"),
                List.of("data", "inspect", "--model", "model", "--data", "rows.jsonl"));
    }

    @ParameterizedTest
    @MethodSource("verbsWithoutVectors")
    void theseVerbsWorkWithoutTheModule(List<String> words) throws Exception {
        Files.writeString(place.resolve("text.txt"), "The quick brown fox jumps over the lazy dog.\n".repeat(40));
        Files.writeString(place.resolve("rows.jsonl"), "{\"instruction\": \"Say yes\", \"output\": \"yes\"}\n".repeat(3));
        Rehearsal.write(place.resolve("model.gguf"));
        TinyModel.write(place.resolve("model"));
        assertThat(errOfTheProgram(false, 0, words)).doesNotContain("WARNING", "incubator", "NoClassDef");
    }
}
