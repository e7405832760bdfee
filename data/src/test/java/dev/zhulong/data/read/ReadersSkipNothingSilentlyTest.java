package dev.zhulong.data.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.zhulong.data.document.Document;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadersSkipNothingSilentlyTest {
    @TempDir
    Path directory;

    private final ReadReport report = new ReadReport();

    private List<Document> read(ReadOptions options, Path... inputs) {
        var documents = new ArrayList<Document>();
        long before = report.documents();
        new DocumentReader(options, report).read(List.of(inputs), documents::add);
        assertThat(report.documents()).isEqualTo(before + documents.size());
        return documents;
    }

    private Path file(String name, byte[] content) throws IOException {
        Path file = directory.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.write(file, content);
    }

    private Path file(String name, String content) throws IOException {
        return file(name, content.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] gzip(byte[] content) throws IOException {
        var out = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(out)) {
            gzip.write(content);
        }
        return out.toByteArray();
    }

    private Path zip(String name, Map<String, byte[]> entries) throws IOException {
        Path file = directory.resolve(name);
        try (var zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (var entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
            }
        }
        return file;
    }

    private long skipped(String reason) {
        return report.skipped().getOrDefault(reason, new ReadReport.Tally(0, List.of())).count();
    }

    private long repaired(String reason) {
        return report.repaired().getOrDefault(reason, new ReadReport.Tally(0, List.of())).count();
    }

    @Test
    void everyContainerGivesTheSameTexts() throws IOException {
        List<String> texts = List.of("first line\nsecond", "烛龙衔烛", "comma, \"quote\" and\nbreak");
        var jsonl = new StringBuilder();
        var csv = new StringBuilder("id,text\n");
        for (String text : texts) {
            jsonl.append("{\"n\":[1,{\"text\":\"not this\"}],\"text\":\"").append(text.replace("\"", "\\\"").replace("\n", "\\n")).append("\"}\n");
            csv.append("7,\"").append(text.replace("\"", "\"\"")).append("\"\n");
        }
        byte[] rows = jsonl.toString().getBytes(StandardCharsets.UTF_8);
        file("in/a.jsonl", rows);
        file("in/b.jsonl.gz", gzip(rows));
        file("in/c.jsonl.zst", Zstd.compress(rows));
        file("in/d.csv", csv.toString());
        file("in/e.tsv", csv.toString().replaceFirst(",", "\t").replace("7,", "7\t"));
        List<byte[]> values = texts.stream().map(t -> t.getBytes(StandardCharsets.UTF_8)).toList();
        file("in/f.parquet", TinyParquet.write("text", values, false));
        file("in/g.parquet", TinyParquet.write("text", values, true));
        Path zip = zip("in/h.zip", Map.of("deep/a.jsonl.gz", gzip(rows)));
        var documents = read(ReadOptions.DEFAULT, directory.resolve("in"));
        assertThat(report.skipped()).isEmpty();
        assertThat(documents).extracting(Document::text)
                .containsExactlyElementsOf(java.util.stream.IntStream.range(0, 8).boxed().flatMap(_ -> texts.stream()).toList());
        assertThat(documents.getFirst().id()).isEqualTo("in/a.jsonl#1");
        assertThat(documents.getLast().id()).isEqualTo("in/h.zip!/deep/a.jsonl.gz#3");
        assertThat(read(ReadOptions.DEFAULT.withField("n.text"), zip)).isEmpty();
        assertThat(skipped("no text in field 'n.text'")).isEqualTo(3);
    }

    @Test
    void treesAreReadInOrderOfNameAndFiltersAreCounted() throws IOException {
        file("tree/.gitignore", "target/\n*.log\n!keep.log\n/top.txt\ndocs/**/draft?.md\n");
        for (String name : List.of("b.txt", "a/x.txt", "a.txt", "top.txt", "a/top.txt", "target/out.txt", "a/run.log", "keep.log",
                "docs/1/2/draft1.md", "docs/final.md", ".git/config")) {
            file("tree/" + name, name);
        }
        file("tree/image.bin", new byte[] {1, 0, 2});
        file("tree/none.txt", "");
        assertThat(read(ReadOptions.DEFAULT, directory.resolve("tree"))).extracting(Document::id).containsExactly("tree/.gitignore",
                "tree/a/top.txt", "tree/a/x.txt", "tree/a.txt", "tree/b.txt", "tree/docs/final.md", "tree/keep.log");
        assertThat(skipped("ignored by .gitignore")).isEqualTo(4);
        assertThat(skipped("binary file")).isEqualTo(1);
        assertThat(skipped("empty")).isEqualTo(1);
        assertThat(skipped("version control directory")).isEqualTo(1);
        read(ReadOptions.DEFAULT.withExtensions("md"), directory.resolve("tree"));
        assertThat(skipped("extension not asked for")).isEqualTo(8);
    }

    @Test
    void oddTextIsRepairedAndCounted() throws IOException {
        file("t/1.txt", "\uFEFFone\r\ntwo\rthree");
        file("t/2.txt", "\uFEFF烛龙".getBytes(StandardCharsets.UTF_16LE));
        file("t/3.txt", new byte[] {'m', 'o', 's', 't', 'l', 'y', ' ', 'g', 'o', 'o', 'd', (byte) 0xc3, ' ', 't', 'e', 'x', 't'});
        file("t/4.txt", "烛龙衔烛照幽都".getBytes(Charset.forName("GB18030")));
        file("t/5.txt", "honest \uFFFD");
        var filler = "x".repeat(9000);
        file("t/6.txt", filler + "\0end");
        file("t/7.jsonl", "{\"text\":\"half \\ud83d and \\u0000 nul\"}\n");
        assertThat(read(ReadOptions.DEFAULT, directory.resolve("t"))).extracting(Document::text).containsExactly("one\ntwo\nthree", "烛龙",
                "mostly good\uFFFD text", "honest \uFFFD", filler + "end", "half \uFFFD and  nul");
        assertThat(repaired("byte order mark removed")).isEqualTo(2);
        assertThat(repaired("carriage returns made line feeds")).isEqualTo(1);
        assertThat(repaired("malformed UTF-8 replaced by U+FFFD")).isEqualTo(1);
        assertThat(repaired("lone surrogates replaced by U+FFFD")).isEqualTo(1);
        assertThat(repaired("NUL removed")).isEqualTo(2);
        assertThat(skipped("not UTF-8 text")).isEqualTo(1);
    }

    @Test
    void rowsThatAreNoRowsAreCountedAndTheOthersRead() throws IOException {
        file("r/a.jsonl", "{\"text\":\"one\"}\r\n{\"text\":\n[1]\n\n{\"text\":5}\n{\"other\":\"x\"}\n{\"text\":\"a\"} {}\n"
                + "{\"text\":\"" + "y".repeat(2000) + "\"}\n" + "[".repeat(900) + "\n{\"text\":\"last\"}");
        file("r/b.csv", "a,b\n1,2\n");
        file("r/c.csv", "x,text\n1,good\n2\n3,\"never closed " + "z".repeat(60_000));
        file("r/d.parquet", TinyParquet.write("text", Arrays.asList("p".getBytes(StandardCharsets.UTF_8), null), false));
        file("r/e.parquet", "PAR1 but not really PAR1");
        assertThat(read(ReadOptions.DEFAULT.withMaxDocumentBytes(1000), directory.resolve("r"))).extracting(Document::text)
                .containsExactly("one", "last", "good", "p");
        assertThat(skipped("malformed JSON")).isEqualTo(4);
        assertThat(skipped("no text in field 'text'")).isEqualTo(2);
        assertThat(skipped("row longer than 1000 bytes")).isEqualTo(1);
        assertThat(skipped("no column 'text'")).isEqualTo(1);
        assertThat(skipped("row without column 'text'")).isEqualTo(2);
        assertThat(skipped("unreadable")).isEqualTo(2);
    }

    @Test
    void aLineOfAHundredMegabytesIsOneCountNotACrash() throws IOException {
        Path file = directory.resolve("long.jsonl");
        try (OutputStream out = Files.newOutputStream(file)) {
            out.write("{\"text\":\"".getBytes(StandardCharsets.UTF_8));
            byte[] block = new byte[1 << 20];
            Arrays.fill(block, (byte) 'a');
            for (int i = 0; i < 100; i++) {
                out.write(block);
            }
            out.write("\"}\n{\"text\":\"after\"}\n".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(read(ReadOptions.DEFAULT, file)).extracting(Document::text).containsExactly("after");
        assertThat(skipped("row longer than " + (16 << 20) + " bytes")).isEqualTo(1);
    }

    @Test
    void longTextIsCutAtLineEndsWithoutLoss() throws IOException {
        var text = new StringBuilder();
        for (int i = 0; i < 500; i++) {
            text.append("第").append(i).append(i % 7 == 0 ? "行\n" : "字");
        }
        Path file = file("book.txt", text.toString());
        var parts = read(ReadOptions.DEFAULT.withMaxDocumentBytes(100), file);
        assertThat(parts.size()).isGreaterThan(30);
        assertThat(String.join("", parts.stream().map(Document::text).toList())).isEqualTo(text.toString());
        assertThat(parts).allSatisfy(part -> assertThat(part.text().getBytes(StandardCharsets.UTF_8).length).isLessThanOrEqualTo(100));
        assertThat(parts.getFirst().id()).isEqualTo("book.txt#1");
        assertThat(repaired("longer than 100 bytes: cut into parts")).isEqualTo(1);
    }

    @Test
    void archivesWithOddNamesLinksAndNestingAreReadAsFarAsTheyGo() throws IOException {
        Path zip = zip("odd.zip", Map.of("../../escape.txt", "a".getBytes(), "back\\slash.txt", "b".getBytes(), "in.zip", new byte[] {1},
                "nul\u0001.txt", "c".getBytes(), "dir/", new byte[0]));
        assertThat(read(ReadOptions.DEFAULT, zip)).extracting(Document::id)
                .containsExactly("odd.zip!/../../escape.txt", "odd.zip!/back/slash.txt", "odd.zip!/nul?.txt");
        assertThat(repaired("odd name in an archive")).isEqualTo(2);
        assertThat(skipped("archive inside an archive")).isEqualTo(1);
        Path tar = directory.resolve("t.tar.gz");
        try (var out = new TarArchiveOutputStream(new GZIPOutputStream(Files.newOutputStream(tar)))) {
            for (String name : List.of("z.txt", "a.txt")) {
                var entry = new TarArchiveEntry(name);
                entry.setSize(name.length());
                out.putArchiveEntry(entry);
                out.write(name.getBytes(StandardCharsets.UTF_8));
                out.closeArchiveEntry();
            }
            var link = new TarArchiveEntry("link", TarArchiveEntry.LF_SYMLINK);
            link.setLinkName("/etc/passwd");
            out.putArchiveEntry(link);
            out.closeArchiveEntry();
        }
        assertThat(read(ReadOptions.DEFAULT, tar).reversed().subList(0, 2)).extracting(Document::id)
                .containsExactly("t.tar.gz!/a.txt", "t.tar.gz!/z.txt");
        assertThat(skipped("link in an archive")).isEqualTo(1);
    }

    @Test
    void aBombIsGivenUp() throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(packed)) {
            byte[] block = new byte[1 << 20];
            Arrays.fill(block, (byte) 'a');
            for (int i = 0; i < 200; i++) {
                gzip.write(block);
            }
        }
        Path file = file("bomb.txt.gz", packed.toByteArray());
        read(ReadOptions.DEFAULT, file);
        assertThat(skipped("looks like a decompression bomb")).isEqualTo(1);
    }

    @Test
    void damagedFilesNeverCrash() throws IOException {
        var random = new Random(5);
        byte[] rows = "{\"text\":\"some text that is long enough to compress, some text\"}\n".repeat(50).getBytes(StandardCharsets.UTF_8);
        Map<String, byte[]> whole = Map.of("x.jsonl.gz", gzip(rows), "x.jsonl.zst", Zstd.compress(rows), "x.zip",
                Files.readAllBytes(zip("good.zip", Map.of("a.txt", rows, "b.txt", rows))), "x.parquet",
                TinyParquet.write("text", List.of(rows, rows), true), "x.csv", "text\n\"a\"\n".repeat(20).getBytes(StandardCharsets.UTF_8));
        for (var entry : new java.util.TreeMap<>(whole).entrySet()) {
            for (int trial = 0; trial < 60; trial++) {
                byte[] bytes = entry.getValue().clone();
                if (trial % 2 == 0) {
                    bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
                } else {
                    for (int i = 0; i < 3; i++) {
                        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
                    }
                }
                var once = new ReadReport();
                new DocumentReader(ReadOptions.DEFAULT, once).read(List.of(file(entry.getKey(), bytes)), _ -> { });
                assertThat(once.documents() + once.skipped().size()).as("%s trial %s", entry.getKey(), trial)
                        .isPositive();
            }
        }
    }

    @Test
    void aMissingInputIsAnErrorAndAConsumersExceptionPasses() throws IOException {
        assertThatThrownBy(() -> read(ReadOptions.DEFAULT, directory.resolve("nowhere"))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("nowhere");
        Path zip = zip("ok.zip", Map.of("a.txt", "a".getBytes()));
        assertThatThrownBy(() -> new DocumentReader(ReadOptions.DEFAULT, report).read(List.of(zip), _ -> {
            throw new IllegalStateException("mine");
        })).isInstanceOf(IllegalStateException.class).hasMessage("mine");
    }
}
