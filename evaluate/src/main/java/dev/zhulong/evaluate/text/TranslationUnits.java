package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a text is translated by: its words, each mark of punctuation, and of writing without spaces (Han, kana) each character or two that belong together in
 * the texts it was learnt from: where both the first is followed by the second and the second preceded by the first often.
 */
final class TranslationUnits {
    private static final Pattern TOKEN = Pattern.compile("[\\p{IsHan}\\p{IsHiragana}\\p{IsKatakana}]|[\\p{L}\\p{M}\\p{N}]+(?:['’-][\\p{L}\\p{N}]+)*|[^\\s\\p{L}\\p{N}]");
    private static final int SEEN = 5;
    /** Of P(second | first) · P(first | second). */
    private static final double TOGETHER = 0.1;

    private final Map<String, Integer> single = new HashMap<>();
    private final Map<String, Integer> pairs = new HashMap<>();

    TranslationUnits(Collection<String> texts) {
        for (String text : texts) {
            List<String> tokens = tokens(text);
            for (int i = 0; i < tokens.size(); i++) {
                if (isJoined(tokens.get(i))) {
                    single.merge(tokens.get(i), 1, Integer::sum);
                    if (i > 0 && isJoined(tokens.get(i - 1))) {
                        pairs.merge(tokens.get(i - 1) + tokens.get(i), 1, Integer::sum);
                    }
                }
            }
        }
    }

    /** Of a text, lower case, in order. */
    List<String> of(String text) {
        List<String> tokens = tokens(text);
        List<String> units = new ArrayList<>();
        for (int i = 0; i < tokens.size(); i++) {
            String token = tokens.get(i);
            if (i + 1 < tokens.size() && isJoined(token) && isJoined(tokens.get(i + 1)) && belong(token, tokens.get(i + 1))) {
                units.add(token + tokens.get(++i));
            } else {
                units.add(token);
            }
        }
        return units;
    }

    private boolean belong(String first, String second) {
        int together = pairs.getOrDefault(first + second, 0);
        return together >= SEEN && (double) together * together >= TOGETHER * single.get(first) * single.get(second);
    }

    /** Units as a text: no spaces beside writing without them, nor before punctuation. */
    static String text(List<String> units) {
        var text = new StringBuilder();
        for (String unit : units) {
            boolean apart = !text.isEmpty() && Character.isLetterOrDigit(unit.codePointAt(0)) && !isTight(unit.codePointAt(0))
                    && !isTight(text.codePointBefore(text.length()));
            text.append(apart ? " " : "").append(unit);
        }
        return text.toString();
    }

    private static boolean isJoined(String token) {
        return switch (Character.UnicodeScript.of(token.codePointAt(0))) {
            case HAN, HIRAGANA, KATAKANA -> true;
            default -> false;
        };
    }

    /** Writing without spaces, and its punctuation. */
    private static boolean isTight(int c) {
        return isJoined(Character.toString(c)) || c >= 0x3000 && c <= 0x303f || c >= 0xff00 && c <= 0xff65;
    }

    private static List<String> tokens(String text) {
        List<String> tokens = new ArrayList<>();
        Matcher matcher = TOKEN.matcher(text.toLowerCase(Locale.ROOT));
        while (matcher.find()) {
            tokens.add(matcher.group());
        }
        return tokens;
    }
}
