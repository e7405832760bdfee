package dev.zhulong.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.clean.Steps;
import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.shard.ShardConfig;
import dev.zhulong.data.shard.ShardWriter;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trap 25 of scale: however the inputs are shared out, and in whatever order parts are done, every file of the corpus has the bytes of one process. */
class PartsMakeTheCorpusOfOneProcessTest {
    @TempDir
    Path directory;

    private List<Path> inputs;
    private final Random random = new Random(5);

    /** Crowds of texts that resemble each other, spread over every kind of file, among files that give nothing. */
    @BeforeEach
    void inputs() throws IOException {
        var texts = new ArrayList<String>();
        for (int group = 0; group < 700; group++) {
            var words = new ArrayList<String>();
            for (int word = 0; word < 90; word++) {
                words.add("word" + random.nextInt(20_000));
            }
            for (int copy = random.nextInt(4); copy >= 0; copy--) {
                for (int change = random.nextInt(30); change > 0; change--) {
                    words.set(random.nextInt(words.size()), "other" + random.nextInt(20_000));
                }
                texts.add(String.join(" ", words));
                if (random.nextInt(4) == 0) {
                    texts.add(texts.getLast().replace(" ", random.nextBoolean() ? "  " : "\n").toUpperCase(java.util.Locale.ROOT));
                }
            }
            if (group % 10 == 0) {
                texts.add("烛龙 " + group);
                texts.add("... " + "!".repeat(group % 40));
                texts.add("no words twice: ?!");
                texts.add("?!?");
            }
        }
        Collections.shuffle(texts, random);
        Path tree = Files.createDirectories(directory.resolve("in/tree/sub"));
        for (int i = 0; i < 300; i++) {
            Files.writeString((i % 3 == 0 ? tree : tree.getParent()).resolve("t" + i + ".txt"), texts.get(i));
        }
        Files.writeString(tree.resolve(".gitignore"), "t3*.txt\n");
        Files.createDirectories(tree.resolve(".git"));
        Files.write(tree.resolve("binary.bin"), new byte[] {1, 0, 2});
        Files.writeString(tree.resolve("empty.txt"), "");
        Path rows = directory.resolve("in/rows.jsonl");
        var json = new ObjectMapper();
        var lines = new StringBuilder("\n");
        for (int i = 300; i < 1400; i++) {
            lines.append(i % 50 == 0 ? "{broken" : i % 51 == 0 ? "" : json.writeValueAsString(Map.of("text", texts.get(i)))).append(i % 40 == 0 ? "\r\n" : "\n");
        }
        lines.append("\uFEFF").append(json.writeValueAsString(Map.of("text", "behind a mark in the middle"))).append('\n');
        Files.writeString(rows, lines);
        Path zip = directory.resolve("in/more.zip");
        try (var out = new ZipOutputStream(Files.newOutputStream(zip))) {
            for (int i = 1400; i < 1700; i++) {
                out.putNextEntry(new ZipEntry("e" + i + ".txt"));
                out.write(texts.get(i).getBytes(StandardCharsets.UTF_8));
            }
            out.putNextEntry(new ZipEntry("e1500.zip"));
            out.write(1);
        }
        Path packed = directory.resolve("in/packed.jsonl.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
            for (String text : texts.subList(1700, texts.size())) {
                out.write((json.writeValueAsString(Map.of("text", text)) + "\n").getBytes(StandardCharsets.UTF_8));
            }
        }
        Path broken = Files.writeString(directory.resolve("in/broken.zip"), "no archive");
        inputs = List.of(rows, directory.resolve("in/tree"), zip, broken, packed);
    }

    private CleanConfig config() {
        CleaningStep numbers = new CleaningStep() {
            @Override
            public String name() {
                return "numbers";
            }

            /** More reasons than an audit keeps apart. */
            @Override
            public Decision apply(Document document) {
                int number = Math.floorMod(document.text().hashCode(), 900);
                return number < 250 ? new Decision.Drop("number " + number) : new Decision.Keep(document, null);
            }
        };
        return CleanConfig.of(inputs, List.of(Steps.byName("unicode"), numbers)).withValidation(0.1, 3);
    }

    /** Does parts in odd order, some of them twice. */
    private CleaningInParts.Stages here(CleanConfig config, Path work) {
        return (stage, tasks) -> {
            var order = new ArrayList<>(IntStream.range(0, tasks).boxed().toList());
            order.addAll(order.subList(0, tasks / 3));
            Collections.shuffle(order, random);
            order.forEach(part -> CleaningInParts.part(config, new ShiftedBytes(), work, stage, part));
        };
    }

    private static Map<String, byte[]> files(Path root) throws IOException {
        var all = new TreeMap<String, byte[]>();
        try (var paths = Files.walk(root)) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                all.put(root.relativize(path).toString(), Files.readAllBytes(path));
            }
        }
        return all;
    }

    private static void assertSame(Map<String, byte[]> found, Map<String, byte[]> expected, String what) {
        assertThat(found.keySet()).as(what).isEqualTo(expected.keySet());
        expected.forEach((name, bytes) -> assertThat(found.get(name)).as("%s: %s", what, name).isEqualTo(bytes));
    }

    @Test
    void theBytesAreEqualForAnyNumberOfParts() throws IOException {
        for (Clusters.Kind kind : Clusters.Kind.values()) {
            CleanConfig config = config().withDuplicates(kind);
            Path one = directory.resolve("one" + kind);
            Corpus expected = Cleaner.run(config, one, Progress.SILENT);
            var tokenizer = new ShiftedBytes();
            var shards = ShardConfig.of("shifted", expected.train().contentHash());
            try (var documents = expected.train().documents()) {
                ShardWriter.write(documents, 0, tokenizer, shards, one.resolve("shards"), Progress.SILENT).close();
            }
            Set<Integer> made = new HashSet<>();
            for (int wanted : kind == Clusters.Kind.NEAR ? new int[] {1, 2, 7, 50} : new int[] {7}) {
                Path work = directory.resolve("work");
                Path out = directory.resolve("parts" + kind + wanted);
                try (var parts = CleaningInParts.begin(config, work, wanted, here(config, work))) {
                    Corpus corpus = parts.run(out);
                    parts.encode();
                    ShardWriter.assemble(parts.encoded(corpus.train()), 0, tokenizer, shards, out.resolve("shards"), Progress.SILENT).close();
                    made.add(parts.parts());
                }
                assertThat(work).doesNotExist();
                assertSame(files(out), files(one), kind + " in " + wanted + " parts");
            }
            assertThat(made).contains(7);
            assertThat(kind != Clusters.Kind.NEAR || made.size() == 4).as("parts made: %s", made).isTrue();
        }
        assertThat(Files.readString(directory.resolve("oneNEAR/audit.json"))).contains("other reasons", "near-duplicates", "malformed JSON", "ignored by .gitignore", "unreadable");
    }

    @Test
    void evaluationSetsAreKeptOutOfAllParts() throws IOException {
        Path evaluation = Files.writeString(directory.resolve("evaluation.txt"), Files.readString(directory.resolve("in/tree/t1.txt")));
        CleanConfig config = config().withEvaluationSets(List.of(evaluation));
        Cleaner.run(config, directory.resolve("one"), Progress.SILENT);
        Path work = directory.resolve("work");
        try (var parts = CleaningInParts.begin(config, work, 5, here(config, work))) {
            parts.run(directory.resolve("five"));
        }
        assertSame(files(directory.resolve("five")), files(directory.resolve("one")), "five parts");
    }

    @Test
    void aPartThatFailsNamesItsDocumentAndNothingLeftSaysWhy() {
        CleaningStep breaks = new CleaningStep() {
            @Override
            public String name() {
                return "breaks";
            }

            @Override
            public Decision apply(Document document) {
                if (document.id().startsWith("more.zip")) {
                    throw new IllegalStateException("oops");
                }
                return new Decision.Drop("no use");
            }
        };
        Path work = directory.resolve("work");
        CleanConfig config = CleanConfig.of(inputs, List.of(breaks));
        try (var parts = CleaningInParts.begin(config, work, 4, here(config, work))) {
            assertThatThrownBy(() -> parts.run(directory.resolve("out"))).hasMessageContaining("breaks failed on more.zip!/e1").hasMessageContaining("oops");
        }
        CleanConfig rows = CleanConfig.of(inputs.subList(0, 1), List.of(breaks));
        try (var parts = CleaningInParts.begin(rows, work, 4, here(rows, work))) {
            assertThatThrownBy(() -> parts.run(directory.resolve("out"))).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("nothing is left of").hasMessageContaining("no use");
        }
        assertThat(directory.resolve("out/audit.json")).doesNotExist();
    }
}
