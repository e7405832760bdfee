package dev.zhulong.data.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowsComeWithAllTheirFieldsTest {
    @TempDir
    Path directory;

    private final RowReport report = new RowReport();

    private List<RowReader.Row> read(String name, byte[] bytes) throws IOException {
        var rows = new ArrayList<RowReader.Row>();
        RowReader.read(Files.write(directory.resolve(name), bytes), true, report, rows::add);
        assertThat(report.used()).isGreaterThanOrEqualTo(rows.size());
        return rows;
    }

    private List<String> fields(String name, String text) throws IOException {
        return read(name, text.getBytes(StandardCharsets.UTF_8)).stream().map(row -> row.fields().toString()).toList();
    }

    private static byte[] packed(String name, byte[] bytes) throws IOException {
        var out = new ByteArrayOutputStream();
        switch (name.substring(name.lastIndexOf('.'))) {
            case ".gz" -> {
                try (OutputStream gzip = new GZIPOutputStream(out)) {
                    gzip.write(bytes);
                }
            }
            case ".bz2" -> {
                try (OutputStream bzip = new BZip2CompressorOutputStream(out)) {
                    bzip.write(bytes);
                }
            }
            case ".zst" -> out.writeBytes(Zstd.compress(bytes));
            default -> out.writeBytes(bytes);
        }
        return out.toByteArray();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "a.jsonl|{'x':'1','y':'ü'}%{'x':'2','y':''}",
        "a.ndjson.gz|{'x':'1','y':'ü'}%%{'x':'2','y':''}%",
        "a.json|[{'x':'1','y':'ü'}, {'x':'2',%'y':''}]",
        "a.json.bz2|%  [%{'x':'1','y':'ü'}, {'x':'2','y':''}%]%",
        "a.json|{'version': {'data': [1]}, 'data': [{'x':'1','y':'ü'}, {'x':'2','y':''}], 'more': 1}",
        "a.json|{%'data':%[{'x':'1','y':'ü'}, {'x':'2','y':''}]}",
        "a.json.zst|{'x':'1','y':'ü'}%{'x':'2','y':''}",
        "a.csv.zst|x,y%1,ü%2,%",
        "A.TSV.GZ|x\ty%1\tü%2\t%",
    })
    void inEveryContainer(String name, String text) throws IOException {
        byte[] bytes = text.replace('\'', '"').replace("%", "\n").replace("\\t", "\t").getBytes(StandardCharsets.UTF_8);
        List<RowReader.Row> rows = read(name, packed(name.toLowerCase(Locale.ROOT), bytes));
        assertThat(rows.stream().map(row -> row.fields().toString())).containsExactly("{\"x\":\"1\",\"y\":\"ü\"}", "{\"x\":\"2\",\"y\":\"\"}");
        assertThat(rows.getFirst().where()).isEqualTo(name + "#1");
        assertThat(report.refused()).isEmpty();
        assertThat(report.noted()).isEmpty();
    }

    @Test
    void parquetWithListsOfStructs() throws IOException {
        var rows = new ArrayList<List<String[]>>();
        rows.add(List.of(new String[] {"user", "Grüße"}, new String[] {"assistant", "灯"}));
        rows.add(null);
        rows.add(List.of());
        rows.add(List.<String[]>of(new String[] {"user", null}));
        assertThat(read("a.parquet", MessagesParquet.write(rows)).stream().map(row -> row.fields().toString())).containsExactly(
                "{\"id\":0,\"messages\":[{\"role\":\"user\",\"content\":\"Grüße\"},{\"role\":\"assistant\",\"content\":\"灯\"}]}",
                "{\"id\":1,\"messages\":null}", "{\"id\":2,\"messages\":[]}", "{\"id\":3,\"messages\":[{\"role\":\"user\",\"content\":null}]}");
        byte[] flat = TinyParquet.write("text", Arrays.asList("a\r\nb".getBytes(StandardCharsets.UTF_8), null), true);
        assertThat(read("b.parquet", flat).stream().map(row -> row.fields().toString())).containsExactly("{\"text\":\"a\\nb\"}", "{\"text\":null}");
        assertThat(report.noted().keySet()).containsExactly("carriage returns made line feeds");
        assertThat(report.read()).isEqualTo(6);
    }

    @Test
    void numbersKeepTheirDigits() throws IOException {
        assertThat(fields("a.jsonl", "{\"x\": 1.50, \"y\": 12345678901234567890, \"z\": [1e3]}")).containsExactly(
                "{\"x\":1.50,\"y\":12345678901234567890,\"z\":[1E+3]}");
    }

    @Test
    void stringsAreMendedAtAnyDepthAndARowIsNotedOnce() throws IOException {
        String json = "[{\"x\": [{\"y\": \"a\\r\\nb\"}, \"\\ud800\", \"c\\rd\"]}, {\"x\": \"fine\"}]";
        assertThat(fields("a.json", json)).containsExactly("{\"x\":[{\"y\":\"a\\nb\"},\"\uFFFD\",\"c\\nd\"]}", "{\"x\":\"fine\"}");
        assertThat(report.noted().get("carriage returns made line feeds").count()).isEqualTo(1);
        assertThat(report.noted().get("lone surrogates replaced by U+FFFD").samples().getFirst().where()).isEqualTo("a.json#1");
    }

    @Test
    void byteOrderMarksGo() throws IOException {
        assertThat(fields("a.csv", "\uFEFFx,y\n1,2\n")).containsExactly("{\"x\":\"1\",\"y\":\"2\"}");
        assertThat(fields("a.json", "\uFEFF[{\"x\": 1}]")).containsExactly("{\"x\":1}");
        assertThat(fields("a.jsonl", "\uFEFF{\"x\": 1}")).containsExactly("{\"x\":1}");
    }

    @Test
    void whatIsNoRowIsRefused() throws IOException {
        assertThat(fields("a.json", "[{\"x\": 1}, 2, [3], {\"x\": 4}]")).containsExactly("{\"x\":1}", "{\"x\":4}");
        assertThat(report.refused().get("not a JSON object").count()).isEqualTo(2);
        assertThat(report.refused().get("not a JSON object").samples().getFirst()).isEqualTo(new RowReport.Sample("a.json#2", "", "2"));
        assertThat(fields("b.csv", "x,y\n1,2\n1,2,3\n1\n4,5\n")).containsExactly("{\"x\":\"1\",\"y\":\"2\"}", "{\"x\":\"4\",\"y\":\"5\"}");
        assertThat(report.refused().get("row with another number of columns").count()).isEqualTo(2);
        assertThat(report.read()).isEqualTo(8);
    }

    @Test
    void aDamagedEndIsSaidAndWhatCameBeforeIsKept() throws IOException {
        String reason = "unreadable, and all that follows";
        assertThat(fields("a.json", "[{\"x\": 1}, {\"x\": 2}, {\"x\"")).hasSize(2);
        assertThat(report.refused().get(reason).samples().getFirst().where()).isEqualTo("a.json#3");
        assertThat(fields("c.json", "[{\"x\": 1}, {\"x\": 2}")).hasSize(2);
        assertThat(fields("d.json", "{\"x\": {\"data\": [{\"y\": 1}]},\n\"z\": 1}")).isEmpty();
        assertThat(report.refused().get(reason).samples().get(2).detail()).contains("holds no rows");
        var random = new Random(3);
        var lines = new StringBuilder();
        for (int i = 0; i < 3000; i++) {
            lines.append("{\"x\": ").append(random.nextLong()).append("}\n");
        }
        byte[] whole = packed("b.jsonl.gz", lines.toString().getBytes(StandardCharsets.UTF_8));
        assertThat(read("b.jsonl.gz", Arrays.copyOf(whole, whole.length / 2))).hasSizeBetween(500, 2500);
        assertThat(report.refused().get(reason).count()).isEqualTo(4);
        byte[] parquet = TinyParquet.write("text", List.of("a".getBytes(StandardCharsets.UTF_8)), false);
        assertThatThrownBy(() -> read("c.parquet", Arrays.copyOf(parquet, parquet.length - 9)))
                .hasMessageContaining("c.parquet");
    }

    @Test
    void reportsAddUpAndReadWell() throws IOException {
        fields("a.jsonl", "{\"x\": 1}\nnonsense \u0001 and\tmore\n");
        assertThat(report.toString()).isEqualTo("2 rows, 1 used; refused 1: malformed JSON 1");
        assertThat(report.text()).contains("a.jsonl#2").contains("nonsense \uFFFD and more");
        assertThat(new RowReport.Sample("", "", "x".repeat(500)).snippet()).hasSize(103);
    }
}
