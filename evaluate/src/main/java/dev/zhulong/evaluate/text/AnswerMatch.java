package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Exact match and F1 of short answers, the best over all references: in SQuAD's manner (its evaluation script of version 2: case, punctuation
 * and English articles ignored, words) or CMRC 2018's ({@code cmrc2018_evaluate.py}: its list of punctuation ignored, Chinese characters one by one
 * and NLTK's words of the rest, longest common run).
 */
public enum AnswerMatch {
    SQUAD {
        @Override
        String normal(String text) {
            String bare = text.toLowerCase(Locale.ROOT).codePoints().filter(c -> ASCII_PUNCTUATION.indexOf(c) < 0)
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            return String.join(" ", Whitespace.split(ARTICLE.matcher(bare).replaceAll(" ")));
        }

        /** As the script has it, references of which nothing is left do not count, and where none does, nothing is the right answer. */
        @Override
        List<String> references(Segment segment) {
            List<String> some = segment.references().stream().filter(reference -> !normal(reference).isEmpty()).toList();
            return some.isEmpty() ? List.of("") : some;
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
            return Whitespace.strip(text.toLowerCase(Locale.ROOT)).codePoints().filter(c -> CMRC_PUNCTUATION.indexOf(c) < 0)
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        }

        @Override
        double one(String answer, String reference) {
            List<String> a = mixed(normal(answer));
            List<String> r = mixed(normal(reference));
            return harmonic(run(a, r), a.size(), r.size());
        }
    };

    private static final String ASCII_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    /** What CMRC 2018's script takes out; the …… of its list is two characters and never equals one. */
    private static final String CMRC_PUNCTUATION = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』";
    private static final Pattern ARTICLE = Pattern.compile("(?<!" + TreebankWords.WORD + ")(a|an|the)(?!" + TreebankWords.WORD + ")");

    /** Share of answers that say exactly a reference, and mean F1; both in [0, 1]. */
    public record Result(Estimate exactMatch, Estimate f1) {}

    abstract String normal(String text);

    abstract double one(String answer, String reference);

    /** The references that count. */
    List<String> references(Segment segment) {
        return segment.references();
    }

    /** 1 where the answer is one of the references but for what is ignored, else 0. */
    public double exactMatch(Segment segment) {
        String answer = normal(segment.hypothesis());
        return references(segment).stream().anyMatch(reference -> normal(reference).equals(answer)) ? 1 : 0;
    }

    /** Overlap with the nearest reference. */
    public double f1(Segment segment) {
        return references(segment).stream().mapToDouble(reference -> one(segment.hypothesis(), reference)).max().orElse(0);
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

    /** Chinese characters one by one, the rest in words. */
    private static List<String> mixed(String text) {
        List<String> all = new ArrayList<>();
        var rest = new StringBuilder();
        text.codePoints().forEach(c -> {
            if (c >= 0x4e00 && c <= 0x9fa5) {
                all.addAll(TreebankWords.of(rest));
                rest.setLength(0);
                all.add(Character.toString(c));
            } else {
                rest.appendCodePoint(c);
            }
        });
        all.addAll(TreebankWords.of(rest));
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
