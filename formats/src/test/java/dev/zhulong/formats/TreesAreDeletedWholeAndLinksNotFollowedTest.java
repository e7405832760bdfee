package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TreesAreDeletedWholeAndLinksNotFollowedTest {
    @TempDir
    Path temporary;

    @Test
    void whatIsOutsideStays() throws IOException {
        Path outside = Files.createDirectories(temporary.resolve("outside"));
        Files.writeString(outside.resolve("precious"), "yes");
        Path tree = Files.createDirectories(temporary.resolve("tree/deep/deeper")).getParent().getParent();
        Files.writeString(tree.resolve("deep/deeper/file"), "x");
        Files.writeString(tree.resolve("deep.txt"), "x");
        Files.createSymbolicLink(tree.resolve("deep/link"), outside);
        FileTree.delete(tree);
        assertThat(tree).doesNotExist();
        assertThat(outside.resolve("precious")).hasContent("yes");
    }

    @Test
    void aFileAndNothingAreTreesToo() throws IOException {
        Path file = Files.writeString(temporary.resolve("file"), "x");
        FileTree.delete(file);
        assertThat(file).doesNotExist();
        FileTree.delete(file);
    }
}
