package dev.zhulong.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.retrieval.RetrievalData;
import dev.zhulong.evaluate.retrieval.RetrievalEvaluation;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.CrossEncoder;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Option;

/** The part of {@code evaluate} that measures how well an encoder finds documents. */
final class RetrievalOptions {
    private static final int DEPTH = 100;
    private static final int AT = 10;

    @Option(names = "--retrieval", paramLabel = "DIR", description = "Collection in BEIR's layout in which to find documents with an encoder: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv.")
    Path collection;

    @Option(names = "--split", paramLabel = "NAME", description = "Judgements to measure by (with --retrieval; default test).")
    String split;

    @Option(names = "--reranker", paramLabel = "DIR", description = "Cross-encoder that puts what was found in order; both orders are measured.")
    Path reranker;

    @Option(names = "--depth", paramLabel = "N", description = "Number of documents to find, and rerank, for each query (default 100).")
    Integer depth;

    @Option(names = "--at", paramLabel = "K", description = "Number of first documents that nDCG, MRR and recall look at (default 10).")
    Integer at;

    /** Whether an option was given that only --retrieval knows. */
    boolean anyGiven() {
        return split != null || reranker != null || depth != null || at != null;
    }

    /** Measures, prints, and returns the JSON object. @param adapter of the encoder that finds; null for none */
    String run(EvaluateVerb verb, Path model, Path adapter, EngineOptions engine, boolean json) {
        int found = depth == null ? DEPTH : depth;
        int first = at == null ? Math.min(AT, found) : at;
        if (first < 1 || found < first) {
            throw verb.wrongUsage("--at must be from 1 to --depth, found " + first + " and " + found);
        }
        for (Path each : reranker == null ? List.of(model) : List.of(model, reranker)) {
            if (!EncoderModel.is(each)) {
                throw new IllegalArgumentException(each + " is no directory of an encoder, which --retrieval and --reranker need");
            }
        }
        EngineChoice choice = engine.choice(Engine.AUTO);
        RetrievalData data = RetrievalData.read(collection, split == null ? "test" : split);
        ObjectNode object = JsonNodeFactory.instance.objectNode().put("task", "retrieval").put("model", model.toString()).put("data", collection.toString());
        var lines = new StringBuilder();
        // before the corpus is read: a reranker that is none is found out at once
        try (EncoderModel behind = reranker == null ? null : EncoderModel.open(reranker, choice);
                EncoderModel opened = EncoderModel.open(model, adapter, choice, notice -> verb.err().println("[" + notice + "]"));
                var status = ProgressLine.on(verb.err())) {
            CrossEncoder scorer = behind == null ? null : new CrossEncoder(behind.encoder());
            var evaluation = new RetrievalEvaluation(data, found, status);
            object.put("documents", data.documents().size()).put("queries", evaluation.measured().size());
            Map<String, List<String>> ranked = evaluation.found(opened.encoder());
            add(object.putObject("found"), lines, "found", evaluation.metrics(ranked, first));
            if (scorer != null) {
                object.put("reranker", reranker.toString());
                add(object.putObject("reranked"), lines, "reranked", evaluation.metrics(evaluation.reranked(ranked, scorer), first));
            }
            lines.append(String.format(Locale.ROOT, "over %,d queries and %,d documents", evaluation.measured().size(), data.documents().size()));
            int left = data.queries().size() - evaluation.measured().size();
            if (left > 0) {
                lines.append(String.format(Locale.ROOT, "; %,d queries without a relevant document are left out", left));
            }
        }
        verb.out().println(json ? object.toString() : lines.toString());
        return object.toString();
    }

    private static void add(ObjectNode object, StringBuilder lines, String what, Map<String, Estimate> metrics) {
        metrics.forEach((name, value) -> {
            ObjectNode metric = object.putObject(name).put("value", value.value());
            if (!Double.isNaN(value.standardError())) {
                metric.put("standard_error", value.standardError());
            }
        });
        lines.append(String.format(Locale.ROOT, "%-8s  ", what)).append(metrics.entrySet().stream().map(e -> String.format(Locale.ROOT, "%s %.4f%s", e.getKey(), e.getValue().value(),
                Double.isNaN(e.getValue().standardError()) ? "" : String.format(Locale.ROOT, " (standard error %.4f)", e.getValue().standardError()))).collect(Collectors.joining(", ")))
                .append(System.lineSeparator());
    }
}
