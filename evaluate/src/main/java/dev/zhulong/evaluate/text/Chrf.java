package dev.zhulong.evaluate.text;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * chrF (Popović 2015) and, with word n-grams, chrF++ (Popović 2017), as sacreBLEU 2.6.0 computes them. Of several references the one a
 * hypothesis agrees with best counts. Statistics of a segment: for each order n-grams of the hypothesis, of the reference, and shared.
 *
 * @param charOrder  longest character n-gram
 * @param wordOrder  longest word n-gram; 0: chrF, 2: chrF++
 * @param beta       how many times recall weighs as much as precision
 * @param lowercase  whether case is ignored
 * @param whitespace whether white space belongs to the characters
 * @param epsSmoothing whether the F-scores of all orders are averaged with a small number for those without n-grams (chrF++.py, NLTK,
 *                   Moses), instead of precision and recall over the orders both sides have
 */
public record Chrf(int charOrder, int wordOrder, int beta, boolean lowercase, boolean whitespace, boolean epsSmoothing)
        implements CorpusMetric {
    /** chrF2. */
    public static final Chrf DEFAULT = new Chrf(6, 0, 2, false, false, false);

    /** chrF2++. */
    public static final Chrf PLUS_PLUS = new Chrf(6, 2, 2, false, false, false);

    private static final double EPS = 1e-16;
    private static final String PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

    public Chrf {
        if (charOrder < 1 || wordOrder < 0 || beta < 1) {
            throw new IllegalArgumentException("chrF needs a character order of at least 1, a word order of at least 0 and a beta of at least"
                    + " 1, found " + charOrder + ", " + wordOrder + ", " + beta);
        }
    }

    public Chrf withLowercase(boolean other) {
        return new Chrf(charOrder, wordOrder, beta, other, whitespace, epsSmoothing);
    }

    @Override
    public String name() {
        return "chrF" + beta + "+".repeat(wordOrder);
    }

    @Override
    public String settings() {
        return "case:" + (lowercase ? "lc" : "mixed") + "|eff:" + (epsSmoothing ? "no" : "yes") + "|nc:" + charOrder + "|nw:" + wordOrder
                + "|space:" + (whitespace ? "yes" : "no");
    }

    @Override
    public SegmentStatistics statistics(List<Segment> segments) {
        var statistics = new SegmentStatistics(segments.size(), 3 * (charOrder + wordOrder));
        var ngrams = new NgramCounts();
        for (int s = 0; s < segments.size(); s++) {
            statistics.set(s, best(segments.get(s), ngrams));
        }
        return statistics;
    }

    private double[] best(Segment segment, NgramCounts ngrams) {
        var vocabulary = new HashMap<String, Integer>();
        Sides hypothesis = sides(segment.hypothesis(), vocabulary);
        double[] best = null;
        double bestScore = -1;
        for (String text : segment.references()) {
            Sides reference = sides(text, vocabulary);
            double[] row = new double[3 * (charOrder + wordOrder)];
            count(hypothesis.characters, reference.characters, charOrder, row, 0, ngrams);
            count(hypothesis.words, reference.words, wordOrder, row, 3 * charOrder, ngrams);
            double score = score(row);
            if (score > bestScore) {
                best = row;
                bestScore = score;
            }
        }
        return best;
    }

    private static void count(int[] hypothesis, int[] reference, int order, double[] row, int at, NgramCounts ngrams) {
        ngrams.clear();
        ngrams.reference(reference, reference.length, order);
        int[] matches = ngrams.matches(hypothesis, hypothesis.length, order);
        for (int n = 0; n < order; n++) {
            int references = NgramCounts.total(reference.length, n + 1);
            row[at + 3 * n] = references == 0 ? 0 : NgramCounts.total(hypothesis.length, n + 1);
            row[at + 3 * n + 1] = references;
            row[at + 3 * n + 2] = matches[n];
        }
    }

    /** A text as characters and as words. */
    private record Sides(int[] characters, int[] words) {}

    private Sides sides(String text, Map<String, Integer> vocabulary) {
        String cased = lowercase ? text.toLowerCase(Locale.ROOT) : text;
        int[] characters = cased.codePoints().filter(c -> whitespace || !Whitespace.is(c)).toArray();
        int[] words = {};
        if (wordOrder > 0) {
            words = words(cased).stream().mapToInt(w -> vocabulary.computeIfAbsent(w, unseen -> vocabulary.size())).toArray();
        }
        return new Sides(characters, words);
    }

    /** Words with one ASCII punctuation mark split off, from the end rather than from the beginning. */
    private static List<String> words(String text) {
        var words = new ArrayList<String>();
        for (String word : Whitespace.split(text)) {
            int last = word.length() - 1;
            if (last == 0) {
                words.add(word);
            } else if (PUNCTUATION.indexOf(word.charAt(last)) >= 0) {
                words.add(word.substring(0, last));
                words.add(word.substring(last));
            } else if (PUNCTUATION.indexOf(word.charAt(0)) >= 0) {
                words.add(word.substring(0, 1));
                words.add(word.substring(1));
            } else {
                words.add(word);
            }
        }
        return words;
    }

    @Override
    public double score(double[] sums) {
        int orders = charOrder + wordOrder;
        double factor = (double) beta * beta;
        double smoothed = 0;
        double precisions = 0;
        double recalls = 0;
        int effective = 0;
        for (int n = 0; n < orders; n++) {
            double hypothesis = sums[3 * n];
            double reference = sums[3 * n + 1];
            double precision = hypothesis > 0 ? sums[3 * n + 2] / hypothesis : EPS;
            double recall = reference > 0 ? sums[3 * n + 2] / reference : EPS;
            double denominator = factor * precision + recall;
            smoothed += denominator > 0 ? (1 + factor) * precision * recall / denominator : EPS;
            if (hypothesis > 0 && reference > 0) {
                precisions += precision;
                recalls += recall;
                effective++;
            }
        }
        if (epsSmoothing) {
            return 100 * smoothed / orders;
        }
        if (precisions + recalls == 0) {
            return 0;
        }
        double precision = precisions / effective;
        double recall = recalls / effective;
        return 100 * (1 + factor) * precision * recall / (factor * precision + recall);
    }

    @Override
    public String verbose(double[] sums) {
        return "";
    }

    @Override
    public void describe(double[] sums, ObjectNode json) {
        json.put("char_order", charOrder);
        json.put("word_order", wordOrder);
        json.put("beta", beta);
    }
}
