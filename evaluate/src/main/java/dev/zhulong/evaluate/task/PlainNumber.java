package dev.zhulong.evaluate.task;

import java.math.BigDecimal;
import java.util.regex.Pattern;

/** Numbers as people and models write them, brought into one form so that equal values are equal texts. */
final class PlainNumber {
    /** Signs of currency and of percent, groups' separators (LaTeX's {,} and \, among them), and a full stop that ends a sentence. */
    private static final Pattern BESIDE = Pattern.compile("[\\p{Sc}%％\\s\\u00a0\\u2009\\u202f,{}\\\\!]|[.,]+$");
    private static final Pattern MINUS = Pattern.compile("^([$\\p{Sc}\\\\]*)[\\u2212\\u2013\\uff0d]");
    private static final Pattern NUMBER = Pattern.compile("[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)");

    private PlainNumber() {}

    /** {@code $1,250.00} as {@code 1250}; what is no number comes back as it is. */
    static String of(String text) {
        String bare = BESIDE.matcher(MINUS.matcher(ascii(text.strip())).replaceFirst("$1-")).replaceAll("");
        if (!NUMBER.matcher(bare).matches()) {
            return text;
        }
        BigDecimal value = new BigDecimal(bare);
        return value.signum() == 0 ? "0" : value.stripTrailingZeros().toPlainString();
    }

    /** Digits of any script by their values. */
    private static String ascii(String text) {
        return text.codePoints().map(c -> Character.isDigit(c) ? '0' + Character.digit(c, 10) : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
    }
}
