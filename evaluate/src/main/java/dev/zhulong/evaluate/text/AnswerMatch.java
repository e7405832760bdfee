package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Exact match and F1 of short answers, the best over all references: in SQuAD's manner (its evaluation script of version 2: case, punctuation
 * and English articles ignored, words) or CMRC 2018's (punctuation ignored, Chinese characters and other words, longest common run).
 */
public enum AnswerMatch {
    SQUAD {
        @Override
        String normal(String text) {
            String bare = text.toLowerCase(Locale.ROOT).codePoints().filter(c -> ASCII_PUNCTUATION.indexOf(c) < 0)
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            return String.join(" ", Whitespace.split(bare.replaceAll("(?U)\\b(a|an|the)\\b", " ")));
        }

        @Override
        double one(String answer, String reference) {
            List<String> a = Whitespace.split(normal(answer));
            List<String> r = Whitespace.split(normal(reference));
            if (a.isEmpty() || r.isEmpty()) {
                return a.equals(r) ? 1 : 0;
            }
            Map<String, Integer> wanted = new HashMap<>();
            r.forEach(word -> wanted.merge(word, 1, Integer::sum));
            int same = 0;
            for (String word : a) {
                if (wanted.merge(word, -1, Integer::sum) >= 0) {
                    same++;
                }
            }
            return harmonic(same, a.size(), r.size());
        }
    },
    CMRC {
        @Override
        String normal(String text) {
            return text.toLowerCase(Locale.ROOT).strip().codePoints().filter(c -> !punctuation(c))
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        }

        @Override
        double one(String answer, String reference) {
            List<String> a = mixed(answer);
            List<String> r = mixed(reference);
            if (a.isEmpty() && r.isEmpty()) {
                return 1;
            }
            return harmonic(run(a, r), a.size(), r.size());
        }
    };

    private static final String ASCII_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    /** What CMRC 2018's script takes out. */
    private static final String CMRC_PUNCTUATION = "-:_*^/\\~`+=，。：？！“”；’《》……·、「」（）－～『』";

    /** Share of answers that say exactly a reference, and mean F1; both in [0, 1]. */
    public record Result(Estimate exactMatch, Estimate f1) {}

    abstract String normal(String text);

    abstract double one(String answer, String reference);

    /** 1 where the answer is one of the references but for what is ignored, else 0. */
    public double exactMatch(Segment segment) {
        String answer = normal(segment.hypothesis());
        return segment.references().stream().anyMatch(reference -> normal(reference).equals(answer)) ? 1 : 0;
    }

    /** Overlap with the nearest reference. */
    public double f1(Segment segment) {
        return segment.references().stream().mapToDouble(reference -> one(segment.hypothesis(), reference)).max().orElse(0);
    }

    public Result evaluate(List<Segment> segments) {
        return new Result(Estimate.mean(segments.stream().mapToDouble(this::exactMatch).toArray(), 1),
                Estimate.mean(segments.stream().mapToDouble(this::f1).toArray(), 1));
    }

    private static double harmonic(double same, int answer, int reference) {
        if (same == 0) {
            return 0;
        }
        double p = same / answer;
        double r = same / reference;
        return 2 * p * r / (p + r);
    }

    private static boolean punctuation(int c) {
        return CMRC_PUNCTUATION.indexOf(c) >= 0;
    }

    /** Chinese characters one by one, the rest in words. */
    private static List<String> mixed(String text) {
        List<String> all = new ArrayList<>();
        var run = new StringBuilder();
        for (int c : text.toLowerCase(Locale.ROOT).strip().codePoints().toArray()) {
            boolean chinese = c >= 0x4e00 && c <= 0x9fa5;
            if (chinese || punctuation(c)) {
                all.addAll(Whitespace.split(run));
                run.setLength(0);
                if (chinese) {
                    all.add(Character.toString(c));
                }
            } else {
                run.appendCodePoint(c);
            }
        }
        all.addAll(Whitespace.split(run));
        return all;
    }

    /** Length of the longest run of tokens in both. */
    private static int run(List<String> a, List<String> b) {
        int[] above = new int[b.size() + 1];
        int longest = 0;
        for (String word : a) {
            int[] row = new int[b.size() + 1];
            for (int j = 1; j <= b.size(); j++) {
                row[j] = word.equals(b.get(j - 1)) ? above[j - 1] + 1 : 0;
                longest = Math.max(longest, row[j]);
            }
            above = row;
        }
        return longest;
    }

    /** Names as users write them. */
    public static AnswerMatch of(String name) {
        for (AnswerMatch match : values()) {
            if (match.name().equalsIgnoreCase(name)) {
                return match;
            }
        }
        throw new IllegalArgumentException("unknown manner '" + name + "'; there are " + Arrays.stream(values())
                .map(match -> match.name().toLowerCase(Locale.ROOT)).collect(Collectors.joining(", ")));
    }
}
