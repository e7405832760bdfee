package dev.zhulong.recipe.scale;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model of the ladder and how long it is trained: {@code 128x4@2000000}.
 *
 * @param hidden width of the residual stream
 * @param layers number of layers
 * @param tokens to train on
 */
public record Rung(int hidden, int layers, long tokens) {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,6})x(\\d{1,5})");
    private static final Pattern AMOUNT = Pattern.compile("(\\d{1,15}(?:\\.\\d{1,6})?)([kKmMbB]?)");

    /** @throws IllegalArgumentException where it is not WIDTHxLAYERS@TOKENS */
    public static Rung parse(String text) {
        int at = text.indexOf('@');
        Matcher size = SIZE.matcher(at < 0 ? text : text.substring(0, at));
        if (at < 0 || !size.matches()) {
            throw new IllegalArgumentException("expected a model and its tokens as WIDTHxLAYERS@TOKENS, such as 256x6@4M; found '" + text + "'");
        }
        return of(size, amount(text.substring(at + 1)));
    }

    private static Rung of(Matcher size, long tokens) {
        return new Rung(Integer.parseInt(size.group(1)), Integer.parseInt(size.group(2)), tokens);
    }

    /**
     * Every size with every number of tokens.
     *
     * @param sizes  such as {@code 64x2}
     * @param tokens such as {@code 500k}, {@code 2M}
     */
    public static List<Rung> ladder(List<String> sizes, List<String> tokens) {
        List<Rung> rungs = new ArrayList<>();
        for (String size : sizes) {
            Matcher matcher = SIZE.matcher(size);
            if (!matcher.matches()) {
                throw new IllegalArgumentException("expected a model as WIDTHxLAYERS, such as 128x4; found '" + size + "'");
            }
            for (String amount : tokens) {
                rungs.add(of(matcher, amount(amount)));
            }
        }
        return rungs;
    }

    /** A number with k, M or B behind it, or none. */
    private static long amount(String text) {
        Matcher matcher = AMOUNT.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("expected a number of tokens such as 500k, 2M or 1B; found '" + text + "'");
        }
        double unit = switch (matcher.group(2).toLowerCase(Locale.ROOT)) {
            case "k" -> 1e3;
            case "m" -> 1e6;
            case "b" -> 1e9;
            default -> 1;
        };
        return Math.round(Double.parseDouble(matcher.group(1)) * unit);
    }

    @Override
    public String toString() {
        return hidden + "x" + layers + "@" + tokens;
    }
}
