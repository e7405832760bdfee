package dev.zhulong.data.clean;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Names the language of a prose text: the script by counting letters, then, within a script, function words (Latin), telling letters
 * (Cyrillic, Arabic, kana) or character variants (Han).
 *
 * <p>Codes are BCP 47: {@code en de fr es it pt nl zh-Hans zh-Hant zh ja ko ru uk ar fa el he th hi}, {@code und-Latn} and such for a
 * script whose language is not known, {@code und} for a text without letters. The list is short on purpose; a language outside it is
 * reported as unknown and not as its nearest relative. Needs about ten words of a Latin-script language. The first 16,384 characters
 * decide.
 */
final class LanguageIdentifier {

    private static final int SAMPLE = 16_384;
    /** A Chinese character says about as much as this many Latin letters; text mixed with English terms is still Chinese. */
    private static final int HAN_WEIGHT = 3;
    private static final double KANA_SHARE = 0.1;
    private static final double MIN_STOP_WORDS = 0.10;
    private static final double LEAD = 1.2;
    private static final double MAX_FOREIGN_LETTERS = 0.01;
    private static final int MIN_WORDS = 5;
    /** Letters that none of the Latin-script languages here uses in its own words. */
    private static final String FOREIGN_LATIN = "åøðþłąężźćńśčřšžů"
            + "ěđőűă\u0219\u021Bşţğıāēīūėįų\u01A1\u01B0";

    private static final List<String> LATIN = new ArrayList<>();
    /** Word to one weight for each of {@link #LATIN}. */
    private static final Map<String, double[]> STOP_WORDS = readStopWords();
    private static final Set<Character> SIMPLIFIED = new HashSet<>();
    private static final Set<Character> TRADITIONAL = new HashSet<>();

    static {
        List<String> variants = lines("han-variants.txt");
        for (int i = 0; i < variants.get(0).length(); i++) {
            char simplified = variants.get(0).charAt(i);
            char traditional = variants.get(1).charAt(i);
            if (simplified != traditional) {
                SIMPLIFIED.add(simplified);
                TRADITIONAL.add(traditional);
            }
        }
    }

    private LanguageIdentifier() {
    }

    /** The language of the text as a BCP 47 code. */
    static String identify(String text) {
        String sample = text.length() <= SAMPLE ? text : text.substring(0, SAMPLE);
        int[] letters = new int[Script.values().length];
        for (int i = 0; i < sample.length(); i++) {
            letters[Script.of(sample.charAt(i)).ordinal()]++;
        }
        Script best = Script.NONE;
        long most = 0;
        for (Script script : Script.values()) {
            long weight = script == Script.NONE ? 0 : (long) letters[script.ordinal()] * (script.isIdeographic() ? HAN_WEIGHT : 1);
            if (weight > most) {
                most = weight;
                best = script;
            }
        }
        int han = letters[Script.HAN.ordinal()];
        int kana = letters[Script.KANA.ordinal()];
        return switch (best) {
            case NONE -> "und";
            case HAN, KANA -> kana > KANA_SHARE * (han + kana) ? "ja" : chinese(sample);
            case HANGUL -> "ko";
            case GREEK -> "el";
            case HEBREW -> "he";
            case THAI -> "th";
            case DEVANAGARI -> "hi";
            case ARABIC -> containsAny(sample, "\u067E\u0686\u0698\u06AF\u06CC\u06A9") ? "fa" : "ar";
            case CYRILLIC -> cyrillic(sample);
            case OTHER -> "und";
            case LATIN -> latin(sample);
        };
    }

    private static String chinese(String sample) {
        int simplified = 0;
        int traditional = 0;
        for (int i = 0; i < sample.length(); i++) {
            char c = sample.charAt(i);
            if (c >= 0x4E00) {
                simplified += SIMPLIFIED.contains(c) ? 1 : 0;
                traditional += TRADITIONAL.contains(c) ? 1 : 0;
            }
        }
        return simplified == traditional ? "zh" : simplified > traditional ? "zh-Hans" : "zh-Hant";
    }

    private static String cyrillic(String sample) {
        if (containsAny(sample, "їє\u0491")) {
            return "uk";
        }
        if (containsAny(sample, "јљњћѓќѕ\u04D9\u04E9\u04AFў")) {
            return "und-Cyrl";
        }
        return containsAny(sample, "ыэё") || !containsAny(sample, "іъ") ? "ru" : "und-Cyrl";
    }

    private static boolean containsAny(String text, String characters) {
        for (int i = 0; i < text.length(); i++) {
            if (characters.indexOf(text.charAt(i)) >= 0) {
                return true;
            }
        }
        return false;
    }

    private static String latin(String sample) {
        String text = sample.toLowerCase(Locale.ROOT);
        double[] scores = new double[LATIN.size()];
        int words = 0;
        int foreign = 0;
        int letters = 0;
        for (int i = 0; i < text.length();) {
            int start = i;
            while (i < text.length() && Character.isLetter(text.charAt(i))) {
                foreign += text.charAt(i) >= 0x80 && FOREIGN_LATIN.indexOf(text.charAt(i)) >= 0 ? 1 : 0;
                i++;
            }
            if (i == start) {
                i++;
                continue;
            }
            words++;
            letters += i - start;
            double[] weights = i - start > 12 ? null : STOP_WORDS.get(text.substring(start, i));
            for (int l = 0; weights != null && l < scores.length; l++) {
                scores[l] += weights[l];
            }
        }
        int best = 0;
        for (int l = 1; l < scores.length; l++) {
            best = scores[l] > scores[best] ? l : best;
        }
        double second = 0;
        for (int l = 0; l < scores.length; l++) {
            second = l == best ? second : Math.max(second, scores[l]);
        }
        boolean sure = words >= MIN_WORDS && scores[best] >= MIN_STOP_WORDS * words && scores[best] >= LEAD * second
                && foreign <= MAX_FOREIGN_LETTERS * letters;
        return sure ? LATIN.get(best) : "und-Latn";
    }

    private static Map<String, double[]> readStopWords() {
        Map<String, Set<Integer>> languages = new HashMap<>();
        for (String line : lines("stop-words.txt")) {
            String[] words = line.split(" ");
            for (int i = 1; i < words.length; i++) {
                languages.computeIfAbsent(words[i], w -> new HashSet<>()).add(LATIN.size());
            }
            LATIN.add(words[0]);
        }
        Map<String, double[]> weights = new HashMap<>();
        languages.forEach((word, in) -> {
            double[] weight = new double[LATIN.size()];
            in.forEach(language -> weight[language] = 1.0 / in.size());
            weights.put(word, weight);
        });
        return weights;
    }

    /** The lines of a resource beside this class, comments and blank ones left out. */
    static List<String> lines(String resource) {
        var stream = LanguageIdentifier.class.getResourceAsStream(resource);
        if (stream == null) {
            throw new IllegalStateException("resource dev/zhulong/data/clean/" + resource + " is missing from the class path");
        }
        try (var reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
            return reader.lines().filter(line -> !line.isBlank() && !line.startsWith("#")).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
