package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeysAreNeitherLostNorMixedUpTest {
    private static final int EACH = 25;
    @TempDir
    Path directory;
    private Path file;

    @BeforeEach
    void name() {
        file = directory.resolve("keys.json");
    }

    /** Makes keys in a process of its own. */
    static final class Maker {
        private Maker() {}

        public static void main(String[] words) {
            for (int i = 0; i < EACH; i++) {
                System.out.println(ApiKeys.add(Path.of(words[0]), words[1] + i, null, null));
            }
        }
    }

    private void allServe(List<String> keys, int count) throws IOException {
        assertThat(keys).hasSize(count).doesNotHaveDuplicates();
        ApiKeys read = ApiKeys.read(file);
        assertThat(keys).extracting(key -> read.holder("Bearer " + key).name()).doesNotHaveDuplicates();
        try (var files = Files.list(directory)) {
            assertThat(files.map(path -> path.getFileName().toString())).containsExactlyInAnyOrder("keys.json", ".keys.json.lock");
        }
    }

    @Test
    void processesThatMakeKeysAtOnceLoseNone() throws Exception {
        List<Process> makers = new ArrayList<>();
        for (String name : List.of("a", "b", "c")) {
            makers.add(new ProcessBuilder(ProcessHandle.current().info().command().orElse("java"), "-cp", System.getProperty("java.class.path"), Maker.class.getName(), file.toString(), name)
                    .redirectErrorStream(true).start());
        }
        List<String> keys = new ArrayList<>();
        for (Process maker : makers) {
            String output = new String(maker.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(maker.waitFor()).as(output).isZero();
            keys.addAll(output.lines().toList());
        }
        allServe(keys, 3 * EACH);
    }

    @Test
    void norDoThreads() throws Exception {
        List<CompletableFuture<String>> keys = new ArrayList<>();
        for (int i = 0; i < EACH; i++) {
            String name = "k" + i;
            keys.add(CompletableFuture.supplyAsync(() -> ApiKeys.add(file, name, 1, 1)));
        }
        allServe(keys.stream().map(CompletableFuture::join).toList(), EACH);
    }

    @Test
    void twoOfOneNameAreRefused() throws IOException {
        String entry = "{\"name\": \"anna\", \"sha256\": \"%s\"}";
        Files.writeString(file, "{\"keys\": [" + entry.formatted("0".repeat(64)) + ", " + entry.formatted("1".repeat(64)) + "]}");
        assertThatThrownBy(() -> ApiKeys.read(file)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("keys[1].name occurs twice: anna");
    }

    @Test
    void aFileThatIsNoneOfKeysStaysAsItIs() throws IOException {
        for (String content : List.of("{\"keys\": {}}", "{\"keys\": [1]}", "{\"keys\": [{\"name\": \"a\"}]}", "[]", "", "{\"keys\": [")) {
            Files.writeString(file, content);
            assertThatThrownBy(() -> ApiKeys.add(file, "anna", null, null)).as(content).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("keys.json");
            assertThat(file).hasContent(content);
        }
    }

    @Test
    void theFileIsForItsOwnerAlone() throws IOException {
        assumeTrue(file.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX rights here");
        ApiKeys.add(file, "anna", null, null);
        ApiKeys.add(file, "bert", null, null);
        for (Path each : List.of(file, directory.resolve(".keys.json.lock"))) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(each))).isEqualTo("rw-------");
        }
    }
}
