package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/**
 * ROUGE (Lin 2004) as Google's rouge_score computes it: ROUGE-1, ROUGE-2, ROUGE-L over the text as one sequence, and ROUGE-Lsum over its
 * lines as sentences, which is another number. Of several references the one with the best F1 counts. Scores are in [0, 1].
 *
 * @param tokens  how text is cut
 * @param stemmer whether English words longer than three letters are stemmed
 */
public record Rouge(Tokens tokens, boolean stemmer) {
    /** English without a stemmer, rouge_score's default. */
    public static final Rouge DEFAULT = new Rouge(Tokens.ENGLISH, false);

    /** How text is cut. The two give different numbers for the same text, so every result names its own. */
    public enum Tokens {
        /** Lower-case runs of a to z and 0 to 9; everything else separates. */
        ENGLISH,
        /** Chinese, Japanese and Korean characters one by one, other letters and digits in runs, lower case. */
        CHINESE
    }

    /** Which score. */
    public enum Kind {
        ROUGE_1("rouge1"), ROUGE_2("rouge2"), ROUGE_L("rougeL"), ROUGE_LSUM("rougeLsum");

        private final String id;

        Kind(String id) {
            this.id = id;
        }

        public String id() {
            return id;
        }
    }

    /** Precision, recall and their harmonic mean. */
    public record Score(double precision, double recall, double f1) {
        static Score of(double hits, double hypothesis, double reference) {
            double p = hits / Math.max(hypothesis, 1);
            double r = hits / Math.max(reference, 1);
            return new Score(p, r, p + r > 0 ? 2 * p * r / (p + r) : 0);
        }
    }

    public Rouge {
        if (stemmer && tokens == Tokens.CHINESE) {
            throw new IllegalArgumentException("the stemmer is English: leave it out in the Chinese mode");
        }
    }

    /** Settings, to be printed with the score. */
    public String signature() {
        return "tok:" + tokens.name().toLowerCase(Locale.ROOT) + "|stem:" + (stemmer ? "porter" : "no") + "|version:" + CorpusMetric.VERSION;
    }

    /** One segment's score. */
    public Score score(Kind kind, Segment segment) {
        Score best = null;
        for (String reference : segment.references()) {
            Score score = score(kind, segment.hypothesis(), reference);
            best = best == null || score.f1 > best.f1 ? score : best;
        }
        return best;
    }

    private Score score(Kind kind, String hypothesis, String reference) {
        return switch (kind) {
            case ROUGE_1 -> ngrams(tokens(hypothesis), tokens(reference), 1);
            case ROUGE_2 -> ngrams(tokens(hypothesis), tokens(reference), 2);
            case ROUGE_L -> {
                List<String> h = tokens(hypothesis);
                List<String> r = tokens(reference);
                yield h.isEmpty() || r.isEmpty() ? new Score(0, 0, 0) : Score.of(common(r, h).size(), h.size(), r.size());
            }
            case ROUGE_LSUM -> summary(sentences(hypothesis), sentences(reference));
        };
    }

    /** Mean F1 over the segments, its standard error analytic. */
    public Estimate evaluate(Kind kind, List<Segment> segments) {
        return Estimate.mean(segments.stream().mapToDouble(segment -> score(kind, segment).f1).toArray(), 1);
    }

    List<String> tokens(String text) {
        List<String> all = new ArrayList<>();
        var run = new StringBuilder();
        text.toLowerCase(Locale.ROOT).codePoints().forEach(c -> {
            boolean single = tokens == Tokens.CHINESE && Character.isIdeographic(c) || tokens == Tokens.CHINESE && isKanaOrHangul(c);
            boolean part = tokens == Tokens.ENGLISH ? c >= 'a' && c <= 'z' || c >= '0' && c <= '9' : Character.isLetterOrDigit(c);
            if (single || !part) {
                take(run, all);
            }
            if (single) {
                all.add(Character.toString(c));
            } else if (part) {
                run.appendCodePoint(c);
            }
        });
        take(run, all);
        return all;
    }

    private static boolean isKanaOrHangul(int c) {
        var script = Character.UnicodeScript.of(c);
        return script == Character.UnicodeScript.HIRAGANA || script == Character.UnicodeScript.KATAKANA || script == Character.UnicodeScript.HANGUL;
    }

    private void take(StringBuilder run, List<String> all) {
        if (!run.isEmpty()) {
            String word = run.toString();
            all.add(stemmer && word.length() > 3 ? PorterStemmer.stem(word) : word);
            run.setLength(0);
        }
    }

    private List<List<String>> sentences(String text) {
        List<List<String>> sentences = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            if (!line.isEmpty()) {
                sentences.add(tokens(line));
            }
        }
        return sentences;
    }

    private static Score ngrams(List<String> hypothesis, List<String> reference, int n) {
        Map<List<String>, Integer> wanted = counts(reference, n);
        double hits = 0;
        for (var entry : counts(hypothesis, n).entrySet()) {
            hits += Math.min(entry.getValue(), wanted.getOrDefault(entry.getKey(), 0));
        }
        return Score.of(hits, Math.max(0, hypothesis.size() - n + 1), Math.max(0, reference.size() - n + 1));
    }

    private static Map<List<String>, Integer> counts(List<String> tokens, int n) {
        Map<List<String>, Integer> counts = new HashMap<>();
        for (int i = 0; i + n <= tokens.size(); i++) {
            counts.merge(List.copyOf(tokens.subList(i, i + n)), 1, Integer::sum);
        }
        return counts;
    }

    /** Places in {@code reference} of a longest common subsequence; of several the one that rouge_score's way back finds. */
    private static List<Integer> common(List<String> reference, List<String> hypothesis) {
        int[][] length = new int[reference.size() + 1][hypothesis.size() + 1];
        for (int i = 1; i <= reference.size(); i++) {
            for (int j = 1; j <= hypothesis.size(); j++) {
                length[i][j] = reference.get(i - 1).equals(hypothesis.get(j - 1)) ? length[i - 1][j - 1] + 1
                        : Math.max(length[i - 1][j], length[i][j - 1]);
            }
        }
        List<Integer> places = new ArrayList<>();
        int i = reference.size();
        int j = hypothesis.size();
        while (i > 0 && j > 0) {
            if (reference.get(i - 1).equals(hypothesis.get(j - 1))) {
                places.add(--i);
                j--;
            } else if (length[i][j - 1] > length[i - 1][j]) {
                j--;
            } else {
                i--;
            }
        }
        return places;
    }

    /** Union LCS: of each sentence of the reference the words in a common subsequence with any sentence of the hypothesis, each counted once. */
    private static Score summary(List<List<String>> hypothesis, List<List<String>> reference) {
        int h = hypothesis.stream().mapToInt(List::size).sum();
        int r = reference.stream().mapToInt(List::size).sum();
        if (h == 0 || r == 0) {
            return new Score(0, 0, 0);
        }
        Map<String, Integer> left = new HashMap<>();
        hypothesis.forEach(sentence -> sentence.forEach(word -> left.merge(word, 1, Integer::sum)));
        Map<String, Integer> wanted = new HashMap<>();
        reference.forEach(sentence -> sentence.forEach(word -> wanted.merge(word, 1, Integer::sum)));
        double hits = 0;
        for (List<String> sentence : reference) {
            var union = new TreeSet<Integer>();
            hypothesis.forEach(other -> union.addAll(common(sentence, other)));
            for (int place : union) {
                String word = sentence.get(place);
                if (left.getOrDefault(word, 0) > 0 && wanted.getOrDefault(word, 0) > 0) {
                    hits++;
                    left.merge(word, -1, Integer::sum);
                    wanted.merge(word, -1, Integer::sum);
                }
            }
        }
        return Score.of(hits, h, r);
    }
}
