package dev.zhulong.data.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.document.Document;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A byte order mark is obeyed by every reader, for rows and for documents. */
class EncodingsAreReadAlikeTest {
    private static final Map<String, String> FILES = Map.of(
            "a.jsonl", "{\"text\": \"Grüße 灯 \uD83D\uDE00\"}\n{\"text\": \"zwei\"}\n",
            "a.ndjson", "{\"text\": \"Grüße 灯 \uD83D\uDE00\"}\r\n{\"text\": \"zwei\"}\r\n",
            "a.json", "[{\"text\": \"Grüße 灯 \uD83D\uDE00\"},\n{\"text\": \"zwei\"}]\n",
            "b.json", "{\"text\": \"Grüße 灯 \uD83D\uDE00\"}\n{\"text\": \"zwei\"}",
            "a.csv", "id,text\n1,\"Grüße 灯 \uD83D\uDE00\"\n2,zwei\n",
            "a.tsv", "id\ttext\n1\tGrüße 灯 \uD83D\uDE00\n2\tzwei\n");

    @TempDir
    Path directory;

    private static byte[] zipped(byte[] bytes) throws IOException {
        var out = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }

    private static List<String> rows(Path file, RowReport report) {
        var rows = new ArrayList<String>();
        RowReader.read(file, true, report, row -> rows.add(row.fields().path("text").asText()));
        return rows;
    }

    private static List<String> documents(Path file, ReadReport report) {
        var texts = new ArrayList<String>();
        new DocumentReader(ReadOptions.DEFAULT, report).read(List.of(file), (Document document) -> texts.add(document.text()));
        return texts;
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-8", "UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"})
    void everyFileWithAMarkAndRowsWithout(String charset) throws IOException {
        for (Map.Entry<String, String> file : FILES.entrySet()) {
            for (String mark : List.of("\uFEFF", "")) {
                byte[] bytes = (mark + file.getValue()).getBytes(Charset.forName(charset));
                for (Path path : List.of(Files.write(directory.resolve(file.getKey()), bytes),
                        Files.write(directory.resolve(file.getKey() + ".gz"), zipped(bytes)))) {
                    var report = new RowReport();
                    assertThat(rows(path, report)).as("%s %s", path, mark.length()).containsExactly("Grüße 灯 \uD83D\uDE00", "zwei");
                    assertThat(report.refused()).isEmpty();
                    assertThat(documents(path, new ReadReport())).containsExactly("Grüße 灯 \uD83D\uDE00", "zwei");
                }
            }
        }
        Path text = Files.write(directory.resolve("a.txt"), "\uFEFFGrüße\n灯".getBytes(Charset.forName(charset)));
        assertThat(rows(text, new RowReport())).containsExactly("Grüße\n灯");
        assertThat(documents(text, new ReadReport())).containsExactly("Grüße\n灯");
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16", "UTF-16LE", "GB18030"})
    void theEncodingThatIsAskedForIsThatOfTablesWithoutAMark(String charset) throws IOException {
        var options = new ReadOptions(Set.of(), "text", Charset.forName(charset), 1 << 20, 400, true);
        String table = "id,text\n1,烛龙衔烛照幽都\n";
        for (byte[] bytes : List.of(table.getBytes(Charset.forName(charset)), ("\uFEFF" + table).getBytes(StandardCharsets.UTF_16LE))) {
            var texts = new ArrayList<String>();
            new DocumentReader(options, new ReadReport()).read(List.of(Files.write(directory.resolve("a.csv"), bytes)), document -> texts.add(document.text()));
            assertThat(texts).containsExactly("烛龙衔烛照幽都");
        }
    }

    @Test
    void pairsOverTheEdgesOfABufferStayWhole() throws IOException {
        String faces = "x" + "\uD83D\uDE00".repeat(20_000);
        Path file = Files.write(directory.resolve("a.jsonl"), ("\uFEFF{\"text\": \"" + faces + "\"}\n").getBytes(StandardCharsets.UTF_16LE));
        assertThat(rows(file, new RowReport())).containsExactly(faces);
    }

    @Test
    void textInAnotherEncodingIsRefusedByEveryReader() throws IOException {
        Charset gb = Charset.forName("GB18030");
        for (Map.Entry<String, String> file : Map.of("a.csv", "id,text\n1,烛龙衔烛照幽都\n", "a.jsonl", "{\"text\": \"烛龙衔烛照幽都\"}\n", "a.json",
                "[{\"text\": \"烛龙衔烛照幽都\"}]", "a.txt", "烛龙衔烛照幽都").entrySet()) {
            Path path = Files.write(directory.resolve(file.getKey()), file.getValue().getBytes(gb));
            var rows = new RowReport();
            assertThat(rows(path, rows)).as(file.getKey()).isEmpty();
            assertThat(rows.refused()).containsOnlyKeys("not UTF-8 text");
            var documents = new ReadReport();
            assertThat(documents(path, documents)).as(file.getKey()).isEmpty();
            assertThat(documents.skipped()).containsOnlyKeys("not UTF-8 text");
        }
    }

    @Test
    void namesOfColumnsInAnotherEncodingAreNotTakenForNames() throws IOException {
        Path file = Files.write(directory.resolve("a.csv"), "问题,答案\n1,2\n".getBytes(Charset.forName("GB18030")));
        assertThatThrownBy(() -> rows(file, new RowReport())).hasMessageContaining("a.csv").hasMessageContaining("not UTF-8 text");
    }

    @Test
    void aFewBytesThatAreNoUtf8AreNoted() throws IOException {
        String line = "It was late when the ferry came in from the islands, and the lamps along the quay were lit. Grüße";
        for (Map.Entry<String, String> file : Map.of("a.csv", "id,text\n1,\"" + line + "\"\n", "a.jsonl", "{\"text\": \"" + line + "\"}\n",
                "a.json", "[{\"text\": \"" + line + "\"}]").entrySet()) {
            Path path = Files.write(directory.resolve(file.getKey()), file.getValue().getBytes(StandardCharsets.ISO_8859_1));
            var rows = new RowReport();
            assertThat(rows(path, rows)).hasSize(1);
            assertThat(rows.noted().keySet()).as(file.getKey()).singleElement().asString().contains("malformed UTF-8");
            var documents = new ReadReport();
            assertThat(documents(path, documents)).hasSize(1);
            assertThat(documents.repaired()).as(file.getKey()).containsOnlyKeys("malformed UTF-8 replaced by U+FFFD");
        }
    }

    @Test
    void aBinaryFileIsNoText() throws IOException {
        Path file = Files.write(directory.resolve("a.txt"), new byte[] {'a', 0, 'b', 'c', 0, 'd'});
        var report = new RowReport();
        assertThat(rows(file, report)).isEmpty();
        assertThat(report.refused()).containsOnlyKeys("binary file");
        assertThatThrownBy(() -> rows(directory.resolve("none.txt"), report)).hasMessageContaining("no such file");
    }
}
