package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProvenanceSurvivesItsFileTest {

    private static final String EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    private static final String ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    @TempDir
    Path directory;

    private Provenance provenance() throws IOException {
        Path corpus = Files.writeString(directory.resolve("corpus.txt"), "abc");
        var recipe = new LinkedHashMap<String, Object>();
        recipe.put("steps", 100L);
        recipe.put("rate", 3e-4f);
        recipe.put("schedule", Map.of("name", "cosine"));
        recipe.put("stops", List.of("a", true, 1.5));
        recipe.put("note", null);
        var parent = Provenance.of("clean", List.of(), Map.of(), 1);
        return Provenance.of("pretrain", List.of(Provenance.Input.of(corpus)), recipe, Long.MIN_VALUE)
                .withParents(List.of(parent)).withCreated(Instant.parse("2026-11-01T12:34:56.789Z"));
    }

    @Test
    void roundTrip() throws IOException {
        Provenance written = provenance();
        written.write(directory);
        Provenance read = Provenance.read(directory);
        assertThat(read).isEqualTo(written);
        assertThat(read.recipe().keySet()).containsExactly("steps", "rate", "schedule", "stops", "note");
        assertThat(read.created()).contains(Instant.parse("2026-11-01T12:34:56Z"));
        assertThat(read.inputs().getFirst().hash().sha256()).isEqualTo(ABC);
        assertThat(read.toJson()).isEqualTo(Files.readString(directory.resolve("zhulong.json")));
        assertThat(Provenance.read(directory.resolve("zhulong.json"))).isEqualTo(read);
    }

    @Test
    void versionIsTheBuilds() {
        assertThat(Provenance.zhulongVersion()).matches("\\d+\\.\\d+.*");
        assertThat(Provenance.of("x", List.of(), Map.of(), 0).java()).contains(System.getProperty("java.version"));
    }

    @Test
    void wrongFieldsAreNamed() throws IOException {
        String good = provenance().toJson();
        refused(good.replace("\"stage\":", "\"stag\":"), "stage: expected a string, found no such field");
        refused(good.replace(ABC, "xyz"), "inputs[0].sha256: expected 64 hexadecimal digits");
        refused(good.replace("2026-11-01T", "yesterday "), "created: expected a time");
        refused(good.replaceFirst("\"format\": 1", "\"format\": 2"), "a newer Zhulong wrote this");
        refused("{}", "format: expected a whole number");
    }

    private void refused(String json, String words) throws IOException {
        Path file = Files.writeString(directory.resolve("zhulong.json"), json);
        assertThatThrownBy(() -> Provenance.read(directory)).isInstanceOf(FormatException.class).hasMessageStartingWith(file + ": ")
                .hasMessageContaining(words);
    }

    @Test
    void samplesTellFilesApartByTheirSizeTimeAndEnds() throws IOException {
        Path file = directory.resolve("weights");
        for (int size : new int[] {0, 100, 1 << 20, (3 << 20) + 5}) {
            byte[] bytes = new byte[size];
            Files.write(file, bytes);
            var time = Files.getLastModifiedTime(file);
            ContentHash hash = ContentHash.ofSamples(file);
            assertThat(ContentHash.ofSamples(file)).isEqualTo(hash);
            Files.setLastModifiedTime(file, FileTime.from(time.toInstant().plusNanos(1000)));
            assertThat(ContentHash.ofSamples(file)).isNotEqualTo(hash);
            for (int at : size == 0 ? new int[0] : new int[] {0, size - 1, Math.min(size - 1, (1 << 20) - 1)}) {
                bytes[at] = 1;
                Files.write(file, bytes);
                Files.setLastModifiedTime(file, time);
                assertThat(ContentHash.ofSamples(file)).as("byte %d of %d", at, size).isNotEqualTo(hash);
                bytes[at] = 0;
            }
            Files.write(file, new byte[size + 1]);
            Files.setLastModifiedTime(file, time);
            assertThat(ContentHash.ofSamples(file)).isNotEqualTo(hash);
        }
    }

    @Test
    void hashesAreOfContentAlone() throws IOException {
        assertThat(ContentHash.ofFile(Files.createFile(directory.resolve("empty"))).sha256()).isEqualTo(EMPTY);
        Path one = Files.createDirectories(directory.resolve("one/sub")).getParent();
        Files.writeString(one.resolve("sub/b.txt"), "abc");
        Files.createFile(one.resolve("a.txt"));
        String lines = EMPTY + "  a.txt\n" + ABC + "  sub/b.txt\n";
        ContentHash expected = ContentHash.ofBytes(lines.getBytes(StandardCharsets.UTF_8));
        assertThat(ContentHash.of(one)).isEqualTo(expected);
        Files.writeString(one.resolve("zhulong.json"), "{}");
        Files.writeString(one.resolve(".a.1-0.zhulong-tmp"), "half");
        assertThat(ContentHash.of(one)).isEqualTo(expected);
        Files.move(one.resolve("a.txt"), one.resolve("A.txt"));
        assertThat(ContentHash.of(one)).isNotEqualTo(expected);
        assertThatThrownBy(() -> new ContentHash("ABC")).isInstanceOf(IllegalArgumentException.class);
    }
}
