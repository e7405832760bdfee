package dev.zhulong.evaluate.retrieval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** BEIR's layout. */
class CollectionsAreReadWholeOrNotAtAllTest {
    @TempDir
    Path directory;

    @BeforeEach
    void write() throws IOException {
        Files.writeString(directory.resolve("corpus.jsonl"), """
                {"_id": "d1", "title": "Cards", "text": "are sent by post.", "metadata": {}}
                {"_id": "d2", "title": "", "text": "We open at nine."}
                {"_id": "d3", "text": "No title."}
                """);
        Files.writeString(directory.resolve("queries.jsonl"), """
                {"_id": "q1", "text": "Where is my card?", "metadata": {"a": 1}}
                {"_id": "q2", "text": "Never judged."}
                """);
        Files.createDirectories(directory.resolve("qrels"));
        qrels("q1\td1\t2\nq1\tgone\t1\n");
    }

    private void qrels(String rows) throws IOException {
        Files.writeString(directory.resolve("qrels/test.tsv"), "query-id\tcorpus-id\tscore\n" + rows);
    }

    private void refused(String... words) {
        assertThatThrownBy(() -> RetrievalData.read(directory, "test")).isInstanceOf(IllegalArgumentException.class).hasMessageContainingAll(words);
    }

    @Test
    void asItStands() {
        RetrievalData data = RetrievalData.read(directory, "test");
        assertThat(data.documents()).containsExactly(Map.entry("d1", "Cards are sent by post."), Map.entry("d2", "We open at nine."), Map.entry("d3", "No title."));
        assertThat(data.queries()).containsExactly(Map.entry("q1", "Where is my card?"));
        assertThat(data.judged().get("q1")).containsExactly(Map.entry("d1", 2), Map.entry("gone", 1));
    }

    @Test
    void whatIsWrongIsNamed() throws IOException {
        assertThatThrownBy(() -> RetrievalData.read(directory, "dev")).hasMessageContainingAll("no file qrels/dev.tsv", "BEIR's layout");
        qrels("q1\td1\tmuch\n");
        refused("test.tsv#", "a whole number in 'score'", "much");
        qrels("q9\td1\t1\n");
        refused("test.tsv#", "a query-id that is in queries.jsonl", "q9");
        qrels("q1\td1\t1\nq1\td1\t0\n");
        refused("'corpus-id' once", "d1 again");
        qrels("");
        refused("no judged query");
        qrels("q1\td1\t1\n");
        Files.writeString(directory.resolve("queries.jsonl"), "{\"_id\": \"q1\"}\n");
        refused("queries.jsonl#1", "a text in 'text'");
        Files.writeString(directory.resolve("queries.jsonl"), "{\"_id\": \"q1\", \"text\": \n");
        refused("queries.jsonl", "a row cannot be read");
        Files.delete(directory.resolve("corpus.jsonl"));
        refused("no file corpus.jsonl");
    }
}
