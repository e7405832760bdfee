package dev.zhulong.recipe.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.CleanConfig;
import dev.zhulong.data.Cleaner;
import dev.zhulong.data.Corpus;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.recipe.javadoc.DocumentedMethod;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeldOutMethodsAreNotLearntFromTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path temporary;
    private Corpus corpus;
    private Plan plan;
    private Path out;

    @BeforeEach
    void corpus() throws IOException {
        Path texts = TinyCorpus.write(temporary.resolve("texts"));
        // the same two methods in every file, on both sides of any split
        try (Stream<Path> files = Files.list(texts)) {
            for (Path file : files.toList()) {
                Files.writeString(file, Files.readString(file).stripTrailing().replaceFirst("}$", """
                            /** Says that all is well. */
                            boolean well() {
                                return true;
                            }

                            /** Says that all is well. */
                            boolean fine%d() {
                                return  false;
                            }
                        }
                        """.formatted(file.hashCode() & 0xffff)));
            }
        }
        plan = Plan.read(TinyCorpus.plan(Files.createDirectories(temporary.resolve("given")).resolve(Plan.FILE), texts, 11));
        corpus = Cleaner.run(CleanConfig.of(List.of(texts), List.of()).withValidation(0.2, 7), temporary.resolve("corpus"), Progress.SILENT);
        out = Files.createDirectories(temporary.resolve("out"));
    }

    private MethodPairs.Found pairs() throws IOException {
        var trainer = new BpeTrainer(600, List.of(Quickstart.END_OF_TEXT));
        try (Stream<Document> documents = corpus.train().documents()) {
            trainer.addAll(documents.map(Document::text));
        }
        TokenizerJson.write(out, trainer.train(), new TokenizerJson.Settings(Quickstart.END_OF_TEXT, Quickstart.END_OF_TEXT, null, false, 64));
        try (Tokenizer tokenizer = HuggingFaceTokenizer.load(out)) {
            MethodPairs.Found found = MethodPairs.write(corpus, tokenizer, plan, out, Progress.SILENT);
            for (Path file : List.of(out.resolve("pairs/describe.jsonl"), out.resolve("pairs/write.jsonl"), out.resolve("pairs/write.held-out.jsonl"))) {
                for (JsonNode row : rows(file)) {
                    assertThat(tokenizer.encode(row.path("prompt").asText() + row.path("completion").asText())).as("fits a row whole")
                            .hasSizeLessThanOrEqualTo(64)
                            .as("a prompt alone has the tokens it has before its completion")
                            .startsWith(tokenizer.encode(row.path("prompt").asText()));
                }
            }
            return found;
        }
    }

    private static List<JsonNode> rows(Path file) throws IOException {
        var rows = new ArrayList<JsonNode>();
        for (String line : Files.readAllLines(file)) {
            rows.add(JSON.readTree(line));
        }
        return rows;
    }

    private static List<DocumentedMethod> methods(Stream<Document> documents) {
        try (documents) {
            return documents.flatMap(d -> DocumentedMethod.all(d.text(), 10_000).stream()).toList();
        }
    }

    @Test
    void neitherTextNorSentenceOccursOnBothSides() throws IOException {
        MethodPairs.Found found = pairs();
        assertThat(found.heldOut()).hasSize(plan.tuning().heldOut());
        List<DocumentedMethod> learnt = methods(corpus.train().documents());
        List<DocumentedMethod> heldOut = methods(corpus.validation().documents());
        assertThat(heldOut).as("the leak is there to be found").anyMatch(m -> m.method().contains("well()"))
                .anyMatch(m -> m.method().contains("fine"));
        Set<String> seen = new HashSet<>();
        learnt.forEach(m -> {
            seen.add(m.method().replaceAll("\\s", ""));
            seen.add(m.sentence());
        });
        assertThat(heldOut).containsAll(found.heldOut());
        assertThat(found.heldOut()).noneMatch(m -> seen.contains(m.method().replaceAll("\\s", "")) || seen.contains(m.sentence()));
    }

    @Test
    void theFilesHoldThePairsInBothDirections() throws IOException {
        MethodPairs.Found found = pairs();
        assertThat(MethodPairs.read(out)).isEqualTo(found);
        List<JsonNode> describe = rows(out.resolve("pairs/describe.held-out.jsonl"));
        List<JsonNode> write = rows(out.resolve("pairs/write.held-out.jsonl"));
        for (int i = 0; i < found.heldOut().size(); i++) {
            DocumentedMethod pair = found.heldOut().get(i);
            assertThat(describe.get(i).path("prompt").asText()).startsWith(pair.method());
            assertThat(describe.get(i).path("completion").asText()).isEqualTo(" " + pair.sentence());
            assertThat(write.get(i).path("prompt").asText()).isEqualTo("/** " + pair.sentence() + " */\n");
            assertThat(write.get(i).path("completion").asText()).isEqualTo(pair.method());
        }
        assertThat(rows(out.resolve("pairs/describe.jsonl"))).hasSize(found.train()).doesNotHaveDuplicates();
        assertThat(methods(corpus.train().documents())).extracting(DocumentedMethod::method)
                .containsAll(rows(out.resolve("pairs/write.jsonl")).stream().map(r -> r.path("completion").asText().strip()).toList());
    }
}
