package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code evaluate --retrieval}, against orders made here of what {@code embed} and {@code rerank} print. */
class RetrievalIsMeasuredOnACollectionTest {
    private static final List<String> DOCUMENTS = List.of("the card", "a lamp is lit", "where the lamp", "card card lamp", "lit where is", "the", "a card is where");
    private static final List<String> QUERIES = List.of("where is the card", "lit lamp");
    /** Relevant documents of each query. */
    private static final List<List<Integer>> RELEVANT = List.of(List.of(0, 6), List.of(1));

    @TempDir
    Path directory;

    private Path collection() throws IOException {
        Path collection = Files.createDirectories(directory.resolve("collection/qrels")).getParent();
        var rows = new StringBuilder();
        for (int i = 0; i < DOCUMENTS.size(); i++) {
            rows.append("{\"_id\": \"d").append(i).append("\", \"title\": \"\", \"text\": \"").append(DOCUMENTS.get(i)).append("\"}\n");
        }
        // never found: it is the query itself
        Files.writeString(collection.resolve("corpus.jsonl"), rows + "{\"_id\": \"q0\", \"text\": \"" + QUERIES.get(0) + "\"}\n");
        Files.writeString(collection.resolve("queries.jsonl"), "{\"_id\": \"q0\", \"text\": \"" + QUERIES.get(0) + "\"}\n{\"_id\": \"q1\", \"text\": \"" + QUERIES.get(1)
                + "\"}\n{\"_id\": \"q2\", \"text\": \"a\"}\n");
        Files.writeString(collection.resolve("qrels/test.tsv"), "query-id\tcorpus-id\tscore\nq0\td0\t1\nq0\td6\t1\nq1\td1\t1\nq1\td3\t0\nq2\td0\t0\n");
        return collection;
    }

    private static List<JsonNode> lines(Cli done) throws IOException {
        List<JsonNode> all = new ArrayList<>();
        for (String line : done.done().out().lines().toList()) {
            all.add(JsonFields.MAPPER.readTree(line));
        }
        return all;
    }

    private static double cosine(JsonNode a, JsonNode b) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.size(); i++) {
            ab += a.get(i).doubleValue() * b.get(i).doubleValue();
            aa += a.get(i).doubleValue() * a.get(i).doubleValue();
            bb += b.get(i).doubleValue() * b.get(i).doubleValue();
        }
        return ab / Math.sqrt(aa * bb);
    }

    /** Sum over queries of nDCG, reciprocal rank and recall at 3, of orders of documents. */
    private static void same(JsonNode metrics, List<List<Integer>> orders) {
        double ndcg = 0;
        double mrr = 0;
        double recall = 0;
        for (int q = 0; q < orders.size(); q++) {
            List<Integer> relevant = RELEVANT.get(q);
            double gain = 0;
            double first = 0;
            int found = 0;
            for (int place = 0; place < 3; place++) {
                if (relevant.contains(orders.get(q).get(place))) {
                    gain += Math.log(2) / Math.log(place + 2);
                    first = first == 0 ? 1.0 / (place + 1) : first;
                    found++;
                }
            }
            ndcg += gain / (relevant.size() == 2 ? 1 + Math.log(2) / Math.log(3) : 1) / 2;
            mrr += first / 2;
            recall += (double) found / relevant.size() / 2;
        }
        assertThat(metrics.at("/ndcg@3/value").doubleValue()).isCloseTo(ndcg, within(1e-9));
        assertThat(metrics.at("/mrr@3/value").doubleValue()).isCloseTo(mrr, within(1e-9));
        assertThat(metrics.at("/recall@3/value").doubleValue()).isCloseTo(recall, within(1e-9));
    }

    @Test
    void byVectorsAndBehindThemByACrossEncoder() throws IOException {
        String[] words = {"the", "card", "a", "lamp", "where", "is", "lit"};
        Path model = TinyEncoder.write(directory.resolve("model"), words);
        Path scorer = TinyEncoder.scoring(directory.resolve("scorer"), words);
        Path texts = Files.write(directory.resolve("texts"), DOCUMENTS);
        List<JsonNode> vectors = lines(Cli.run("embed", "--model", model, "--text-file", texts));
        List<List<Integer>> near = new ArrayList<>();
        List<List<Integer>> ranked = new ArrayList<>();
        for (String query : QUERIES) {
            JsonNode vector = lines(Cli.run("embed", "--model", model, "--text", query)).getFirst();
            near.add(IntStream.range(0, DOCUMENTS.size()).boxed().sorted(Comparator.comparingDouble(i -> -cosine(vector, vectors.get(i)))).toList());
            List<Integer> five = near.getLast().subList(0, 5);
            Path found = Files.write(directory.resolve("found"), five.stream().map(DOCUMENTS::get).toList());
            ranked.add(lines(Cli.run("rerank", "--model", scorer, "--query", query, found)).stream().map(each -> five.get(each.get("index").intValue())).toList());
        }
        // q1 finds q0's text too, which is in the corpus
        Cli done = Cli.run("evaluate", "--model", model, "--retrieval", collection(), "--reranker", scorer, "--depth", 5, "--at", 3, "--json").done();
        JsonNode told = JsonFields.MAPPER.readTree(done.out());
        assertThat(told.get("queries").intValue()).isEqualTo(2);
        assertThat(told.get("documents").intValue()).isEqualTo(8);
        JsonNode other = lines(Cli.run("embed", "--model", model, "--text", QUERIES.get(0))).getFirst();
        JsonNode second = lines(Cli.run("embed", "--model", model, "--text", QUERIES.get(1))).getFirst();
        assertThat(cosine(second, other)).as("so that the corpus's own query is not among the first five").isLessThan(cosine(second, vectors.get(near.get(1).get(4))));
        same(told.get("found"), near);
        same(told.get("reranked"), ranked);
        assertThat(told.at("/found/recall@5")).isEqualTo(told.at("/reranked/recall@5"));
        assertThat(Cli.run("evaluate", "--model", model, "--retrieval", directory.resolve("collection"), "--at", 3).done().out()).contains("ndcg@3", "over 2 queries and 8 documents",
                "1 queries without a relevant document are left out").doesNotContain("reranked");
    }

    @Test
    void whatIsWrongIsNamed() throws IOException {
        Path model = TinyEncoder.write(directory.resolve("model"), "the");
        Path collection = collection();
        assertThat(Cli.run("evaluate", "--model", model, "--retrieval", collection, "--at", 9, "--depth", 5).code()).isEqualTo(2);
        assertThat(Cli.run("evaluate", "--model", model, "--text", "a", "--reranker", model).err()).contains("need --retrieval");
        assertThat(Cli.run("evaluate", "--model", model, "--retrieval", collection, "--window", 4).code()).isEqualTo(2);
        assertThat(Cli.run("evaluate", "--model", model, "--retrieval", collection, "--reranker", model).err()).contains("a cross-encoder is a classifier with one output");
        assertThat(Cli.run("evaluate", "--model", collection, "--retrieval", collection).err()).contains("is no directory of an encoder");
        assertThat(Cli.run("evaluate", "--model", model, "--retrieval", directory).err()).contains("no file corpus.jsonl");
    }
}
