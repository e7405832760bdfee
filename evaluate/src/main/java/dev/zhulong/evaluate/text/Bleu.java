package dev.zhulong.evaluate.text;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/**
 * BLEU (Papineni et al. 2002) up to 4-grams, as sacreBLEU 2.6.0 computes it, smoothing included (Chen and Cherry 2014). Statistics of a
 * segment: hypothesis length, closest reference length, matches of order 1 to 4, n-grams of order 1 to 4.
 *
 * @param tokenizer      of both sides
 * @param lowercase      whether case is ignored
 * @param smoothing      of orders without a match
 * @param smoothingValue of {@link Smoothing#FLOOR} and {@link Smoothing#ADD_K}; the others ignore it
 * @param effectiveOrder whether orders longer than the hypothesis are left out, as single sentences need
 */
public record Bleu(BleuTokenizer tokenizer, boolean lowercase, Smoothing smoothing, double smoothingValue, boolean effectiveOrder)
        implements CorpusMetric {
    /** sacreBLEU's default: 13a, case kept, exponential smoothing. */
    public static final Bleu DEFAULT = new Bleu(BleuTokenizer.V13A, false, Smoothing.EXP, Smoothing.EXP.standard, false);

    private static final int ORDER = 4;
    // sacreBLEU's logarithm of zero
    private static final double LOG_ZERO = -9999999999.0;

    /** What an order without a match counts as. */
    public enum Smoothing {
        /** Nothing: the score is 0. */
        NONE("none", 0),
        /** That many matches (default 0.1). */
        FLOOR("floor", 0.1),
        /** That much is added to matches and n-grams of all orders above 1 (default 1). */
        ADD_K("add-k", 1),
        /** NIST's: half a match for the first such order, a quarter for the second, and so on. */
        EXP("exp", 0);

        private final String id;
        private final double standard;

        Smoothing(String id, double standard) {
            this.id = id;
            this.standard = standard;
        }

        public String id() {
            return id;
        }

        public static Smoothing of(String id) {
            return Stream.of(values()).filter(s -> s.id.equals(id.toLowerCase(Locale.ROOT))).findAny()
                    .orElseThrow(() -> new IllegalArgumentException("unknown smoothing '" + id + "'; BLEU has "
                            + Stream.of(values()).map(Smoothing::id).collect(Collectors.joining(", "))));
        }
    }

    /**
     * The parts of a BLEU score.
     *
     * @param score          0 to 100
     * @param precisions     of order 1 to 4, in per cent, smoothed
     * @param brevityPenalty 1 unless the hypotheses are shorter than the references
     * @param length         tokens of the hypotheses
     * @param reference      tokens of the closest references
     */
    public record Parts(double score, double[] precisions, double brevityPenalty, long length, long reference) {}

    public Bleu withTokenizer(BleuTokenizer other) {
        return new Bleu(other, lowercase, smoothing, smoothingValue, effectiveOrder);
    }

    public Bleu withLowercase(boolean other) {
        return new Bleu(tokenizer, other, smoothing, smoothingValue, effectiveOrder);
    }

    /** With that method at its default value. */
    public Bleu withSmoothing(Smoothing other) {
        return withSmoothing(other, other.standard);
    }

    public Bleu withSmoothing(Smoothing other, double value) {
        return new Bleu(tokenizer, lowercase, other, value, effectiveOrder);
    }

    public Bleu withEffectiveOrder(boolean other) {
        return new Bleu(tokenizer, lowercase, smoothing, smoothingValue, other);
    }

    @Override
    public String name() {
        return "BLEU";
    }

    @Override
    public CorpusMetric forSentences() {
        return withEffectiveOrder(true);
    }

    @Override
    public String settings() {
        boolean valued = smoothing == Smoothing.FLOOR || smoothing == Smoothing.ADD_K;
        String value = valued ? String.format(Locale.ROOT, "[%.2f]", smoothingValue) : "";
        return "case:" + (lowercase ? "lc" : "mixed") + "|eff:" + (effectiveOrder ? "yes" : "no") + "|tok:" + tokenizer.id() + "|smooth:"
                + smoothing.id + value;
    }

    @Override
    public SegmentStatistics statistics(List<Segment> segments) {
        var statistics = new SegmentStatistics(segments.size(), 2 + 2 * ORDER);
        var vocabulary = new HashMap<String, Integer>();
        var ngrams = new NgramCounts();
        double[] row = new double[statistics.columns()];
        for (int s = 0; s < segments.size(); s++) {
            int[] hypothesis = tokens(segments.get(s).hypothesis(), vocabulary);
            ngrams.clear();
            int closest = -1;
            for (String reference : segments.get(s).references()) {
                int[] tokens = tokens(reference, vocabulary);
                ngrams.reference(tokens, tokens.length, ORDER);
                closest = closest < 0 ? tokens.length : closer(hypothesis.length, closest, tokens.length);
            }
            int[] matches = ngrams.matches(hypothesis, hypothesis.length, ORDER);
            row[0] = hypothesis.length;
            row[1] = closest;
            for (int n = 0; n < ORDER; n++) {
                row[2 + n] = matches[n];
                row[2 + ORDER + n] = NgramCounts.total(hypothesis.length, n + 1);
            }
            statistics.set(s, row);
        }
        return statistics;
    }

    private int[] tokens(String text, Map<String, Integer> vocabulary) {
        String cased = lowercase ? text.toLowerCase(Locale.ROOT) : text;
        List<String> words = tokenizer.tokens(Whitespace.stripTrailing(cased));
        int[] tokens = new int[words.size()];
        for (int i = 0; i < tokens.length; i++) {
            Integer id = vocabulary.putIfAbsent(words.get(i), vocabulary.size());
            tokens[i] = id == null ? vocabulary.size() - 1 : id;
        }
        return tokens;
    }

    /** Of two reference lengths the one nearer to the hypothesis's; the shorter if both are as near. */
    private static int closer(int length, int a, int b) {
        int difference = Math.abs(length - b) - Math.abs(length - a);
        return difference < 0 || difference == 0 && b < a ? b : a;
    }

    @Override
    public double score(double[] sums) {
        return parts(sums).score;
    }

    /** The score of summed statistics, taken apart. */
    public Parts parts(double[] sums) {
        double length = sums[0];
        double reference = sums[1];
        double penalty = length >= reference ? 1 : length > 0 ? Math.exp(1 - reference / length) : 0;
        double[] precisions = new double[ORDER];
        if (DoubleStream.of(sums).skip(2).limit(ORDER).allMatch(m -> m == 0)) {
            return new Parts(0, precisions, penalty, (long) length, (long) reference);
        }
        double halving = 1;
        int order = ORDER;
        for (int n = 0; n < ORDER; n++) {
            double added = smoothing == Smoothing.ADD_K && n > 0 ? smoothingValue : 0;
            double matches = sums[2 + n] + added;
            double total = sums[2 + ORDER + n] + added;
            if (total == 0) {
                break;
            }
            if (effectiveOrder) {
                order = n + 1;
            }
            if (matches > 0) {
                precisions[n] = 100 * matches / total;
            } else if (smoothing == Smoothing.EXP) {
                halving *= 2;
                precisions[n] = 100 / (halving * total);
            } else if (smoothing == Smoothing.FLOOR) {
                precisions[n] = 100 * smoothingValue / total;
            }
        }
        double logarithms = 0;
        for (int n = 0; n < order; n++) {
            logarithms += precisions[n] == 0 ? LOG_ZERO : Math.log(precisions[n]);
        }
        return new Parts(penalty * Math.exp(logarithms / order), precisions, penalty, (long) length, (long) reference);
    }

    @Override
    public String verbose(double[] sums) {
        Parts parts = parts(sums);
        String precisions = DoubleStream.of(parts.precisions).mapToObj(p -> String.format(Locale.ROOT, "%.1f", p))
                .collect(Collectors.joining("/"));
        double ratio = parts.reference == 0 ? 0 : (double) parts.length / parts.reference;
        return String.format(Locale.ROOT, "%s (BP = %.3f ratio = %.3f hyp_len = %d ref_len = %d)", precisions, parts.brevityPenalty, ratio,
                parts.length, parts.reference);
    }

    @Override
    public void describe(double[] sums, ObjectNode json) {
        Parts parts = parts(sums);
        var precisions = json.putArray("precisions");
        DoubleStream.of(parts.precisions).forEach(precisions::add);
        json.put("brevity_penalty", parts.brevityPenalty);
        json.put("hypothesis_length", parts.length);
        json.put("reference_length", parts.reference);
    }
}
