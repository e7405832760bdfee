package dev.zhulong.data.clean;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * The document rules of Gopher and C4 for prose. Scripts without spaces count characters or letters as words. What the published rules say of
 * English (how long words are, which must occur) is asked of English alone; elsewhere the mean length of a word may be half or twice of that.
 */
final class ProseQuality {

    /** Gopher's eight. */
    private static final List<String> ENGLISH = List.of("the", "be", "to", "of", "and", "that", "have", "with");
    /** Chinese function characters, both standards. */
    private static final String CHINESE =
            "的了是在和不有我这這之与與也就为為及其于於以";
    private static final String BULLETS = "-*•‣·●○▪■–・";
    /** How much longer or shorter than in English words may be in other languages: Korean and Vietnamese have 3, Greenlandic 13 characters. */
    private static final double OTHER_LANGUAGES = 2;

    private static final IntPredicate LETTER = Character::isLetter;
    private static final IntPredicate DIGIT = Character::isDigit;

    private ProseQuality() {
    }

    /** The first rule the text breaks, or null. */
    static String complaint(String text, ProseThresholds forWords, ProseThresholds forCharacters) {
        Words words = Words.of(text);
        boolean characters = words.unit() != Words.Unit.WORD;
        ProseThresholds limit = characters ? forCharacters : forWords;
        String unit = characters ? "characters" : "words";
        if (words.count < limit.minWords()) {
            return "fewer than " + limit.minWords() + " " + unit;
        }
        if (words.count > limit.maxWords()) {
            return "more than " + limit.maxWords() + " " + unit;
        }
        String reason = ofWords(words, limit);
        reason = reason != null ? reason : ofLines(text, limit);
        reason = reason != null ? reason : ofCharacters(text, words.count, limit);
        return reason != null ? reason : ofVocabulary(words, limit);
    }

    private static String ofWords(Words words, ProseThresholds limit) {
        int alphabetic = 0;
        int marks = 0;
        for (int i = 0; i < words.count; i++) {
            boolean letter = has(LETTER, words.text, words.starts[i], words.ends[i]);
            alphabetic += letter ? 1 : 0;
            // The bars of a table and the dashes of a sentence are no words.
            marks += letter || has(DIGIT, words.text, words.starts[i], words.ends[i]) ? 0 : 1;
        }
        String length = ofLength(words, limit);
        if (length != null) {
            return length;
        }
        if (alphabetic < limit.minAlphabeticWords() * (words.count - marks)) {
            return "share of words with a letter below " + limit.minAlphabeticWords();
        }
        return null;
    }

    private static String ofLength(Words words, ProseThresholds limit) {
        double mean = words.meanLength();
        double least = limit.minMeanWordLength();
        double most = limit.maxMeanWordLength();
        if (mean >= least && mean <= most) {
            return null;
        }
        if (!English.is(words.text, LanguageIdentifier.identify(words.text))) {
            least /= OTHER_LANGUAGES;
            most *= OTHER_LANGUAGES;
        }
        return mean < least ? "mean word length below " + least : mean > most ? "mean word length above " + most : null;
    }

    private static boolean has(IntPredicate predicate, String text, int from, int to) {
        int point;
        for (int i = from; i < to; i += Character.charCount(point)) {
            point = text.codePointAt(i);
            if (predicate.test(point)) {
                return true;
            }
        }
        return false;
    }

    private static String ofLines(String text, ProseThresholds limit) {
        int lines = 0;
        int bullets = 0;
        int ellipses = 0;
        for (int from = 0; from < text.length();) {
            int newline = text.indexOf('\n', from);
            int to = newline < 0 ? text.length() : newline;
            int start = Lines.skipSpace(text, from, to);
            int stop = Lines.trimEnd(text, start, to);
            if (start < stop) {
                lines++;
                bullets += BULLETS.indexOf(text.charAt(start)) >= 0 ? 1 : 0;
                ellipses += text.charAt(stop - 1) == '…' || text.startsWith("...", Math.max(start, stop - 3)) ? 1 : 0;
            }
            from = to + 1;
        }
        if (bullets > limit.maxBulletLines() * lines) {
            return "share of lines with a bullet above " + limit.maxBulletLines();
        }
        if (ellipses > limit.maxEllipsisLines() * lines) {
            return "share of lines ending in an ellipsis above " + limit.maxEllipsisLines();
        }
        return null;
    }

    private static String ofCharacters(String text, int words, ProseThresholds limit) {
        int hashes = 0;
        int ellipses = 0;
        int curly = 0;
        int damage = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == ' ') {
                continue;
            }
            switch (c) {
                case '#' -> hashes++;
                case '{', '}' -> curly++;
                case '\uFFFD' -> damage++;
                case '…' -> ellipses++;
                default -> {
                    if (c == '.' && text.startsWith("...", i)) {
                        ellipses++;
                        i += 2;
                    }
                }
            }
        }
        if (hashes > limit.maxHashesPerWord() * words) {
            return "more than " + limit.maxHashesPerWord() + " # a word";
        }
        if (ellipses > limit.maxEllipsesPerWord() * words) {
            return "more than " + limit.maxEllipsesPerWord() + " ellipses a word";
        }
        if (curly > limit.maxCurlyBracesPerWord() * words) {
            return "more than " + limit.maxCurlyBracesPerWord() + " curly braces a word";
        }
        if (damage > limit.maxDamage() * text.length()) {
            return "share of undecodable characters above " + limit.maxDamage();
        }
        return SentenceEnds.count(text) < limit.minSentences() ? "fewer than " + limit.minSentences() + " sentences" : null;
    }

    private static String ofVocabulary(Words words, ProseThresholds limit) {
        String text = words.text;
        if (containsIgnoringCase(text, "lorem ipsum")) {
            return "lorem ipsum";
        }
        if (limit.minStopWords() == 0) {
            return null;
        }
        boolean grammar = hasStopWords(words, limit.minStopWords());
        // most documents need no closer look
        if (grammar && words.unit() == Words.Unit.WORD) {
            return null;
        }
        String language = LanguageIdentifier.identify(text);
        if (language.startsWith("zh")) {
            int found = 0;
            for (int i = 0; i < CHINESE.length() && found < limit.minStopWords(); i++) {
                found += text.indexOf(CHINESE.charAt(i)) >= 0 ? 1 : 0;
            }
            return found < limit.minStopWords() ? "fewer than " + limit.minStopWords() + " Chinese function characters" : null;
        }
        return !grammar && English.is(text, language) && English.isSpelledLike(text)
                ? "fewer than " + limit.minStopWords() + " English stop words" : null;
    }

    private static boolean hasStopWords(Words words, int least) {
        Set<String> found = new HashSet<>();
        for (int i = 0; i < words.count && found.size() < least; i++) {
            if (words.ends[i] - words.starts[i] <= 4) {
                String word = words.text.substring(words.starts[i], words.ends[i]).toLowerCase(Locale.ROOT);
                if (ENGLISH.contains(word)) {
                    found.add(word);
                }
            }
        }
        return found.size() >= least;
    }

    private static boolean containsIgnoringCase(String text, String lowerCase) {
        char first = lowerCase.charAt(0);
        char upper = Character.toUpperCase(first);
        int last = text.length() - lowerCase.length();
        for (int i = 0; i <= last; i++) {
            char c = text.charAt(i);
            if ((c == first || c == upper) && text.regionMatches(true, i, lowerCase, 0, lowerCase.length())) {
                return true;
            }
        }
        return false;
    }
}
