package dev.zhulong.data.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.document.Document;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OneDamagedRowCostsOnlyItselfTest {
    private static final String A = "{\"x\": \"1\", \"y\": [{\"z\": \"[\"}]}";
    private static final String B = "{\"x\": \"2\", \"y\": []}";

    @TempDir
    Path directory;

    private RowReport report = new RowReport();

    private List<String> rows(String name, String text) throws IOException {
        report = new RowReport();
        var rows = new ArrayList<String>();
        RowReader.read(Files.writeString(directory.resolve(name), text), true, report, row -> rows.add(row.fields().toString()));
        assertThat(report.used()).isEqualTo(rows.size());
        return rows;
    }

    private List<String> texts(ReadReport into, Path... inputs) {
        var documents = new ArrayList<Document>();
        new DocumentReader(ReadOptions.DEFAULT, into).read(List.of(inputs), documents::add);
        return documents.stream().map(Document::text).toList();
    }

    @Test
    void numbersThatPythonWritesAreRead() throws IOException {
        String[] values = {"NaN", "Infinity", "-Infinity", "1.5"};
        var lines = new ArrayList<String>();
        for (String value : values) {
            lines.add("{\"text\": \"t\", \"score\": " + value + ", \"deep\": [" + value + "]}");
        }
        for (String text : List.of(String.join("\n", lines), "[" + String.join(",\n", lines) + "]", "{\"data\": [" + String.join(",", lines) + "]}")) {
            assertThat(rows("a.json", text)).hasSize(4);
            assertThat(report.refused()).isEmpty();
            assertThat(texts(new ReadReport(), directory.resolve("a.json"))).containsExactly("t", "t", "t", "t");
        }
        assertThat(rows("a.jsonl", String.join("\n", lines))).hasSize(4);
    }

    @Test
    void aNumberBeyondComputingCostsItsRowAlone() throws IOException {
        String row = "{\"x\": \"1\", \"n\": 1e99999999999}";
        assertThat(rows("a.jsonl", A + "\n" + row + "\n" + B)).containsExactly(rows("b.jsonl", A + "\n" + B).toArray(String[]::new));
        assertThat(rows("a.json", row + "\n" + B)).hasSize(1);
        assertThat(rows("a.json", "[" + A + "," + row + "," + B + "]")).hasSize(2);
        assertThat(report.refused()).containsOnlyKeys("malformed JSON");
    }

    @Test
    void twoObjectsInARowAreNamedAsSuch() throws IOException {
        assertThat(rows("a.jsonl", A + B + "\n" + B)).hasSize(1);
        assertThat(report.refused()).containsOnlyKeys("more than one value in a row");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"x\": nan}", "{'x': 1}", "{\"x\": 1,}", "{\"x\": tru}", "{\"x\": \"tab\there\"}", "{\"x\": \"\\q\"}", "nonsense",
        "{\"x\": \"he said \"hi\" there\"}", "{\"x\": [1, 2}", "{\"x\": [{\"y\": 1]}", "{\"x\": 1", "{\"x\": {\"y\": 1}", "{\"x\": 1]}", "{\"x\" 1}",
        "{\"x\": \"no end}", "{\"x: \"no begin\"}", "{x\": 1}", "\"a text\"", "[1, {\"a\": 2}]", "12", ": 12", "{\"x\": 1 \"y\": 2}"})
    void inAnArray(String damaged) throws IOException {
        for (String form : List.of("[%s,\n%s,\n%s]", "[\n  %s,\n  %s,\n  %s\n]\n", "{\"data\": [\n%s,\n%s,\n%s\n]}", "[%s\n, %s\n, %s\n]")) {
            String text = form.formatted(A, damaged, B);
            assertThat(rows("a.json", text)).as(text).containsExactly(A.replace(": ", ":").replace(", ", ","), B.replace(": ", ":").replace(", ", ","));
            assertThat(report.refusals()).as(text).isEqualTo(1);
            assertThat(report.reason("a.json#2")).as(text).isPresent();
        }
        // first and last
        assertThat(rows("b.json", "[" + damaged + ",\n" + A + ",\n" + B + "]")).hasSize(2);
        assertThat(rows("b.json", "[" + A + ",\n" + B + ",\n" + damaged + "\n]")).hasSize(2);
    }

    @Test
    void aPrettyPrintedRowThatIsDamagedToo() throws IOException {
        String good = "  {\n    \"x\": [\n      {\n        \"y\": 1\n      }\n    ]\n  }";
        for (String damaged : List.of(good.replace("1", "nan"), good.replace("\"y\": 1", "\"y\": \"1"), good.replace("\"y\": 1", "\"y: 1"))) {
            assertThat(rows("a.json", "[\n" + good + ",\n" + damaged + ",\n" + good + "\n]\n")).as(damaged).hasSize(2);
        }
    }

    /** Whatever is written over it: reading ends, no row is met twice, and rows that are whole and apart are read. */
    @Test
    @Timeout(60)
    void anyDamageAtAll() throws IOException {
        var random = new Random(11);
        String pieces = "{}[]\",:\\\n 1atn;";
        for (int trial = 0; trial < 3000; trial++) {
            var array = new StringBuilder("[" + (A + ",\n").repeat(3) + B + "]");
            var table = new StringBuilder("x,y\n" + "1,\"two, and\"\n".repeat(4));
            for (var text : List.of(array, table)) {
                for (int i = 0; i < 1 + trial % 4; i++) {
                    text.setCharAt(random.nextInt(text.length()), pieces.charAt(random.nextInt(pieces.length())));
                }
            }
            rows("a.json", array.toString());
            assertThat(report.read()).as(array.toString()).isLessThan(array.length());
            try {
                rows("a.csv", table.toString());
                assertThat(report.read()).as(table.toString()).isLessThan(table.length());
            } catch (UncheckedIOException header) {
                assertThat(header).hasMessageContaining("a.csv");
            }
        }
    }

    @Test
    void aFirstLineThatIsDamagedIsStillALine() throws IOException {
        assertThat(rows("a.json", "{\"x\": nan}\n" + A + "\n" + B + "\n")).hasSize(2);
        assertThat(report.refused()).containsOnlyKeys("malformed JSON");
    }

    @Test
    void anArrayOfObjectsIsRowsForEveryReader() throws IOException {
        String pretty = "[\n {\n  \"text\": \"first\"\n },\n {\n  \"text\": \"second\"\n }\n]";
        Files.createDirectories(directory.resolve("in"));
        Path array = Files.writeString(directory.resolve("in/array.json"), pretty);
        Path data = Files.writeString(directory.resolve("in/data.json"), "{\"version\": 1, \"data\": " + pretty + ", \"more\": 2}");
        Path lines = Files.writeString(directory.resolve("in/lines.json"), "{\"text\": \"first\"}\n{\"text\": \"second\"}\n");
        var into = new ReadReport();
        assertThat(texts(into, array, data, lines)).containsExactly("first", "second", "first", "second", "first", "second");
        // what a program keeps for itself is text where it is met in a directory
        Files.writeString(directory.resolve("in/package.json"), "{\n \"name\": \"lamps\"\n}");
        Files.writeString(directory.resolve("in/table.json"), "[{\"name\": \"lamps\"}]");
        assertThat(texts(into, directory.resolve("in"))).containsExactly("first", "second", "first", "second", "first", "second",
                "{\n \"name\": \"lamps\"\n}", "[{\"name\": \"lamps\"}]");
        assertThat(into.skipped()).isEmpty();
        assertThat(texts(into, directory.resolve("in/table.json"))).isEmpty();
        assertThat(into.skipped()).containsOnlyKeys("no text in field 'text'");
        assertThat(texts(into, Files.writeString(directory.resolve("broken.json"), "[{\"text\": \"a\"},\n{\"text\": b},\n{\"text\": \"c\"}]")))
                .containsExactly("a", "c");
        assertThat(into.skipped()).containsKey("malformed JSON");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '@', quoteCharacter = '`', value = {
        // no end, a quote behind a backslash, text behind a quote, too few and too many cells
        "a,\"never closed@a quote that is never closed",
        "a,\"he said \\\"hi\\\", ok\"@backslash",
        "a,\"he said \\\"hi\\\" ok\"@backslash",
        "a,\"x\"y@text after a closing quote",
        "a@expected 2, found 1",
        "a,b,c@expected 2, found 3",
    })
    void inATable(String damaged, String reason) throws IOException {
        String text = "x,y\n1,\"two, and\"\n" + damaged + "\n3,\"four\nand \"\"five\"\"\"\n6,7\n";
        assertThat(rows("a.csv", text)).containsExactly("{\"x\":\"1\",\"y\":\"two, and\"}", "{\"x\":\"3\",\"y\":\"four\\nand \\\"five\\\"\"}",
                "{\"x\":\"6\",\"y\":\"7\"}");
        assertThat(report.reason("a.csv#2").orElseThrow()).contains(reason);
        assertThat(rows("b.csv", "x,y\n" + damaged + "\n6,7\n")).containsExactly("{\"x\":\"6\",\"y\":\"7\"}");
        assertThat(rows("c.csv", "x,y\n6,7\n" + damaged)).containsExactly("{\"x\":\"6\",\"y\":\"7\"}");
    }

    @Test
    void manyQuotesWithoutEndAreNotLookedForAgainAndAgain() throws IOException {
        assertThat(rows("a.csv", "x,y\n" + "1,\"open\n".repeat(1000) + "1,2\n")).containsExactly("{\"x\":\"1\",\"y\":\"2\"}");
        assertThat(rows("b.csv", "x,y\n" + "1,\"open\n".repeat(3000))).isEmpty();
        assertThat(report.refused()).containsKey("unreadable, and all that follows");
    }

    @Test
    void twoColumnsOfOneNameAreRefused() throws IOException {
        assertThatThrownBy(() -> rows("a.csv", "x,y,y\n1,2,\n")).hasMessageContaining("a.csv").hasMessageContaining("two columns are named 'y'");
        assertThat(rows("b.csv", ",x,\n0,1,\n")).containsExactly("{\"x\":\"1\"}");
        var into = new ReadReport();
        assertThat(texts(into, Files.writeString(directory.resolve("c.csv"), "text, text\n1,2\n"))).isEmpty();
        assertThat(into.skipped()).containsOnlyKeys("two columns are named 'text'");
    }

    @Test
    void twoFieldsOfOneNameAreRefused() throws IOException {
        String row = "{\"x\": \"one\", \"x\": \"\"}";
        assertThat(rows("a.jsonl", row + "\n" + B)).hasSize(1);
        assertThat(report.refused().get("two fields of one name").samples().getFirst().detail()).isEqualTo("'x'");
        assertThat(rows("a.json", "[" + row + "," + B + ", {\"x\": {\"y\": 1, \"y\": 2}}]")).hasSize(1);
        assertThat(report.refused().get("two fields of one name").count()).isEqualTo(2);
        assertThat(texts(new ReadReport(), Files.writeString(directory.resolve("b.jsonl"), "{\"text\": \"one\", \"text\": \"two\"}\n"))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"x,y\n1,\"a; b\"\n", "x;y\n1;\"a; b\"\n", "x|y\n1|a; b\n", "x\ty\n1\ta; b\n", "sep=;\r\nx;y\r\n1;\"a; b\"\r\n",
        "x, y\n1, \"a; b\"\n", "\uFEFFx,y\r\n1,a; b\r\n", "x,y\n\n1,a; b\n\n", "\"x\",\"y\"\n\"1\",\"a; b\"", " x , y \n1, a; b\n"})
    void theDelimiterIsWhatTheFirstLineShows(String text) throws IOException {
        assertThat(rows("a.csv", text)).containsExactly("{\"x\":\"1\",\"y\":\"a; b\"}");
        assertThat(rows("a.tsv", text)).containsExactly("{\"x\":\"1\",\"y\":\"a; b\"}");
    }

    @Test
    void oneColumnHasNoDelimiter() throws IOException {
        assertThat(rows("a.csv", "x\na; b\nc | d\n")).containsExactly("{\"x\":\"a; b\"}", "{\"x\":\"c | d\"}");
        assertThat(rows("b.csv", "x,y; z\n1,2\n")).containsExactly("{\"x\":\"1\",\"y; z\":\"2\"}");
        assertThat(rows("c.csv", "")).isEmpty();
        assertThat(rows("d.csv", "x,y\n007,1.50\n12,1e5\n")).containsExactly("{\"x\":\"007\",\"y\":\"1.50\"}", "{\"x\":\"12\",\"y\":\"1e5\"}");
        var into = new ReadReport();
        assertThat(texts(into, Files.writeString(directory.resolve("e.csv"), "id; Text\n1; one, two\n"))).containsExactly("one, two");
        assertThat(into.skipped().keySet()).isEqualTo(Set.of());
    }

    @Test
    void cellsOverTheEdgesOfTheBufferAreWhole() throws IOException {
        var text = new StringBuilder("x,y\n");
        var expected = new ArrayList<String>();
        for (int i = 0; i < 400; i++) {
            String cell = "c".repeat(i * 7) + i;
            text.append(i).append(i % 2 == 0 ? "," + cell : ",\"" + cell + "\n\"").append(i % 3 == 0 ? "\r\n" : "\n");
            expected.add("{\"x\":\"" + i + "\",\"y\":\"" + cell + (i % 2 == 0 ? "" : "\\n") + "\"}");
        }
        assertThat(rows("a.csv", text.toString())).isEqualTo(expected);
    }
}
