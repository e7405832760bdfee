package dev.zhulong.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CleaningDoesNotDependOnThreadsOrOrderTest {
    @TempDir
    Path directory;

    private final List<String> texts = new ArrayList<>();

    /** 300 texts, of each third one two slightly changed copies and one exact one, in odd order. */
    @BeforeEach
    void texts() {
        var random = new Random(7);
        for (int i = 0; i < 300; i++) {
            var words = new ArrayList<String>();
            for (int w = 0; w < 120; w++) {
                words.add("w" + random.nextInt(50_000));
            }
            texts.add("group" + i + " " + String.join(" ", words));
            if (i % 3 == 0) {
                texts.add(texts.getLast());
                words.set(17, "changed");
                texts.add("group" + i + " " + String.join(" ", words));
                words.add("<b>&longer");
                texts.add("group" + i + " " + String.join(" ", words));
            }
            if (i % 10 == 0) {
                texts.add("secret" + i + " short");
            }
        }
        Collections.shuffle(texts, random);
    }

    private static final CleaningStep SHORT = new CleaningStep() {
        @Override
        public String name() {
            return "too-short";
        }

        @Override
        public Decision apply(Document document) {
            return document.text().length() < 100 ? new Decision.Drop("fewer than 100 characters") : new Decision.Keep(document, null);
        }
    };

    private static final CleaningStep REDACT = new CleaningStep() {
        @Override
        public String name() {
            return "redact";
        }

        @Override
        public Decision apply(Document document) {
            long count = document.text().split("secret", -1).length - 1L;
            return count == 0 ? new Decision.Keep(document, null)
                    : new Decision.Keep(new Document(document.id(), document.text().replace("secret", "×××")), count + " secrets");
        }
    };

    private Path input(String name, List<String> lines) throws IOException {
        Path file = directory.resolve(name);
        var json = new ObjectMapper();
        var out = new StringBuilder();
        for (String line : lines) {
            out.append(json.writeValueAsString(Map.of("text", line))).append('\n');
        }
        return Files.writeString(file, out);
    }

    private Corpus run(Path input, int threads, String out) {
        return Cleaner.run(CleanConfig.of(List.of(input), List.of(REDACT, SHORT)).withThreads(threads).withValidation(0.2, 3),
                directory.resolve(out), Progress.SILENT);
    }

    private static Set<String> texts(DocumentStore store) {
        try (var documents = store.documents()) {
            return documents.map(Document::text).collect(Collectors.toSet());
        }
    }

    private static Map<String, byte[]> files(Path root) throws IOException {
        var all = new HashMap<String, byte[]>();
        try (var paths = Files.walk(root)) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                all.put(root.relativize(path).toString(), Files.readAllBytes(path));
            }
        }
        return all;
    }

    @Test
    void sameBytesOnOneThreadAndOnEight() throws IOException {
        Path input = input("in.jsonl", texts);
        run(input, 1, "one");
        run(input, 8, "eight");
        var one = files(directory.resolve("one"));
        var eight = files(directory.resolve("eight"));
        assertThat(one.keySet()).containsExactlyInAnyOrder("audit.json", "audit.html", "train/documents.jsonl.zst", "train/store.json",
                "validation/documents.jsonl.zst", "validation/store.json");
        assertThat(eight.keySet()).isEqualTo(one.keySet());
        one.forEach((name, bytes) -> assertThat(eight.get(name)).as(name).isEqualTo(bytes));
    }

    /** Chains and crowds of likeness, where who is compared with whom decides: every text shares three of four parts with some others. */
    @Test
    void theSameTextsStayInWhateverOrderTheyAreRead() throws IOException {
        var random = new Random(11);
        var parts = new ArrayList<String>();
        for (int part = 0; part < 24; part++) {
            var words = new StringBuilder();
            for (int word = 0; word < 60; word++) {
                words.append("p").append(part).append('w').append(random.nextInt(1000)).append(' ');
            }
            parts.add(words.toString());
        }
        var alike = new ArrayList<String>();
        for (int i = 0; i < 400; i++) {
            int base = random.nextInt(6) * 4;
            var text = new StringBuilder();
            for (int part = 0; part < 4; part++) {
                text.append(random.nextInt(5) == 0 ? parts.get(random.nextInt(24)) : parts.get(base + part));
            }
            alike.add(text.append("end").append(random.nextInt(40)).toString());
        }
        Set<String> first = null;
        for (int order = 0; order < 6; order++) {
            Corpus corpus = run(input("alike.jsonl", alike), 2, "alike" + order);
            Set<String> kept = new HashSet<>(texts(corpus.train()));
            kept.addAll(texts(corpus.validation()));
            assertThat(kept).hasSizeBetween(10, 390);
            first = first == null ? kept : first;
            assertThat(kept).isEqualTo(first);
            Collections.shuffle(alike, random);
        }
    }

    @Test
    void orderAndNewDocumentsMoveNothingFromOneSideToTheOther() throws IOException {
        Corpus first = run(input("a.jsonl", texts), 2, "a");
        var more = new ArrayList<>(texts);
        for (int i = 0; i < 50; i++) {
            more.add("quite another text number " + i + " " + "abcdefgh ".repeat(i + 10));
        }
        Collections.shuffle(more, new Random(9));
        Corpus second = run(input("b.jsonl", more), 2, "b");
        assertThat(texts(second.train())).containsAll(texts(first.train()));
        assertThat(texts(second.validation())).containsAll(texts(first.validation()));
    }

    @Test
    void oneOfEachClusterStaysOnOneSideAndItIsTheLongest() throws IOException {
        Corpus corpus = run(input("in.jsonl", texts), 2, "out");
        var train = texts(corpus.train());
        var validation = texts(corpus.validation());
        assertThat(corpus.train().count() + corpus.validation().count()).isEqualTo(300);
        assertThat(corpus.validation().count()).isBetween(35L, 90L);
        var groups = new HashSet<String>();
        for (String text : train) {
            groups.add(text.substring(0, text.indexOf(' ')));
        }
        for (String text : validation) {
            assertThat(groups.add(text.substring(0, text.indexOf(' ')))).isTrue();
        }
        assertThat(groups).hasSize(300);
        assertThat(train.stream().filter(text -> text.endsWith("longer")).count()
                + validation.stream().filter(text -> text.endsWith("longer")).count()).isEqualTo(100);
    }

    @Test
    void theAuditAddsUp() throws IOException {
        Corpus corpus = run(input("in.jsonl", texts), 2, "out");
        JsonNode audit = new ObjectMapper().readTree(directory.resolve("out/audit.json").toFile());
        assertThat(audit.at("/read/documents").asInt()).isEqualTo(630);
        var steps = new ArrayList<JsonNode>();
        audit.get("steps").forEach(steps::add);
        assertThat(steps).extracting(step -> step.get("name").asText())
                .containsExactly("redact", "too-short", "exact-duplicates", "near-duplicates");
        for (int i = 0; i < steps.size(); i++) {
            JsonNode step = steps.get(i);
            assertThat(step.get("documents_in").asLong() - step.get("dropped").asLong()).isEqualTo(step.get("documents_out").asLong());
            if (i > 0) {
                assertThat(step.get("documents_in")).isEqualTo(steps.get(i - 1).get("documents_out"));
                assertThat(step.get("bytes_in")).isEqualTo(steps.get(i - 1).get("bytes_out"));
            }
        }
        assertThat(steps.get(0).get("changed").asInt()).isEqualTo(30);
        assertThat(steps.get(0).get("bytes_out").asLong() - steps.get(0).get("bytes_in").asLong()).isZero(); // × is two bytes
        assertThat(steps.get(0).at("/changes/0/reason").asText()).isEqualTo("secrets");
        assertThat(steps.get(0).at("/changes/0/samples/0/excerpt").asText()).doesNotContain("secret").contains("×××");
        assertThat(steps.get(1).get("dropped").asInt()).isEqualTo(30);
        assertThat(steps.get(2).get("dropped").asInt()).isEqualTo(100);
        assertThat(steps.get(3).get("dropped").asInt()).isEqualTo(200);
        assertThat(steps.get(3).get("bytes_out").asLong()).isEqualTo(corpus.train().bytes() + corpus.validation().bytes());
        String page = Files.readString(corpus.auditPage());
        assertThat(page).contains("fewer than 100 characters").doesNotContain("<b>");
    }

    @Test
    void bytesAreThoseOfTheTexts() throws IOException {
        Corpus corpus = Cleaner.run(CleanConfig.of(List.of(input("in.jsonl", List.of("烛龙 é 😀 a\u0001\"\\\n\t", "x"))), List.of())
                .withDuplicates(Clusters.Kind.NONE).withValidation(0, 0), directory.resolve("out"), Progress.SILENT);
        assertThat(texts(corpus.train())).containsExactlyInAnyOrder("烛龙 é 😀 a\u0001\"\\\n\t", "x");
        assertThat(corpus.train().bytes()).isEqualTo(
                "烛龙 é 😀 a\u0001\"\\\n\tx".getBytes(java.nio.charset.StandardCharsets.UTF_8).length);
        assertThat(corpus.validation().count()).isZero();
        assertThat(Corpus.open(corpus.directory())).isEqualTo(corpus);
    }

    @Test
    void evaluationSetsAreKeptOut() throws IOException {
        Path evaluation = input("test.jsonl", List.of(texts.get(5)));
        Corpus corpus = Cleaner.run(CleanConfig.of(List.of(input("in.jsonl", texts)), List.of()).withEvaluationSets(List.of(evaluation)),
                directory.resolve("out"), Progress.SILENT);
        String group = texts.get(5).substring(0, texts.get(5).indexOf(' ') + 1);
        assertThat(texts(corpus.train())).noneMatch(text -> text.startsWith(group));
        assertThat(texts(corpus.validation())).noneMatch(text -> text.startsWith(group));
    }

    @Test
    void anEvaluationSetWithoutTextIsAnErrorBesideOthersToo() throws IOException {
        Path good = input("test.jsonl", List.of(texts.get(5)));
        Path other = Files.writeString(directory.resolve("questions.json"), "[{\"question\": \"Which planet has the most moons?\"}]");
        assertThatThrownBy(() -> Cleaner.run(CleanConfig.of(List.of(input("in.jsonl", texts)), List.of()).withEvaluationSets(List.of(good, other)),
                directory.resolve("out"), Progress.SILENT)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("questions.json")
                .hasMessageContaining("no text in field 'text'");
    }

    @Test
    void twoDocumentsGiveBothSidesOneAndNothingLeftIsAnErrorThatSaysWhy() throws IOException {
        Corpus two = Cleaner.run(CleanConfig.of(List.of(input("two.jsonl", List.of("first one", "second one"))), List.of()),
                directory.resolve("two"), Progress.SILENT);
        assertThat(List.of(two.train().count(), two.validation().count())).containsExactly(1L, 1L);
        Path poor = input("poor.jsonl", List.of("short"));
        assertThatThrownBy(() -> run(poor, 1, "none")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("poor.jsonl").hasMessageContaining("too-short dropped 1: fewer than 100 characters");
        assertThatThrownBy(() -> DocumentStore.open(directory.resolve("none/train"))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not a document store");
    }

    @Test
    void aBrokenRuleIsNamedWithItsDocument() throws IOException {
        Path input = input("in.jsonl", texts.subList(0, 3));
        CleaningStep broken = new CleaningStep() {
            @Override
            public String name() {
                return "broken";
            }

            @Override
            public Decision apply(Document document) {
                throw new IndexOutOfBoundsException("oops");
            }
        };
        assertThatThrownBy(() -> Cleaner.run(CleanConfig.of(List.of(input), List.of(broken)), directory.resolve("out"), Progress.SILENT))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("broken").hasMessageContaining("in.jsonl#1");
    }
}
