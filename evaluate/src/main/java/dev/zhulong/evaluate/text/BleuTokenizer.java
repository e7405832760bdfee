package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How BLEU cuts text into tokens. The same translations score 34 with one and 60 with another, so it stands in every signature. Rules are
 * those of sacreBLEU 2.6.0, which follows NIST's mteval-v13a.pl and mteval-v14.pl and, for Chinese, WMT 2017's script.
 */
public enum BleuTokenizer {
    /** mteval-v13a: ASCII punctuation stands alone, full stops and commas between digits excepted. For languages written with spaces. */
    V13A("13a") {
        @Override
        List<String> tokens(String line) {
            String text = line.replace("<skipped>", "").replace("-\n", "").replace('\n', ' ');
            if (text.indexOf('&') >= 0) {
                text = text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
            }
            return Whitespace.split(WesternPunctuation.separate(" " + text + " "));
        }
    },
    /** mteval-v14: by Unicode's categories of punctuation, symbols and numbers. */
    INTL("intl") {
        @Override
        List<String> tokens(String line) {
            return Whitespace.split(InternationalPunctuation.separate(line));
        }
    },
    /** Chinese characters stand alone, everything else as in {@link #V13A}. */
    ZH("zh") {
        @Override
        List<String> tokens(String line) {
            String text = Whitespace.strip(line);
            var spaced = new StringBuilder(3 * text.length());
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (chinese(c)) {
                    spaced.append(' ').append(c).append(' ');
                } else {
                    spaced.append(c);
                }
            }
            return Whitespace.split(WesternPunctuation.separate(spaced.toString()));
        }
    },
    /** Every character but white space is a token. */
    CHAR("char") {
        @Override
        List<String> tokens(String line) {
            var tokens = new ArrayList<String>(line.length());
            for (int i = 0; i < line.length();) {
                int c = line.codePointAt(i);
                if (!Whitespace.is(c)) {
                    tokens.add(Character.toString(c));
                }
                i += Character.charCount(c);
            }
            return tokens;
        }
    },
    /** The text is tokenised already: only white space separates. */
    NONE("none") {
        @Override
        List<String> tokens(String line) {
            return Whitespace.split(line);
        }
    };

    private final String id;

    BleuTokenizer(String id) {
        this.id = id;
    }

    /** The name in signatures. */
    public String id() {
        return id;
    }

    /** The tokens of one line. */
    abstract List<String> tokens(String line);

    /** The tokenizer with this name. */
    public static BleuTokenizer of(String id) {
        return Stream.of(values()).filter(t -> t.id.equals(id.toLowerCase(Locale.ROOT))).findAny()
                .orElseThrow(() -> new IllegalArgumentException("unknown tokenizer '" + id + "'; BLEU has "
                        + Stream.of(values()).map(BleuTokenizer::id).collect(Collectors.joining(", "))));
    }

    /**
     * sacreBLEU's ranges. U+2001 to U+2A6D and U+2F81 to U+2FA1 are there because it writes the supplementary planes' bounds with
     * {@code \}{@code u} and five digits, which Python reads as four digits and a letter: dashes, quotation marks and arrows count as
     * Chinese, ideographs beyond U+FFFF do not.
     */
    private static boolean chinese(char c) {
        return c >= 0x2001 && (c <= 0x2a6d
                || c >= 0x2e80 && c <= 0x2fdf
                || c >= 0x2ff0 && c <= 0x303f
                || c >= 0x3100 && c <= 0x312f
                || c >= 0x31a0 && c <= 0x31bf
                || c >= 0x31c0 && c <= 0x31ef
                || c >= 0x3200 && c <= 0x4db5
                || c >= 0x4e00 && c <= 0x9fbb
                || c >= 0xf900 && c <= 0xfa2d
                || c >= 0xfa30 && c <= 0xfa6a
                || c >= 0xfa70 && c <= 0xfad9
                || c >= 0xfe10 && c <= 0xfe1f
                || c >= 0xfe30 && c <= 0xfe4f
                || c >= 0xff00 && c <= 0xffef);
    }
}
