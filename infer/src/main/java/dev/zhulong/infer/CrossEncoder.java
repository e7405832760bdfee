package dev.zhulong.infer;

import dev.zhulong.formats.embedding.ScoreConfig;
import dev.zhulong.infer.Encoder.Input;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Scores how relevant documents are to a query: each pair is read as one input by a network with one output.
 *
 * <pre>{@code
 * try (var encoder = SentenceEncoder.open(Path.of("ms-marco-MiniLM-L6-v2"), TorchEncoder::load)) {
 *     double[] scores = new CrossEncoder(encoder).scores("Where is my card?", documents);
 *     List<Integer> best = CrossEncoder.ranked(scores);
 * }
 * }</pre>
 *
 * <p>A pair that is too long loses tokens off the end of the longer text first ({@code longest_first}), as sentence-transformers cuts it: mostly the document's,
 * while a long query cannot leave the document without any, as it could where only documents are cut.
 */
public final class CrossEncoder {
    /** Pairs that are in memory with all their states. */
    private static final int TOGETHER = 64;

    private final SentenceEncoder encoder;
    private final ScoreConfig config;

    /**
     * Over an encoder that stays the caller's.
     *
     * @throws IllegalArgumentException where its network has not one output for a pair
     */
    public CrossEncoder(SentenceEncoder encoder) {
        this.encoder = encoder;
        config = encoder.score().orElseThrow(() -> new IllegalArgumentException("a cross-encoder is a classifier with one output, and this model is none"
                + (encoder.network().spec().outputs() > 1 && !encoder.network().spec().head().labels().isEmpty() ? ": its head has " + encoder.network().spec().outputs() + " labels"
                : "") + "; take one that was trained for reranking, such as cross-encoder/ms-marco-MiniLM-L6-v2"));
    }

    /** How a logit becomes a score. */
    public ScoreConfig config() {
        return config;
    }

    /**
     * The score of what the network says of a pair; NaN where its logit is.
     *
     * @param logits its one logit
     */
    public double score(float[] logits) {
        return config.activation().of(logits[0]);
    }

    /**
     * The score of each document, in order.
     *
     * @throws ArithmeticException where one is not finite, so that nothing can be ranked by it
     */
    public double[] scores(String query, List<String> documents) {
        double[] scores = new double[documents.size()];
        for (int from = 0; from < scores.length; from += TOGETHER) {
            List<Input> pairs = new ArrayList<>();
            for (String document : documents.subList(from, Math.min(scores.length, from + TOGETHER))) {
                pairs.add(encoder.input(encoder.tokenizer().encode(query, document, encoder.mostTokens())));
            }
            List<Encoder.Output> outputs = encoder.network().encode(pairs);
            for (int i = 0; i < pairs.size(); i++) {
                scores[from + i] = score(outputs.get(i).logits());
                requireFinite(scores[from + i], from + i);
            }
        }
        return scores;
    }

    /** @throws ArithmeticException where the score of a document, which are counted from 0, is no number to rank by */
    public static void requireFinite(double score, int document) {
        if (!Double.isFinite(score)) {
            throw new ArithmeticException("the model's score of document " + document + " is " + score + ": its weights are broken or overflow");
        }
    }

    /** Indexes of scores, the highest first; equal ones stay in order. */
    public static List<Integer> ranked(double[] scores) {
        return IntStream.range(0, scores.length).boxed().sorted(Comparator.comparingDouble((Integer i) -> scores[i]).reversed()).toList();
    }
}
