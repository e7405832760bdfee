package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class TheLauncherFindsItsToolsTest {
    private LauncherStandIns clone;

    @BeforeEach
    void clone(@TempDir Path place) throws IOException {
        clone = new LauncherStandIns(place);
    }

    @Test
    void anOlderJavaHomeIsPassedOver() throws Exception {
        Path old = clone.jdk("21", "21.0.4");
        Path current = clone.jdk("25", "25.0.3");
        var ended = clone.with("JAVA_HOME", old).start("version");
        assertThat(ended.code()).isZero();
        assertThat(ended.lines()).contains("java of " + current);
    }

    @Test
    void aJavaHomeThatIsNewEnoughComesFirst() throws Exception {
        clone.jdk("25", "25.0.3");
        Path chosen = clone.jdk("other", "26-ea");
        assertThat(clone.with("JAVA_HOME", chosen).start("version").lines()).contains("java of " + chosen);
    }

    @Test
    void zhulongsOwnVariableComesBeforeJavaHome() throws Exception {
        Path home = clone.jdk("25", "25");
        Path own = clone.jdk("own", "25.0.1");
        assertThat(clone.with("JAVA_HOME", home).with("ZHULONG_JAVA_HOME", own).start("version").lines()).contains("java of " + own);
    }

    @Test
    void aChoiceThatCannotBeKeptIsAnError() throws Exception {
        clone.jdk("25", "25.0.3");
        var ended = clone.with("ZHULONG_JAVA_HOME", clone.jdk("8", "1.8.0_402")).start("version");
        assertThat(ended.code()).isOne();
        assertThat(ended.err()).hasLineCount(1).contains("ZHULONG_JAVA_HOME", "25");
    }

    @Test
    void theJavaOnThePathIsFollowedToItsHome() throws Exception {
        Path jdk = clone.jdk("25", "25.0.3");
        Files.createSymbolicLink(clone.place.resolve("alternative"), jdk.resolve("bin/java"));
        Files.createSymbolicLink(clone.bin.resolve("java"), Path.of("../alternative"));
        assertThat(clone.with("ZHULONG_JDK_PATHS", "").start("version").lines()).contains("java of " + jdk);
    }

    @Test
    void aRuntimeWithoutCompilerIsNoJdk() throws Exception {
        Path runtime = clone.jdk("25", "25.0.3");
        Files.delete(runtime.resolve("bin/javac"));
        var ended = clone.with("JAVA_HOME", runtime).start("version");
        assertThat(ended.code()).isOne();
    }

    @Test
    void withoutAJdkOneLineSaysWhatToInstall() throws Exception {
        var ended = clone.with("JAVA_HOME", clone.jdk("21", "21.0.4")).start("version");
        assertThat(ended.code()).isOne();
        assertThat(ended.out()).isEmpty();
        assertThat(ended.err()).hasLineCount(1).startsWith("zhulong: no JDK 25").contains("JAVA_HOME is Java 21", "install");
    }

    @Test
    void withoutMavenOneLineSaysWhatToInstall() throws Exception {
        clone.jdk("25", "25.0.3");
        Files.delete(clone.bin.resolve("mvn"));
        var ended = clone.start("version");
        assertThat(ended.code()).isOne();
        assertThat(ended.out()).isEmpty();
        assertThat(ended.err()).hasLineCount(1).startsWith("zhulong: no Maven").contains("install");
    }

    @Test
    void aBuildThatIsThereNeedsNoMaven() throws Exception {
        clone.jdk("25", "25.0.3");
        assertThat(clone.start("version").code()).isZero();
        Files.delete(clone.bin.resolve("mvn"));
        assertThat(clone.start("version").code()).isZero();
    }
}
