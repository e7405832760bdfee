package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisabledOnOs(OS.WINDOWS)
class TheLauncherHandsArgumentsOnTest {
    private LauncherStandIns clone;

    @BeforeEach
    void clone(@TempDir Path place) throws IOException {
        clone = new LauncherStandIns(place);
        clone.jdk("25", "25.0.3");
    }

    @Test
    void spacesQuotesStarsAndEmptyArgumentsAreKept() throws Exception {
        var lines = clone.start("generate", "--prompt", "two  words", "", "*", "\"$HOME\"", "末日 a\\b").lines();
        int main = lines.indexOf("[dev.zhulong.cli.Main]");
        assertThat(lines.subList(main + 1, lines.size()))
                .isEqualTo(List.of("[generate]", "[--prompt]", "[two  words]", "[]", "[*]", "[\"$HOME\"]", "[末日 a\\b]"));
    }

    @Test
    void theUsersDirectoryStaysTheWorkingDirectory() throws Exception {
        Path elsewhere = Files.createDirectories(clone.place.resolve("else where"));
        Path link = Files.createSymbolicLink(elsewhere.resolve("zl"), Path.of("../a clone/zhulong"));
        var ended = LauncherStandIns.await(clone.begin(elsewhere, link, "version"));
        assertThat(ended.code()).as(ended.err()).isZero();
        assertThat(ended.lines()).contains("in " + elsewhere, "[-Dzhulong.root=" + clone.root + "]");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 130})
    void theExitCodeIsTheProgramsOwn(int code) throws Exception {
        assertThat(clone.with("JAVA_EXITS", code).start("version").code()).isEqualTo(code);
    }

    @Test
    void withoutAVerbTheCommandLineAnswers() throws Exception {
        assertThat(clone.start().lines()).endsWith("[dev.zhulong.cli.Main]");
        assertThat(clone.start("test", "--help").lines()).endsWith("[test]", "[--help]");
    }

    @Test
    void jvmFlagsOfTheUserComeAfterOurs() throws Exception {
        var lines = clone.with("ZHULONG_OPTS", "-Xmx3g  -Dx=y").start("version").lines();
        assertThat(lines).filteredOn(line -> line.startsWith("[-Xmx")).hasSize(2).last().isEqualTo("[-Xmx3g]");
        assertThat(lines).contains("[-Dx=y]", "[--enable-native-access=ALL-UNNAMED]", "[-Dorg.bytedeco.javacpp.maxPhysicalBytes=0]");
    }

    private static String classPath(LauncherStandIns.Ended ended) {
        List<String> lines = ended.lines();
        return lines.get(lines.indexOf("[-cp]") + 1);
    }

    @Test
    void whatTheUserAddsToTheClassPathComesAfterOursWithTheArchiveOfClassesStillInUse() throws Exception {
        String ours = classPath(clone.start("version"));
        Path jars = Files.createDirectories(clone.place.resolve("my jars"));
        LauncherStandIns.write(jars.resolve("a.jar"), "jar");
        var ended = clone.with("ZHULONG_CLASSPATH", ":" + jars + "/a.jar::" + jars + "/*:" + jars + ":").start("version");
        assertThat(classPath(ended)).isEqualTo(ours.replaceAll("]$", "") + ":" + jars + "/a.jar:" + jars + "/*:" + jars + "]");
        assertThat(ended.lines()).anyMatch(line -> line.startsWith("[-XX:SharedArchiveFile=")).doesNotContain("[-Dzhulong.extensions=none]");
        assertThat(clone.mavenCalls()).hasSize(1);
        var without = clone.with("ZHULONG_CLASSPATH", "").start("version");
        assertThat(classPath(without)).isEqualTo(ours);
        assertThat(without.lines()).contains("[-Dzhulong.extensions=none]");
    }

    @Test
    void whatIsNotThereCannotBeAddedToTheClassPath() throws Exception {
        for (String entry : List.of("/nowhere/a.jar", "/nowhere/*")) {
            var ended = clone.with("ZHULONG_CLASSPATH", entry).start("version");
            assertThat(ended.code()).isOne();
            assertThat(ended.err()).endsWith("zhulong: ZHULONG_CLASSPATH names " + entry + ", which does not exist\n");
        }
    }

    @Test
    void theHeapIsAQuarterOfWhatTheContainerHasAndAtLeastTwoGigabytes() throws Exception {
        Path limits = Files.createDirectories(clone.place.resolve("cgroup"));
        clone.with("ZHULONG_CGROUP", limits);
        Files.writeString(limits.resolve("memory.max"), (1L << 30) + "\n");
        assertThat(clone.start("version").lines()).contains("[-Xmx2048m]");
        Files.writeString(limits.resolve("memory.max"), "max\n");
        assertThat(clone.start("version").lines()).filteredOn(line -> line.startsWith("[-Xmx")).singleElement()
                .satisfies(flag -> assertThat(Integer.parseInt(flag.replaceAll("\\D", ""))).isBetween(2048, 31744));
    }

    /** The JVM is a part of what a job may have. */
    @Test
    void aBudgetOfMemorySizesTheHeap() throws Exception {
        Path recipe = Files.writeString(clone.place.resolve("a recipe.yaml"), "kind: pretrain\ntrain:\n  steps: 3\n  memory: \"900m\"\n");
        Path run = Files.createDirectories(clone.place.resolve("run"));
        Files.copy(recipe, run.resolve("recipe.yaml"));
        for (String[] command : new String[][] {{"pretrain", "--memory", "900m"}, {"finetune", "--memory=900M"}, {"continue", "--set", "train.memory=900m"},
                {"pretrain", "--recipe", recipe.toString()}, {"resume", run.toString()}, {"pretrain", "--recipe", "nowhere", "--memory", "943718400"}}) {
            assertThat(clone.start(command).lines()).as(String.join(" ", command)).contains("[-Xmx96m]", "[-XX:+UseSerialGC]", "[-Dzhulong.memory=943718400]").doesNotContain("[-XX:+UseParallelGC]");
        }
        assertThat(clone.start("pretrain", "--memory", "2g").lines()).contains("[-Xmx204m]");
        for (String[] command : new String[][] {{"pretrain"}, {"generate", "--memory", "900m"}, {"pretrain", "--memory", "much"}}) {
            assertThat(clone.start(command).lines()).as(String.join(" ", command)).contains("[-XX:+UseParallelGC]").noneMatch(line -> line.startsWith("[-Dzhulong.memory"));
        }
    }

    @Test
    void oneThreadACoreUnlessTheUserOrTheContainerSaysOtherwise() throws Exception {
        Path limits = Files.createDirectories(clone.place.resolve("cgroup"));
        clone.with("ZHULONG_CGROUP", limits);
        assertThat(threads(clone.start("version"))).isBetween(1, Runtime.getRuntime().availableProcessors());
        Files.writeString(limits.resolve("cpu.max"), "50000 100000\n");
        assertThat(threads(clone.start("version"))).isOne();
        assertThat(threads(clone.with("OMP_NUM_THREADS", 7).start("version"))).isEqualTo(7);
        assertThat(clone.start("version").lines()).contains("threads 7 GNU FALSE");
    }

    private static int threads(LauncherStandIns.Ended ended) {
        return ended.lines().stream().filter(line -> line.startsWith("threads ")).mapToInt(line -> Integer.parseInt(line.split(" ")[1])).sum();
    }
}
