package dev.zhulong.evaluate.text;

import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Porter's stemmer (1980) with the changes that NLTK made, which ROUGE's scores depend on. Lower-case ASCII words. */
final class PorterStemmer {
    private static final Map<String, String> IRREGULAR = Map.ofEntries(Map.entry("sky", "sky"), Map.entry("skies", "sky"), Map.entry("dying", "die"),
            Map.entry("lying", "lie"), Map.entry("tying", "tie"), Map.entry("news", "news"), Map.entry("innings", "inning"),
            Map.entry("inning", "inning"), Map.entry("outings", "outing"), Map.entry("outing", "outing"), Map.entry("cannings", "canning"),
            Map.entry("canning", "canning"), Map.entry("howe", "howe"), Map.entry("proceed", "proceed"), Map.entry("exceed", "exceed"),
            Map.entry("succeed", "succeed"));
    private static final String[][] STEP_2 = {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
        {"bli", "ble"}, {"alli", "al"}, {"entli", "ent"}, {"eli", "e"}, {"ousli", "ous"}, {"ization", "ize"}, {"ation", "ate"}, {"ator", "ate"},
        {"alism", "al"}, {"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"}, {"iviti", "ive"}, {"biliti", "ble"},
        {"fulli", "ful"}};
    private static final String[][] STEP_3 = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""},
        {"ness", ""}};
    private static final Set<String> STEP_4 = Stream.of("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
            "ism", "ate", "iti", "ous", "ive", "ize").collect(Collectors.toCollection(java.util.LinkedHashSet::new));

    private PorterStemmer() {}

    static String stem(String word) {
        if (IRREGULAR.containsKey(word)) {
            return IRREGULAR.get(word);
        }
        if (word.length() <= 2) {
            return word;
        }
        String stem = step1c(step1b(step1a(word)));
        stem = step4(rules(step2(stem), STEP_3, PorterStemmer::positive));
        return step5(stem);
    }

    private static boolean[] consonants(String word) {
        boolean[] consonant = new boolean[word.length()];
        for (int i = 0; i < consonant.length; i++) {
            char c = word.charAt(i);
            consonant[i] = c == 'y' ? i == 0 || !consonant[i - 1] : "aeiou".indexOf(c) < 0;
        }
        return consonant;
    }

    private static int measure(String stem) {
        boolean[] consonant = consonants(stem);
        int measure = 0;
        for (int i = 1; i < consonant.length; i++) {
            measure += !consonant[i - 1] && consonant[i] ? 1 : 0;
        }
        return measure;
    }

    private static boolean positive(String stem) {
        return measure(stem) > 0;
    }

    private static boolean hasVowel(String stem) {
        for (boolean consonant : consonants(stem)) {
            if (!consonant) {
                return true;
            }
        }
        return false;
    }

    private static boolean endsDouble(String word) {
        int n = word.length();
        return n >= 2 && word.charAt(n - 1) == word.charAt(n - 2) && consonants(word)[n - 1];
    }

    private static boolean endsCvc(String word) {
        boolean[] consonant = consonants(word);
        int n = word.length();
        return n >= 3 && consonant[n - 3] && !consonant[n - 2] && consonant[n - 1] && "wxy".indexOf(word.charAt(n - 1)) < 0
                || n == 2 && !consonant[0] && consonant[1];
    }

    private static String cut(String word, int suffix) {
        return word.substring(0, word.length() - suffix);
    }

    /** The first suffix that fits decides, whether its condition holds or not. */
    private static String rules(String word, String[][] rules, Predicate<String> condition) {
        for (String[] rule : rules) {
            if (word.endsWith(rule[0])) {
                String stem = cut(word, rule[0].length());
                return condition.test(stem) ? stem + rule[1] : word;
            }
        }
        return word;
    }

    private static String step1a(String word) {
        if (word.endsWith("ies") && word.length() == 4) {
            return cut(word, 3) + "ie";
        }
        return rules(word, new String[][] {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}}, _ -> true);
    }

    private static String step1b(String word) {
        if (word.endsWith("ied")) {
            return cut(word, 3) + (word.length() == 4 ? "ie" : "i");
        }
        if (word.endsWith("eed")) {
            return positive(cut(word, 3)) ? cut(word, 1) : word;
        }
        String stem = null;
        for (String suffix : new String[] {"ed", "ing"}) {
            if (word.endsWith(suffix) && hasVowel(cut(word, suffix.length()))) {
                stem = cut(word, suffix.length());
                break;
            }
        }
        if (stem == null) {
            return word;
        }
        if (stem.endsWith("at") || stem.endsWith("bl") || stem.endsWith("iz")) {
            return stem + "e";
        }
        if (endsDouble(stem)) {
            return "lsz".indexOf(stem.charAt(stem.length() - 1)) < 0 ? cut(stem, 1) : stem;
        }
        return measure(stem) == 1 && endsCvc(stem) ? stem + "e" : stem;
    }

    private static String step1c(String word) {
        if (word.endsWith("y")) {
            String stem = cut(word, 1);
            return stem.length() > 1 && consonants(stem)[stem.length() - 1] ? stem + "i" : word;
        }
        return word;
    }

    private static String step2(String word) {
        if (word.endsWith("alli") && positive(cut(word, 4))) {
            return step2(cut(word, 2));
        }
        for (String[] rule : STEP_2) {
            if (word.endsWith(rule[0])) {
                return rules(word, STEP_2, PorterStemmer::positive);
            }
        }
        return word.endsWith("logi") && positive(cut(word, 3)) ? cut(word, 1) : word;
    }

    private static String step4(String word) {
        for (String suffix : STEP_4) {
            if (word.endsWith(suffix)) {
                String stem = cut(word, suffix.length());
                boolean holds = measure(stem) > 1 && (!suffix.equals("ion") || stem.endsWith("s") || stem.endsWith("t"));
                return holds ? stem : word;
            }
        }
        return word;
    }

    private static String step5(String word) {
        String result = word;
        if (word.endsWith("e")) {
            String stem = cut(word, 1);
            int m = measure(stem);
            result = m > 1 || m == 1 && !endsCvc(stem) ? stem : word;
        }
        return result.endsWith("ll") && measure(cut(result, 1)) > 1 ? cut(result, 1) : result;
    }
}
