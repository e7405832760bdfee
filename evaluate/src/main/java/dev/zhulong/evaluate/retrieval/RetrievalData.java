package dev.zhulong.evaluate.retrieval;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReader.Row;
import dev.zhulong.data.read.RowReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A collection in BEIR's layout: {@code corpus.jsonl} ({@code _id}, {@code title}, {@code text}), {@code queries.jsonl} ({@code _id}, {@code text}) and
 * {@code qrels/SPLIT.tsv} ({@code query-id}, {@code corpus-id}, {@code score}, with a line of names); each also as {@code .gz}.
 *
 * @param documents by id, in the file's order: the title and the text, with a space between
 * @param queries   by id, in the file's order: those that have a judgement
 * @param judged    grades by query and document
 */
public record RetrievalData(Map<String, String> documents, Map<String, String> queries, Map<String, Map<String, Integer>> judged) {
    public RetrievalData {
        documents = Collections.unmodifiableMap(new LinkedHashMap<>(documents));
        queries = Collections.unmodifiableMap(new LinkedHashMap<>(queries));
        judged = Collections.unmodifiableMap(new LinkedHashMap<>(judged));
    }

    /**
     * Reads a collection.
     *
     * @param split whose judgements are read, such as {@code test}
     * @throws IllegalArgumentException where a file is missing, or a row cannot be used; names it
     */
    public static RetrievalData read(Path directory, String split) {
        Map<String, String> documents = new LinkedHashMap<>();
        rows(directory, "corpus.jsonl", row -> {
            String title = row.fields().path("title").asText("");
            put(documents, row, "_id", (title + " " + text(row, "text")).strip());
        });
        Map<String, String> all = new LinkedHashMap<>();
        rows(directory, "queries.jsonl", row -> put(all, row, "_id", text(row, "text")));
        Map<String, Map<String, Integer>> judged = new LinkedHashMap<>();
        rows(directory, "qrels/" + split + ".tsv", row -> {
            String query = text(row, "query-id");
            if (!all.containsKey(query)) {
                throw wrong(row, "a query-id that is in queries.jsonl", query);
            }
            put(judged.computeIfAbsent(query, _ -> new LinkedHashMap<>()), row, "corpus-id", grade(row));
        });
        Map<String, String> queries = new LinkedHashMap<>(all);
        queries.keySet().retainAll(judged.keySet());
        if (documents.isEmpty() || queries.isEmpty()) {
            throw new IllegalArgumentException(directory + ": no document or no judged query; expected BEIR's layout: corpus.jsonl, queries.jsonl, qrels/" + split + ".tsv");
        }
        return new RetrievalData(documents, queries, judged);
    }

    private static void rows(Path directory, String name, Consumer<Row> each) {
        Path file = List.of(name, name + ".gz").stream().map(directory::resolve).filter(Files::isRegularFile).findFirst().orElseThrow(() ->
                new IllegalArgumentException(directory + ": no file " + name + "; expected BEIR's layout: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv"));
        var report = new RowReport();
        RowReader.read(file, true, report, each);
        if (report.refusals() > 0) {
            throw new IllegalArgumentException(file + ": a row cannot be read, and a collection is measured whole or not at all; " + report.text());
        }
    }

    private static String text(Row row, String field) {
        JsonNode node = row.fields().get(field);
        if (node == null || !node.isTextual() && !node.isIntegralNumber()) {
            throw wrong(row, "a text in '" + field + "'", node == null ? "none" : node);
        }
        return node.asText();
    }

    private static int grade(Row row) {
        String text = text(row, "score");
        try {
            return Integer.parseInt(text.strip());
        } catch (NumberFormatException e) {
            throw wrong(row, "a whole number in 'score'", text);
        }
    }

    private static <V> void put(Map<String, V> map, Row row, String field, V value) {
        String id = text(row, field);
        if (map.put(id, value) != null) {
            throw wrong(row, "each '" + field + "' once", id + " again");
        }
    }

    private static IllegalArgumentException wrong(Row row, String expected, Object found) {
        return new IllegalArgumentException(row.where() + ": expected " + expected + ", found " + found);
    }
}
