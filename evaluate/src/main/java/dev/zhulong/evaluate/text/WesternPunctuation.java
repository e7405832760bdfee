package dev.zhulong.evaluate.text;

/**
 * Separates punctuation in text of Western scripts: the language-dependent part of NIST's mteval-v13a.pl, which Tercom's normaliser shares.
 * Each rule is one pass over the text, left to right, as a global substitution would go.
 */
final class WesternPunctuation {
    private WesternPunctuation() {}

    /** All rules; the text comes back with superfluous spaces. */
    static String separate(String text) {
        String symbols = symbols(text);
        String stops = symbols.indexOf('.') < 0 && symbols.indexOf(',') < 0 ? symbols : stopsBeforeText(stopsAfterText(symbols));
        return stops.indexOf('-') < 0 ? stops : dashes(stops);
    }

    /** Spaces around ASCII symbols other than {@code ' , - .} */
    static String symbols(String text) {
        var out = new StringBuilder(text.length() + 32);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c <= '~' && c > ' ' && symbol(c)) {
                out.append(' ').append(c).append(' ');
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    private static boolean symbol(char c) {
        return c <= '&' || c >= '(' && c <= '+' || c == '/' || c >= ':' && c <= '@' || c >= '[' && c <= '`' || c >= '{';
    }

    /** Full stop and comma that follow anything but a digit. */
    static String stopsAfterText(String text) {
        var out = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            out.append(c);
            if (!digit(c) && i + 1 < text.length() && stop(text.charAt(i + 1))) {
                out.append(' ').append(text.charAt(++i)).append(' ');
            }
        }
        return out.toString();
    }

    /** Full stop and comma that precede anything but a digit. */
    static String stopsBeforeText(String text) {
        var out = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (stop(c) && i + 1 < text.length() && !digit(text.charAt(i + 1))) {
                out.append(' ').append(c).append(' ').append(text.charAt(++i));
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    /** Dash that follows a digit. */
    static String dashes(String text) {
        var out = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            out.append(c);
            if (digit(c) && i + 1 < text.length() && text.charAt(i + 1) == '-') {
                out.append(" - ");
                i++;
            }
        }
        return out.toString();
    }

    private static boolean stop(char c) {
        return c == '.' || c == ',';
    }

    private static boolean digit(char c) {
        return c >= '0' && c <= '9';
    }
}
