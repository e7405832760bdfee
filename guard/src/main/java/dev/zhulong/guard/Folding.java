package dev.zhulong.guard;

import com.ibm.icu.lang.UCharacter;
import com.ibm.icu.lang.UProperty;
import com.ibm.icu.lang.UScript;
import com.ibm.icu.text.Normalizer2;
import com.ibm.icu.text.SpoofChecker;
import com.ibm.icu.text.Transliterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a code point is read as, by itself: compatibility forms as plain ones (full width, ligatures, circled), without marks, strokes and what is not seen, in
 * lower case, letters of other scripts that look like a Latin one as that one, traditional Chinese characters as simplified ones, digits of any script as
 * 0 to 9, any dash as a hyphen, any space as a space.
 */
enum Folding {
    /** As it is read. */
    PLAIN,
    /** Besides, digits and signs that stand for letters as those, and l as i, since 1 stands for both; Latin letters as what they look like ({@code þ} as p). */
    LEET;

    private static final Normalizer2 NFKD = Normalizer2.getNFKDInstance();
    private static final SpoofChecker LOOKS = new SpoofChecker.Builder().build();
    private static final Transliterator SIMPLIFIED = Transliterator.getInstance("Traditional-Simplified");
    private static final Transliterator LATIN_ASCII = Transliterator.getInstance("Latin-ASCII");
    /** Names of letters that are a plain one in some form: {@code NEGATIVE CIRCLED LATIN CAPITAL LETTER B}, {@code LATIN SMALL LETTER Q WITH HOOK TAIL}. */
    private static final Pattern FORM = Pattern.compile(".*LATIN(?: CAPITAL| SMALL)? LETTER(?: SMALL CAPITAL)?"
            + "(?: (?:INSULAR|SCRIPT|STIRRUP|ANGLICANA|VISIGOTHIC|MIDDLE-WELSH|BARRED|DOTLESS|LONG|GLOTTAL|SIGMOID))? ([A-Z])(?: WITH .*)?");
    private static final Map<Integer, Character> SIGNS = Map.ofEntries(Map.entry((int) '0', 'o'), Map.entry((int) '1', 'i'), Map.entry((int) 'l', 'i'), Map.entry((int) '|', 'i'),
            Map.entry((int) '!', 'i'), Map.entry((int) '3', 'e'), Map.entry((int) '4', 'a'), Map.entry((int) '@', 'a'), Map.entry((int) '5', 's'), Map.entry((int) '$', 's'),
            Map.entry((int) '7', 't'), Map.entry((int) '+', 't'), Map.entry((int) '8', 'b'));
    /** What is written for a dash and is none by its category: minus signs, a bullet, lines of boxes, the long vowel of katakana. */
    private static final Set<Integer> DASHES = Set.of(0x2212, 0x2796, 0x02d7, 0x2043, 0x2500, 0x2501, 0x30fc);

    /** More than any language uses: a text of all characters there are must not fill the memory. */
    private static final int MOST_KNOWN = 50_000;

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
        String text = known.get(codePoint);
        if (text == null) {
            text = fold(codePoint);
            if (known.size() < MOST_KNOWN) {
                known.put(codePoint, text);
            }
        }
        return text;
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
        decomposed(codePoint).codePoints().filter(each -> !isUnseen(each)).forEach(each -> read(each).codePoints().forEach(plain -> {
            Character sign = this == LEET ? SIGNS.get(plain) : null;
            folded.append(sign == null ? Character.toString(plain) : sign.toString());
        }));
        return folded.toString();
    }

    /** In compatibility form; a letter with something beside it that is no letter, such as brackets or a dot, as the letter. */
    private static String decomposed(int codePoint) {
        String plain = NFKD.normalize(Character.toString(codePoint));
        boolean letters = plain.codePoints().allMatch(each -> isUnseen(each) || Character.isLetter(each) && Character.getType(each) != Character.MODIFIER_LETTER);
        String form = letters ? "" : form(codePoint);
        return form.isEmpty() ? plain : form;
    }

    private static boolean isUnseen(int codePoint) {
        int type = Character.getType(codePoint);
        return type == Character.NON_SPACING_MARK || type == Character.ENCLOSING_MARK || type == Character.FORMAT || type == Character.CONTROL
                || UCharacter.hasBinaryProperty(codePoint, UProperty.DEFAULT_IGNORABLE_CODE_POINT);
    }

    private String read(int codePoint) {
        int small = UCharacter.foldCase(codePoint, true);
        if (codePoint < 128) {
            return Character.toString(small);
        }
        if (Character.isDigit(codePoint)) {
            return Integer.toString(Character.digit(codePoint, 10));
        }
        if (Character.getType(codePoint) == Character.DASH_PUNCTUATION || DASHES.contains(codePoint)) {
            return "-";
        }
        if (Character.isIdeographic(codePoint)) {
            return simplified(codePoint);
        }
        String letters = Character.isLetter(codePoint) ? latin(codePoint, small) : Character.getType(codePoint) == Character.OTHER_SYMBOL ? form(codePoint) : "";
        return letters.isEmpty() ? Character.toString(small) : letters;
    }

    private static synchronized String simplified(int codePoint) {
        String text = SIMPLIFIED.transliterate(Character.toString(codePoint));
        return text.codePointCount(0, text.length()) == 1 ? text : Character.toString(codePoint);
    }

    /** The plain letters that another one is a form of or looks like; empty for none. */
    private String latin(int codePoint, int small) {
        boolean own = UScript.getScript(codePoint) == UScript.LATIN;
        String same = own ? plain(transliterated(codePoint)) : "";
        if (!same.isEmpty() && this == PLAIN) {
            return same;
        }
        // of a letter with a stroke the skeleton is another letter and a mark
        String unmarked = one(plain(NFKD.normalize(skeleton(small)).replaceAll("\\p{M}", "")));
        String capital = one(plain(skeleton(UCharacter.toUpperCase(small))));
        // read plainly a small letter is what its capital is, or a word would be another one in capitals
        List<String> looks = this == PLAIN ? List.of(one(plain(skeleton(small))), capital, unmarked)
                : List.of(one(plain(skeleton(small))), one(plain(skeleton(codePoint))), unmarked, same, capital);
        return looks.stream().filter(look -> !look.isEmpty()).findFirst().orElseGet(() -> form(codePoint));
    }

    private static String one(String letters) {
        return letters.length() == 1 ? letters : "";
    }

    private static String form(int codePoint) {
        Matcher form = FORM.matcher(String.valueOf(Character.getName(codePoint)));
        return form.matches() ? plain(form.group(1)) : "";
    }

    private static synchronized String transliterated(int codePoint) {
        return LATIN_ASCII.transliterate(Character.toString(codePoint));
    }

    private static synchronized String skeleton(int codePoint) {
        return LOOKS.getSkeleton(Character.toString(codePoint));
    }

    /** In small letters; empty where there are others than those of ASCII. */
    private static String plain(String text) {
        String small = UCharacter.foldCase(text, true);
        return small.chars().allMatch(c -> c >= 'a' && c <= 'z') ? small : "";
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
