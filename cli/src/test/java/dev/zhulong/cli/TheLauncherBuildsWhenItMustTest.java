package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisabledOnOs(OS.WINDOWS)
class TheLauncherBuildsWhenItMustTest {
    private LauncherStandIns clone;

    @BeforeEach
    void clone(@TempDir Path place) throws IOException {
        clone = new LauncherStandIns(place);
        clone.jdk("25", "25.0.3");
    }

    private void builds(int expected) throws Exception {
        var ended = clone.start("version");
        assertThat(ended.code()).as(ended.err()).isZero();
        assertThat(clone.mavenCalls()).hasSize(expected);
    }

    @Test
    void onceAndAgainAfterEachChange() throws Exception {
        builds(1);
        builds(1);
        LauncherStandIns.write(clone.source("B"), "class B {}");
        builds(2);
        builds(2);
        Files.delete(clone.source("B"));
        builds(3);
        LauncherStandIns.write(clone.root.resolve("cli/src/main/resources/page.html"), "<p>");
        builds(4);
        LauncherStandIns.write(clone.root.resolve("pom.xml"), "<project></project>");
        builds(5);
        clone.with("ZHULONG_JAVA_HOME", clone.jdk("26", "26"));
        builds(6);
        clone.with("ZHULONG_BUILD", "-DnoMkl");
        builds(7);
        assertThat(clone.mavenCalls().getLast()).contains("-DnoMkl");
        LauncherStandIns.write(clone.root.resolve("cli/src/test/java/OnlyATest.java"), "class OnlyATest {}");
        builds(7);
        Files.delete(clone.place.resolve("library.jar"));
        builds(8);
    }

    @Test
    void anExampleThatChangedIsBuiltAgainToo() throws Exception {
        Path source = clone.root.resolve("examples/mine/src/main/java/Mine.java");
        LauncherStandIns.write(source, "class Mine {}");
        builds(1);
        builds(1);
        LauncherStandIns.write(source, "class Mine { int x; }");
        builds(2);
    }

    @Test
    void aRehearsalAfterTheBuildSpeedsUpWhatFollowsAndIsMissedByNobody() throws Exception {
        List<String> with = clone.start("version").lines();
        String cache = with.stream().filter(line -> line.startsWith("[-XX:SharedArchiveFile=")).findFirst().orElseThrow();
        Path file = Path.of(cache.substring(cache.indexOf('=') + 1, cache.length() - 1));
        assertThat(file).isNotEmptyFile().startsWith(clone.root.resolve("target/zhulong/builds"));
        Files.delete(file);
        assertThat(clone.start("version").lines()).noneMatch(line -> line.contains("SharedArchiveFile")).contains("[version]");
        LauncherStandIns.write(clone.source("B"), "class B {}");
        var failing = clone.with("JAVA_EXITS", 1).start("version");
        assertThat(failing.lines()).noneMatch(line -> line.contains("SharedArchiveFile")).contains("[version]");
        assertThat(clone.mavenCalls()).hasSize(2);
    }

    @Test
    void whatIsOnThisMachineComesBeforeTheNetwork() throws Exception {
        builds(1);
        assertThat(clone.mavenCalls().getFirst()).contains(" -o ");
    }

    @Test
    void theNetworkIsAskedForWhatIsMissingAndTheSizeIsSaidFirst() throws Exception {
        var ended = clone.with("MAVEN_STATE", "nothing here").start("version");
        assertThat(ended.code()).isZero();
        assertThat(ended.err()).containsPattern("about \\d+ MB");
        assertThat(clone.mavenCalls()).hasSize(2);
        assertThat(clone.mavenCalls().getLast()).doesNotContain(" -o ");
    }

    @Test
    void withoutANetworkTheLibrariesThatWereCopiedHereAreUsed() throws Exception {
        var ended = clone.with("MAVEN_STATE", "no network").start("version");
        assertThat(ended.code()).as(ended.err()).isZero();
        assertThat(clone.mavenCalls()).hasSize(3);
        assertThat(clone.mavenCalls().getLast()).contains(" -o ", "legacyLocalRepo");
    }

    @Test
    void withoutANetworkAndWithoutLibrariesTheLastLineSaysWhatToDo() throws Exception {
        var ended = clone.with("MAVEN_STATE", "not even a copy").start("version");
        assertThat(ended.code()).isOne();
        assertThat(ended.out()).isEmpty();
        assertThat(ended.err().lines().toList()).last().asString().startsWith("zhulong: libraries are missing").contains("network");
    }

    @Test
    void aMistakeInTheSourceIsShownAndNothingIsStarted() throws Exception {
        builds(1);
        LauncherStandIns.write(clone.source("A"), "class A {");
        var ended = clone.with("MAVEN_STATE", "broken source").start("version");
        assertThat(ended.code()).isOne();
        assertThat(ended.out()).isEmpty();
        assertThat(ended.err()).contains("A.java:[3,14] ';' expected").doesNotContain("[Help 1]");
        assertThat(clone.mavenCalls()).as("no second try over the network").hasSize(2);
        clone.with("MAVEN_STATE", "");
        builds(3);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void startsAtTheSameTimeBuildOnce(boolean flock) throws Exception {
        if (!flock) {
            Files.deleteIfExists(clone.bin.resolve("flock"));
        }
        clone.with("MAVEN_TAKES", "0.5");
        var starts = new Process[4];
        for (int i = 0; i < starts.length; i++) {
            starts[i] = clone.begin(clone.root, clone.root.resolve("zhulong"), "version");
        }
        for (Process start : starts) {
            assertThat(LauncherStandIns.await(start).code()).isZero();
        }
        assertThat(clone.mavenCalls()).hasSize(1);
        assertThat(clone.root.resolve("target/zhulong/lock.d")).doesNotExist();
    }

    @Test
    void aLockWhoseOwnerIsGoneIsTakenOver() throws Exception {
        Files.deleteIfExists(clone.bin.resolve("flock"));
        var gone = new ProcessBuilder("true").start();
        gone.waitFor();
        LauncherStandIns.write(clone.root.resolve("target/zhulong/lock.d/pid"), gone.pid() + "\n");
        builds(1);
    }

    @Test
    void aBuildLeavesTheJarsOfAProgramThatRunsAlone() throws Exception {
        List<Path> first = ownJars(clone.start("version"));
        LauncherStandIns.write(clone.source("A"), "class A { int x; }");
        List<Path> second = ownJars(clone.start("version"));
        assertThat(first).hasSize(2).allSatisfy(jar -> assertThat(jar).exists());
        assertThat(second).hasSize(2).doesNotContainAnyElementsOf(first);
    }

    private List<Path> ownJars(LauncherStandIns.Ended ended) {
        String classPath = ended.lines().get(ended.lines().indexOf("[-cp]") + 1);
        return Arrays.stream(classPath.substring(1, classPath.length() - 1).split(":"))
                .filter(entry -> entry.contains("zhulong-"))
                .map(Path::of)
                .toList();
    }

    @Test
    void testsAreSummedFromTheirReportsAndTheSecondTimeNeedsNoNetwork() throws Exception {
        var failed = clone.with("TESTS_FAIL", 1).start("test", "-pl", "cli", "-Dtest=A B");
        assertThat(failed.lines()).last().isEqualTo("1 passed, 2 failed, 2 skipped");
        assertThat(failed.code()).isOne();
        assertThat(clone.mavenCalls().getLast()).endsWith("verify -pl cli -Dtest=A B").doesNotContain(" -o ");
        clone.start("test");
        assertThat(clone.mavenCalls().getLast()).contains(" -o ");
    }

    @Test
    void testsThatWereSkippedAreNamed() throws Exception {
        String skipped = "<testcase name=\"%s\" classname=\"dev.zhulong.%s\" time=\"0.0\">\n<skipped message=\"%s\" type=\"x\"/>\n</testcase>\n";
        var ended = clone.with("TESTCASES", skipped.formatted("a", "text.GoldenTest", "no &quot;shared&quot; data &amp; no clients") + skipped.formatted("b", "text.GoldenTest",
                "no &quot;shared&quot; data &amp; no clients") + skipped.formatted("c", "serve.NodeTest", "Assumption failed: no npm")).start("test");
        assertThat(ended.lines()).containsSubsequence("skipped 2 of GoldenTest: no \"shared\" data & no clients",
                "skipped 1 of NodeTest: Assumption failed: no npm", "2 passed, 1 failed, 2 skipped");
    }

    /** What Surefire writes of an assumption whose words are made when they are needed. */
    @Test
    void testsThatWereSkippedWithoutAMessageAreNamedByWhatWasThrown() throws Exception {
        var ended = clone.with("TESTCASES", "<testcase name=\"a\" classname=\"dev.zhulong.train.GpuTest\" time=\"0.0\">\n<skipped type=\"x\"><![CDATA[x: Assumption failed: needs a"
                + " CUDA GPU: none\n\tat y]]></skipped>\n</testcase>\n").start("test");
        assertThat(ended.lines()).contains("skipped 1 of GpuTest: Assumption failed: needs a CUDA GPU: none");
    }

    @Test
    void aJdkWithoutItsSourcesGetsThoseOfTheLibrariesOnce() throws Exception {
        builds(1);
        clone.start("quickstart", "--corpus", "texts");
        assertThat(clone.mavenCalls()).hasSize(1);
        clone.start("quickstart", "--minutes", "1");
        assertThat(clone.mavenCalls()).hasSize(2).last().asString().contains("-Psources");
        assertThat(clone.start("quickstart").lines()).contains("[-Dzhulong.sources=" + clone.root.resolve("target/zhulong/sources") + "]");
        assertThat(clone.mavenCalls()).hasSize(2);
        assertThat(clone.root.resolve("target/zhulong/sources/a-sources.jar")).exists();
    }

    @Test
    void aJdkWithItsSourcesNeedsNoOthers() throws Exception {
        LauncherStandIns.write(clone.jdk("25", "25.0.3").resolve("lib/src.zip"), "zip");
        clone.start("quickstart");
        assertThat(clone.mavenCalls()).hasSize(1);
    }
}
