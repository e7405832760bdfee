package dev.zhulong.recipe.quickstart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SourcesSayWhatIsMissingTest {
    @TempDir
    Path directory;

    @Test
    void theJdksOwnSourcesComeFirst() throws IOException {
        Path zip = Files.createDirectories(directory.resolve("lib")).resolve("src.zip");
        Files.write(zip, new byte[] {1});
        Sources found = Sources.find(Optional.empty(), directory, "");
        assertThat(found.inputs()).containsExactly(zip);
        assertThat(found.javaCode()).isTrue();
        assertThat(found.notice()).isEmpty();
    }

    @Test
    void withoutThemTheDependenciesSourcesAndANotice() throws IOException {
        Path jar = Files.write(directory.resolve("a-1.jar"), new byte[1]);
        Path other = Files.write(directory.resolve("b-2.jar"), new byte[1]);
        Path sources = Files.write(directory.resolve("a-1-sources.jar"), new byte[1]);
        Sources found = Sources.find(Optional.empty(), directory, jar + File.pathSeparator + other);
        assertThat(found.inputs()).containsExactly(sources);
        assertThat(found.notice()).contains("no lib/src.zip", "instead");
    }

    @Test
    void withNeitherTheWayOut() {
        assertThatThrownBy(() -> Sources.find(Optional.empty(), directory, "x.jar")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("--corpus DIR").hasMessageContaining("src.zip");
    }

    @Test
    void theUsersDirectoryReplacesAll() throws IOException {
        Path texts = Files.createDirectories(directory.resolve("texts"));
        assertThat(Sources.find(Optional.of(texts), directory, "").inputs()).containsExactly(texts);
        assertThatThrownBy(() -> Sources.find(Optional.of(texts.resolve("none")), directory, "")).hasMessageContaining("does not exist");
    }
}
