package dev.zhulong.guard;

import com.ibm.icu.lang.UCharacter;
import com.ibm.icu.lang.UProperty;
import com.ibm.icu.text.Normalizer2;
import com.ibm.icu.text.SpoofChecker;
import com.ibm.icu.text.Transliterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a code point is read as, by itself: compatibility forms as plain ones (full width, ligatures, circled), without marks and what is not seen, in lower
 * case, letters of other scripts that look like a Latin one as that one, traditional Chinese characters as simplified ones, any space as a space.
 */
enum Folding {
    /** As it is read. */
    PLAIN,
    /** Besides, digits and signs that stand for letters as those, and l as i, since 1 stands for both. */
    LEET;

    private static final Normalizer2 NFKD = Normalizer2.getNFKDInstance();
    private static final SpoofChecker LOOKS = new SpoofChecker.Builder().build();
    private static final Transliterator SIMPLIFIED = Transliterator.getInstance("Traditional-Simplified");
    private static final Map<Integer, Character> SIGNS = Map.ofEntries(Map.entry((int) '0', 'o'), Map.entry((int) '1', 'i'), Map.entry((int) 'l', 'i'), Map.entry((int) '|', 'i'),
            Map.entry((int) '!', 'i'), Map.entry((int) '3', 'e'), Map.entry((int) '4', 'a'), Map.entry((int) '@', 'a'), Map.entry((int) '5', 's'), Map.entry((int) '$', 's'),
            Map.entry((int) '7', 't'), Map.entry((int) '+', 't'), Map.entry((int) '8', 'b'));

    private final Map<Integer, String> known = new ConcurrentHashMap<>();
    private final String[] ascii = new String[128];

    /** What {@code codePoint} is read as; empty where it is not seen. */
    String of(int codePoint) {
        if (codePoint < ascii.length) {
            String text = ascii[codePoint];
            if (text == null) {
                text = fold(codePoint);
                ascii[codePoint] = text;
            }
            return text;
        }
        return known.computeIfAbsent(codePoint, this::fold);
    }

    /** A whole text. */
    String of(String text) {
        var folded = new StringBuilder();
        text.codePoints().forEach(codePoint -> {
            String each = of(codePoint);
            if (!each.equals(" ") || folded.isEmpty() || folded.charAt(folded.length() - 1) != ' ') {
                folded.append(each);
            }
        });
        return folded.toString();
    }

    private String fold(int codePoint) {
        if (codePoint == '\n' || codePoint == '\r' || codePoint == '\t' || UCharacter.isUWhiteSpace(codePoint)) {
            return " ";
        }
        var folded = new StringBuilder();
        NFKD.normalize(Character.toString(codePoint)).codePoints().forEach(each -> {
            int type = Character.getType(each);
            boolean unseen = type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK || type == Character.FORMAT || type == Character.CONTROL
                    || UCharacter.hasBinaryProperty(each, UProperty.DEFAULT_IGNORABLE_CODE_POINT);
            if (!unseen) {
                folded.append(letter(UCharacter.foldCase(each, true)));
            }
        });
        return folded.toString();
    }

    private String letter(int codePoint) {
        int letter = codePoint;
        if (codePoint > 127 && Character.isLetter(codePoint)) {
            letter = Character.isIdeographic(codePoint) ? simplified(codePoint) : latin(codePoint);
        }
        Character sign = this == LEET ? SIGNS.get(letter) : null;
        return sign == null ? Character.toString(letter) : sign.toString();
    }

    private static synchronized int simplified(int codePoint) {
        String text = SIMPLIFIED.transliterate(Character.toString(codePoint));
        return text.codePointCount(0, text.length()) == 1 ? text.codePointAt(0) : codePoint;
    }

    private static synchronized int latin(int codePoint) {
        String text = LOOKS.getSkeleton(Character.toString(codePoint));
        return text.length() == 1 && text.charAt(0) < 128 && Character.isLetter(text.charAt(0)) ? Character.toLowerCase(text.charAt(0)) : codePoint;
    }

    /** Whether words are told apart by what is no such character: a letter or digit of a script that writes spaces. */
    static boolean isWordCharacter(char c) {
        if (!Character.isLetterOrDigit(c) || Character.isIdeographic(c)) {
            return false;
        }
        return switch (Character.UnicodeScript.of(c)) {
            case HIRAGANA, KATAKANA, HANGUL, THAI, LAO, KHMER, MYANMAR -> false;
            default -> true;
        };
    }
}
