package dev.zhulong.evaluate.text;

import java.util.List;
import java.util.Locale;

/** Tercom's normaliser (Snover et al. 2006), as sacreBLEU 2.6.0 has it, oddities of its ranges included. */
final class TerTokenizer {
    private TerTokenizer() {}

    static List<String> words(String line, Ter options) {
        String text = Whitespace.stripTrailing(line);
        if (!options.caseSensitive()) {
            text = text.toLowerCase(Locale.ROOT);
        }
        if (options.normalized()) {
            text = western(text);
            if (options.asianSupport()) {
                text = spaced(text);
            }
        }
        if (options.noPunct()) {
            text = without(text, options.asianSupport());
        }
        return Whitespace.split(text);
    }

    private static String western(String text) {
        String joined = text.replace("\n-", "").replace('\n', ' ').replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<")
                .replace("&gt;", ">");
        // Tercom also looks for 's at the end, which the space appended here keeps from ever being there
        String symbols = WesternPunctuation.symbols(" " + joined + " ").replace("'s ", " 's ");
        return WesternPunctuation.dashes(WesternPunctuation.stopsBeforeText(WesternPunctuation.stopsAfterText(symbols)));
    }

    /**
     * East Asian characters stand alone. Runs of kana would be separated only at the very beginning of the text, where normalisation has
     * just put a space: they never are.
     */
    private static String spaced(String text) {
        var out = new StringBuilder(3 * text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (ideograph(c) || asianPunctuation(c)) {
                out.append(' ').append(c).append(' ');
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    private static String without(String text, boolean asian) {
        var out = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (".,?:;!\"()".indexOf(c) < 0 && !(asian && asianPunctuation(c))) {
                out.append(c);
            }
        }
        return out.toString();
    }

    /** U+3200 to U+3F22 is what both programs say, where the block of enclosed letters ends at U+32FF. */
    private static boolean ideograph(char c) {
        return c >= 0x2e80 && (c <= 0x2eff
                || c >= 0x31c0 && c <= 0x31ef
                || c >= 0x3200 && c <= 0x4dbf
                || c >= 0x4e00 && c <= 0x9fff
                || c >= 0xf900 && c <= 0xfaff
                || c >= 0xfe30 && c <= 0xfe4f);
    }

    private static boolean asianPunctuation(char c) {
        return c >= 0x3001 && (c <= 0x3002
                || c >= 0x3008 && c <= 0x3011
                || c >= 0x3014 && c <= 0x301f
                || c >= 0xff61 && c <= 0xff65
                || c == 0x30fb
                || "\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09".indexOf(c) >= 0);
    }
}
