package dev.zhulong.evaluate.retrieval;

import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.CrossEncoder;
import dev.zhulong.infer.SentenceEncoder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Finds documents by their vectors, compared one by one, and may have the best of them put in order by a cross-encoder. A document with the id of the query is
 * never found by it, as in BEIR. Equal scores keep the order of the corpus.
 */
public final class RetrievalEvaluation {
    private static final int TOGETHER = 64;
    private static final List<String> QUERY_PROMPTS = List.of("query");
    private static final List<String> DOCUMENT_PROMPTS = List.of("document", "passage", "corpus");

    private final RetrievalData data;
    private final int depth;
    private final Progress progress;
    private final List<String> documentIds;
    private final List<String> documentTexts;

    /** @param depth documents that are found for a query, the most that are reranked */
    public RetrievalEvaluation(RetrievalData data, int depth, Progress progress) {
        this.data = data;
        this.depth = depth;
        this.progress = progress;
        documentIds = List.copyOf(data.documents().keySet());
        documentTexts = List.copyOf(data.documents().values());
    }

    /** For each query the ids of the documents nearest to it, the nearest first, by the similarity that the encoder's directory states. */
    public Map<String, List<String>> found(SentenceEncoder encoder) {
        List<float[]> documents = vectors(encoder, documentTexts, documentPrompt(encoder.config()), "documents");
        List<String> ids = List.copyOf(data.queries().keySet());
        List<float[]> queries = vectors(encoder, List.copyOf(data.queries().values()), queryPrompt(encoder.config()), "queries");
        String similarity = encoder.config().similarity();
        List<List<String>> ranked = IntStream.range(0, ids.size()).parallel().mapToObj(q -> nearest(ids.get(q), queries.get(q), documents, similarity)).toList();
        Map<String, List<String>> found = new LinkedHashMap<>();
        IntStream.range(0, ids.size()).forEach(q -> found.put(ids.get(q), ranked.get(q)));
        return found;
    }

    private List<String> nearest(String query, float[] vector, List<float[]> documents, String similarity) {
        double[] scores = documents.stream().mapToDouble(document -> similarity(similarity, vector, document)).toArray();
        return IntStream.range(0, scores.length).boxed().filter(i -> !documentIds.get(i).equals(query)).sorted(Comparator.comparingDouble((Integer i) -> scores[i]).reversed())
                .limit(depth).map(documentIds::get).toList();
    }

    /** The more, the nearer: {@code cosine}, {@code dot}, or the negative distance of {@code euclidean} and {@code manhattan}. */
    static double similarity(String name, float[] a, float[] b) {
        return switch (name) {
            case "dot" -> dot(a, b);
            case "cosine" -> dot(a, b) / Math.max(1e-12, Math.sqrt(dot(a, a) * dot(b, b)));
            case "euclidean" -> -Math.sqrt(distance(a, b, difference -> difference * difference));
            case "manhattan" -> -distance(a, b, Math::abs);
            default -> throw new IllegalArgumentException("no similarity is called '" + name + "'");
        };
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    private static double distance(float[] a, float[] b, DoubleUnaryOperator each) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += each.applyAsDouble((double) a[i] - b[i]);
        }
        return sum;
    }

    private List<float[]> vectors(SentenceEncoder encoder, List<String> texts, Optional<String> prompt, String unit) {
        List<float[]> vectors = new ArrayList<>(texts.size());
        for (int from = 0; from < texts.size(); from += TOGETHER) {
            vectors.addAll(encoder.vectors(texts.subList(from, Math.min(texts.size(), from + TOGETHER)), prompt));
            progress.at("vectors", vectors.size(), texts.size(), unit);
        }
        return vectors;
    }

    /** Name of the prompt that queries get, as sentence-transformers' encode_query chooses; empty for the default one. */
    public static Optional<String> queryPrompt(EmbeddingConfig config) {
        return prompt(config, QUERY_PROMPTS);
    }

    /** Name of the prompt that documents get, as sentence-transformers' encode_document chooses; empty for the default one. */
    public static Optional<String> documentPrompt(EmbeddingConfig config) {
        return prompt(config, DOCUMENT_PROMPTS);
    }

    private static Optional<String> prompt(EmbeddingConfig config, List<String> names) {
        return names.stream().filter(config.prompts()::containsKey).findFirst();
    }

    /** The same documents in the order of a cross-encoder's scores. */
    public Map<String, List<String>> reranked(Map<String, List<String>> found, CrossEncoder scorer) {
        Map<String, List<String>> reranked = new LinkedHashMap<>();
        found.forEach((query, ids) -> {
            double[] scores = scorer.scores(data.queries().get(query), ids.stream().map(data.documents()::get).toList());
            reranked.put(query, CrossEncoder.ranked(scores).stream().map(ids::get).toList());
            progress.at("reranking", reranked.size(), found.size(), "queries");
        });
        return reranked;
    }

    /** Queries that a ranking is measured on: those with a relevant document. */
    public List<String> measured() {
        return data.queries().keySet().stream().filter(query -> data.judged().get(query).values().stream().anyMatch(grade -> grade > 0)).toList();
    }

    /**
     * Means over the {@linkplain #measured() measured} queries, with standard errors: {@code ndcg@k}, {@code mrr@k}, {@code recall@k}, and the recall of all
     * that was found.
     *
     * @param ranked ids of documents for each query
     */
    public Map<String, Estimate> metrics(Map<String, List<String>> ranked, int k) {
        List<String> queries = measured();
        Map<String, Estimate> metrics = new LinkedHashMap<>();
        metrics.put("ndcg@" + k, mean(queries, query -> RankingMetrics.ndcg(ranked.get(query), data.judged().get(query), k)));
        metrics.put("mrr@" + k, mean(queries, query -> RankingMetrics.reciprocalRank(ranked.get(query), data.judged().get(query), k)));
        metrics.put("recall@" + k, mean(queries, query -> RankingMetrics.recall(ranked.get(query), data.judged().get(query), k)));
        if (depth != k) {
            metrics.put("recall@" + depth, mean(queries, query -> RankingMetrics.recall(ranked.get(query), data.judged().get(query), depth)));
        }
        return metrics;
    }

    private static Estimate mean(List<String> queries, ToDoubleFunction<String> each) {
        return Estimate.mean(queries.stream().mapToDouble(each).toArray(), 1);
    }
}
