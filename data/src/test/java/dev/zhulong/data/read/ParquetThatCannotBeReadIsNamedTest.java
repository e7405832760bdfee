package dev.zhulong.data.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.ExampleReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xerial.snappy.Snappy;

class ParquetThatCannotBeReadIsNamedTest {
    @TempDir
    Path directory;

    private final ReadReport skips = new ReadReport();

    private static List<byte[]> texts(String... texts) {
        return List.of(texts).stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toList();
    }

    private static byte[] gzip(byte[] bytes) {
        var out = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    private static byte[] snappy(byte[] bytes) {
        try {
            return Snappy.compress(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path file(List<List<byte[]>> groups, int codec, UnaryOperator<byte[]> packer) throws IOException {
        return Files.write(directory.resolve("a.parquet"), TinyParquet.write("text", groups, codec, packer));
    }

    private static List<String> rows(Path file) {
        var rows = new ArrayList<String>();
        RowReader.read(file, true, new RowReport(), row -> rows.add(row.fields().path("text").asText()));
        return rows;
    }

    private List<String> documents(Path file) {
        var texts = new ArrayList<String>();
        new DocumentReader(ReadOptions.DEFAULT, skips).read(List.of(file), (Document document) -> texts.add(document.text()));
        return texts;
    }

    @Test
    void codecsOnTheClassPathAreRead() throws IOException {
        for (Map.Entry<Integer, UnaryOperator<byte[]>> codec : new TreeMap<Integer, UnaryOperator<byte[]>>(Map.of(0, bytes -> bytes,
                1, ParquetThatCannotBeReadIsNamedTest::snappy, 2, ParquetThatCannotBeReadIsNamedTest::gzip, 6, Zstd::compress)).entrySet()) {
            Path file = file(List.of(texts("one", "two"), texts("three")), codec.getKey(), codec.getValue());
            assertThat(rows(file)).as("codec %s", codec.getKey()).containsExactly("one", "two", "three");
            assertThat(documents(file)).containsExactly("one", "two", "three");
        }
    }

    @ParameterizedTest
    @CsvSource({"3, LZO", "4, BROTLI", "5, LZ4", "7, LZ4_RAW"})
    void othersAreNamed(int codec, String name) throws IOException {
        Path file = file(List.of(texts("one")), codec, bytes -> bytes);
        assertThatThrownBy(() -> rows(file)).hasMessageContaining("a.parquet")
                .hasMessageContaining("compressed with " + name + ", which is not supported; rewrite it with ZSTD or SNAPPY");
        assertThat(documents(file)).isEmpty();
        assertThat(skips.skipped().get("unreadable").samples().getFirst()).contains("compressed with " + name);
    }

    @Test
    void aFileWithoutRowsSaysSo() throws IOException {
        for (List<List<byte[]>> groups : List.of(List.<List<byte[]>>of(), List.of(texts()), List.of(texts(), texts()))) {
            Path file = file(groups, 1, bytes -> bytes);
            assertThat(rows(file)).isEmpty();
            assertThat(documents(file)).isEmpty();
            assertThatThrownBy(() -> ExampleReader.read(DataSource.of(file))).hasMessageContaining("a.parquet holds no rows");
        }
        assertThat(skips.skipped()).containsOnlyKeys("no rows");
    }

    @Test
    void rowGroupsWithoutRowsArePassedOver() throws IOException {
        for (List<List<byte[]>> groups : List.of(List.of(texts(), texts("one", "two")), List.of(texts("one"), texts(), texts("two")),
                List.of(texts("one", "two"), texts()), List.of(texts(), texts("one"), texts(), texts(), texts("two"), texts()))) {
            Path file = file(groups, 0, bytes -> bytes);
            assertThat(rows(file)).as("%s groups", groups.size()).containsExactly("one", "two");
            assertThat(documents(file)).containsExactly("one", "two");
        }
        assertThat(skips.skipped()).isEmpty();
    }
}
