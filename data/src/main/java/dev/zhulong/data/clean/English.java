package dev.zhulong.data.clean;

/**
 * Whether a text is English, so that rules made for English may judge it. {@link LanguageIdentifier} goes by function words, which a list of
 * keywords has none of; so a text of plain Latin letters in no known language is also English where its letters follow each other as in
 * English and it lacks the short words that the grammar of other languages rests on.
 */
final class English {
    /** Least mean log2 of a pair's share. English prose has -3.5, lists of English words -3.9, Indonesian -4.2, Swahili less. */
    private static final double LEAST_PAIR = -4.0;
    /** Words of at most {@link #SHORT} letters are above this share in the prose of Latin-script languages that spell like English. */
    private static final double MOST_SHORT_WORDS = 0.2;
    private static final int SHORT = 3;
    private static final double STEP = 0.4;
    private static final int LETTERS = 27;
    /** Log2 of the share of a letter after another, word boundary 0, a to z 1 to 26. */
    private static final double[][] PAIRS = read();

    private English() {
    }

    /** Whether the text, which is in {@code language} as identified, is in English. */
    static boolean is(String text, String language) {
        return language.equals("en") || language.equals("und-Latn") && isAscii(text) && isSpelledLike(text)
                && shareOfShortWords(text) <= MOST_SHORT_WORDS;
    }

    /** Whether the letters of the text follow each other as they do in English. */
    static boolean isSpelledLike(String text) {
        double sum = 0;
        long pairs = 0;
        int before = 0;
        for (int i = 0; i <= text.length(); i++) {
            int letter = i < text.length() ? letter(text.charAt(i)) : 0;
            if (before != 0 || letter != 0) {
                sum += PAIRS[before][letter];
                pairs++;
            }
            before = letter;
        }
        return pairs > 0 && sum / pairs > LEAST_PAIR;
    }

    private static double shareOfShortWords(String text) {
        int words = 0;
        int shortWords = 0;
        int length = 0;
        for (int i = 0; i <= text.length(); i++) {
            if (i < text.length() && letter(text.charAt(i)) != 0) {
                length++;
            } else {
                words += length > 0 ? 1 : 0;
                shortWords += length > 0 && length <= SHORT ? 1 : 0;
                length = 0;
            }
        }
        return words == 0 ? 0 : (double) shortWords / words;
    }

    private static int letter(char c) {
        int lower = c | 0x20;
        return c < 0x80 && lower >= 'a' && lower <= 'z' ? lower - 'a' + 1 : 0;
    }

    private static boolean isAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) >= 0x80 && Character.isLetter(text.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    private static double[][] read() {
        double[][] pairs = new double[LETTERS][LETTERS];
        var rows = LanguageIdentifier.lines("english-letter-pairs.txt");
        for (int before = 0; before < LETTERS; before++) {
            for (int after = 0; after < LETTERS; after++) {
                pairs[before][after] = -STEP * Character.digit(rows.get(before).charAt(after), Character.MAX_RADIX);
            }
        }
        return pairs;
    }
}
