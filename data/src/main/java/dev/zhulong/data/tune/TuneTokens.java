package dev.zhulong.data.tune;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Examples as sequences to train on.
 *
 * @param documents  in the order of the examples
 * @param controlIds control tokens that occur in them; a model whose embedding of one was never trained, and is frozen, can't learn it
 */
public record TuneTokens(List<SupervisedDocument> documents, SortedSet<Integer> controlIds) {
    public TuneTokens {
        documents = List.copyOf(documents);
        controlIds = Collections.unmodifiableSortedSet(new TreeSet<>(controlIds));
    }

    /** Every example that has something to learn; the others are refused in {@code report}. */
    public static TuneTokens of(List<ExampleRow> examples, ExampleEncoder encoder, RowReport report) {
        var documents = new ArrayList<SupervisedDocument>();
        for (ExampleRow row : examples) {
            documents.addAll(encoder.encode(row, report));
        }
        return new TuneTokens(documents, controlIds(documents, encoder.tokenizer()));
    }

    private static SortedSet<Integer> controlIds(List<SupervisedDocument> documents, Tokenizer tokenizer) {
        var seen = new boolean[tokenizer.vocabSize()];
        documents.forEach(document -> {
            for (int id : document.tokens().ids()) {
                seen[id] = true;
            }
        });
        var ids = new TreeSet<Integer>();
        for (int id = 0; id < seen.length; id++) {
            if (seen[id] && tokenizer.isControl(id)) {
                ids.add(id);
            }
        }
        return ids;
    }

    /** The sequences alone. */
    public List<SupervisedTokens> sequences() {
        return documents.stream().map(SupervisedDocument::tokens).toList();
    }

    /** The documents of each data source, in the order in which the sources first occur. */
    public Map<String, TuneTokens> bySource() {
        var sources = new LinkedHashMap<String, List<SupervisedDocument>>();
        documents.forEach(document -> sources.computeIfAbsent(document.source(), _ -> new ArrayList<>()).add(document));
        var tokens = new LinkedHashMap<String, TuneTokens>();
        sources.forEach((name, own) -> tokens.put(name, new TuneTokens(own, controlIds)));
        return Collections.unmodifiableMap(tokens);
    }

    /** Tokens in all. */
    public long tokens() {
        return documents.stream().mapToLong(document -> document.tokens().ids().length).sum();
    }

    /** Tokens to be learnt. */
    public long supervised() {
        return documents.stream().mapToLong(document -> document.tokens().count()).sum();
    }

    /** Documents whose end was cut off. */
    public long truncated() {
        return documents.stream().filter(SupervisedDocument::truncated).count();
    }
}
