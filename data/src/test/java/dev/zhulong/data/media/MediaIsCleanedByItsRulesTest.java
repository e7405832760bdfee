package dev.zhulong.data.media;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.MediaCleaner;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MediaIsCleanedByItsRulesTest {
    @TempDir
    Path temporary;

    private MediaCleaner.Result clean(Path input, String out, int threads, boolean copy) {
        return MediaCleaner.run(new MediaInputs(List.of(input), null, null, null), MediaRules.DEFAULT, threads, copy, temporary.resolve(out), Progress.SILENT);
    }

    /** Of each that was taken out, by the last part of its name, the reason. */
    private Map<String, String> removed(String out) throws IOException {
        Map<String, String> reasons = new TreeMap<>();
        for (String line : Files.readAllLines(temporary.resolve(out).resolve(MediaCleaner.REMOVED))) {
            JsonNode row = new ObjectMapper().readTree(line);
            String id = row.get("id").asText();
            reasons.put(id.substring(id.lastIndexOf('/') + 1), row.get("reason").asText());
        }
        return reasons;
    }

    private Path folder() throws IOException {
        Path folder = temporary.resolve("data");
        Drawn.picture(folder.resolve("good.png"), 200, 160, Drawn.fields(1, 200, 160));
        Drawn.picture(folder.resolve("other.png"), 200, 160, Drawn.fields(2, 200, 160));
        Drawn.picture(folder.resolve("good-again.bmp"), 200, 160, Drawn.fields(1, 200, 160));
        Drawn.picture(folder.resolve("good-smaller.jpg"), 100, 80, Drawn.fields(1, 100, 80));
        Drawn.picture(folder.resolve("tiny.png"), 31, 200, Drawn.fields(3, 31, 200));
        Drawn.picture(folder.resolve("thin.png"), 40, 400, Drawn.fields(4, 40, 400));
        Drawn.picture(folder.resolve("white.png"), 100, 100, (x, y) -> 0xffffff);
        Drawn.picture(folder.resolve("shade.png"), 200, 200, (x, y) -> 0x010101 * (x + y >> 1));
        byte[] whole = Files.readAllBytes(folder.resolve("good.png"));
        Files.write(folder.resolve("half.png"), java.util.Arrays.copyOf(whole, whole.length / 2));
        Files.writeString(folder.resolve("notes.txt"), "the light was bad");
        Drawn.recording(folder.resolve("tone.wav"), 1, Drawn.tone(0.3));
        Drawn.recording(folder.resolve("tone-copy.wav"), 1, Drawn.tone(0.3));
        Drawn.recording(folder.resolve("short.wav"), 0.1, Drawn.tone(0.3));
        Drawn.recording(folder.resolve("silent.wav"), 1, Drawn.tone(1e-4));
        Drawn.recording(folder.resolve("loud.wav"), 1, Drawn.tone(3));
        return folder;
    }

    @Test
    void eachForItsReason() throws IOException {
        MediaCleaner.Result result = clean(folder(), "out", 2, false);
        assertThat(removed("out")).containsExactlyInAnyOrderEntriesOf(Map.ofEntries(Map.entry("good.png", "equal"), Map.entry("good-smaller.jpg", "alike"), Map.entry("tiny.png", "tiny"),
                Map.entry("thin.png", "long and thin"), Map.entry("white.png", "blank"), Map.entry("shade.png", "blurred"), Map.entry("half.png", "cannot be read"),
                Map.entry("notes.txt", "cannot be read"), Map.entry("tone.wav", "equal"), Map.entry("short.wav", "too short"), Map.entry("silent.wav", "silent"), Map.entry("loud.wav", "clipped")));
        assertThat(result.kept()).isEqualTo(3);
        assertThat(Files.readString(temporary.resolve("out/kept.jsonl"))).contains("good-again.bmp", "other.png", "tone-copy.wav", "\"width\":200", "\"seconds\":1.0");
        assertThat(Files.readString(result.page())).contains("near-duplicates", "31 x 200 pixels");
        JsonNode audit = new ObjectMapper().readTree(temporary.resolve("out/audit.json").toFile());
        assertThat(audit.at("/totals/kept").asLong()).isEqualTo(3);
        assertThat(audit.at("/steps/0/documents_in").asLong()).isEqualTo(15);
        assertThat(audit.at("/steps/9/documents_out").asLong()).isEqualTo(3);
    }

    @Test
    void theSameWhateverTheThreads() throws IOException {
        Path folder = folder();
        clean(folder, "one", 1, false);
        clean(folder, "four", 4, false);
        for (String file : List.of("kept.jsonl", "removed.jsonl", "audit.json", "audit.html")) {
            assertThat(temporary.resolve("four").resolve(file)).hasSameBinaryContentAs(temporary.resolve("one").resolve(file));
        }
    }

    @Test
    void copiesStayInTheirDirectories() throws IOException {
        Path data = temporary.resolve("labels");
        Drawn.picture(data.resolve("cat/1.png"), 64, 64, Drawn.fields(1, 64, 64));
        Drawn.picture(data.resolve("dog/1.png"), 64, 64, Drawn.fields(2, 64, 64));
        Drawn.picture(data.resolve("dog/2.png"), 64, 64, Drawn.fields(1, 64, 64));
        clean(data, "out", 2, true);
        assertThat(removed("out")).isEqualTo(Map.of("2.png", "equal to one in another directory"));
        assertThat(temporary.resolve("out/files/cat/1.png")).hasSameBinaryContentAs(data.resolve("cat/1.png"));
        assertThat(temporary.resolve("out/files/dog/1.png")).exists();
        assertThat(temporary.resolve("out/files/dog/2.png")).doesNotExist();
    }

    private Path rows(String... lines) throws IOException {
        Path rows = temporary.resolve("rows/rows.jsonl");
        Files.createDirectories(rows.getParent());
        return Files.write(rows, List.of(lines));
    }

    @Test
    void rowsStayAsTheyCame() throws IOException {
        Path pictures = temporary.resolve("rows/images");
        Drawn.picture(pictures.resolve("a.png"), 64, 64, Drawn.fields(1, 64, 64));
        Drawn.picture(pictures.resolve("b.png"), 64, 64, Drawn.fields(2, 64, 64));
        Drawn.picture(pictures.resolve("grey.png"), 64, 64, (x, y) -> 0x808080);
        Drawn.recording(pictures.resolve("word.wav"), 1, Drawn.tone(0.2));
        String question = "{\"id\":7,  \"image\": \"images/a.png\", \"conversations\": [{\"from\": \"human\", \"value\": \"<image>\\nWhat is it?\"}, {\"from\": \"gpt\", \"value\": \"A lamp.\"}]}";
        String another = "{\"image\": \"images/a.png\", \"conversations\": [{\"from\": \"human\", \"value\": \"Is it lit?\"}, {\"from\": \"gpt\", \"value\": \"Yes.\"}]}";
        String both = "{\"images\": [\"images/a.png\", {\"path\": \"images/b.png\"}], \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"Which is lit?\"}]}]}";
        clean(rows(question, another, both, question.replace("7,  ", "8,"), "{\"image\": \"images/b.png\", \"text\": \"IMG_0001.jpg\"}", "{\"image\": \"images/b.png\", \"text\": \" \"}",
                "{\"image\": \"images/b.png\", \"text\": \"https://example.org/b\"}", "{\"image\": \"images/b.png\", \"text\": \"Image 12\"}", "{\"image\": \"images/none.png\", \"text\": \"a lamp\"}",
                "{\"images\": [\"images/a.png\", \"images/grey.png\"], \"text\": \"two lamps\"}", "{\"audio\": \"images/word.wav\", \"text\": \"" + "many words ".repeat(9) + "\"}",
                "{\"audio\": \"images/word.wav\", \"text\": \"" + "灯".repeat(14) + "\"}", "{\"audio\": \"images/word.wav\", \"text\": \"lamp\"}"), "out", 2, false);
        assertThat(Files.readAllLines(temporary.resolve("out/kept.jsonl"))).containsExactly(question, another, both, "{\"audio\": \"images/word.wav\", \"text\": \"lamp\"}");
        assertThat(removed("out").values()).containsExactlyInAnyOrder("equal", "the text is a file's name", "empty text", "the text is an address", "the text says nothing", "no such file", "blank",
                "more text than can be said in that time", "more text than can be said in that time");
    }

    @Test
    void aTextOfManyPicturesGoesWithAllOfThem() throws IOException {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            Drawn.picture(temporary.resolve("rows/" + i + ".png"), 64, 64, Drawn.fields(i, 64, 64));
            lines.add("{\"image\": \"%d.png\", \"caption\": \"%s\"}".formatted(i, i == 11 ? "a lamp in the hall" : "Buy now!"));
        }
        clean(rows(lines.toArray(String[]::new)), "out", 2, false);
        assertThat(removed("out")).hasSize(11).containsValue("the same text at many");
        assertThat(Files.readAllLines(temporary.resolve("out/kept.jsonl"))).containsExactly(lines.getLast());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{\"image\": \"../secret.png\"}|not below", "{\"image\": \"/etc/passwd\"}|not below", "{\"image\": 3}|expected the path", "{\"picture_of\": \"a.png\"}|--file-field",
        "{\"image\": \"a.png\"|is no JSON", "{\"image\": \"a\\u0000.png\"}|no path", "[]|--file-field",
    })
    void aRowThatNamesNoFileIsRefusedWithItsPlace(String line, String expected) throws IOException {
        Path rows = rows("", line);
        assertThatIllegalArgumentException().isThrownBy(() -> clean(rows, "out", 1, false)).withMessageContainingAll("rows.jsonl:2", expected);
    }

    @Test
    void whereNothingStaysTheAuditSaysWhy() throws IOException {
        Path file = Files.writeString(temporary.resolve("only.png"), "no picture");
        assertThatThrownBy(() -> clean(file, "out", 1, false)).hasMessageContaining("nothing stays of 1");
        assertThat(removed("out")).isEqualTo(Map.of("only.png", "cannot be read"));
        assertThat(temporary.resolve("out/kept.jsonl")).doesNotExist();
        assertThatIllegalArgumentException().isThrownBy(() -> clean(temporary.resolve("missing"), "out", 1, false)).withMessageContaining("does not exist");
    }
}
