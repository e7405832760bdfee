package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Expression.Choice;
import dev.zhulong.infer.constrain.Expression.Repeat;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;

/** JSON numbers within bounds. How many digits they have is bounded, so that none becomes another when it is read as a double. */
final class Numbers {
    private static final int WHOLE_DIGITS = 15;
    private static final int DOUBLE_DIGITS = 15;
    /** Before the point of a number that has digits after it, where no bound says more. */
    private static final int DIGITS_BEFORE_POINT = 8;
    /** More digits in a bound than anyone means. */
    private static final int MOST_DIGITS = 40;
    private static final Expression DIGIT = Expression.chars('0', '9');
    private static final Expression EXPONENT = Expression.sequence(new Expression.Chars(CodePoints.among("eE")),
            Expression.optional(new Expression.Chars(CodePoints.among("+-"))), new Repeat(DIGIT, 1, 2));

    private Numbers() {}

    /** A bound; null where there is none. */
    record Bounds(BigDecimal least, boolean leastOpen, BigDecimal most, boolean mostOpen) {
        static final Bounds NONE = new Bounds(null, false, null, false);

        Bounds and(Bounds other) {
            int low = least == null ? -1 : other.least == null ? 1 : least.compareTo(other.least);
            int high = most == null ? 1 : other.most == null ? -1 : most.compareTo(other.most);
            return new Bounds(low >= 0 ? least : other.least, low == 0 ? leastOpen || other.leastOpen : low > 0 ? leastOpen : other.leastOpen,
                    high <= 0 ? most : other.most, high == 0 ? mostOpen || other.mostOpen : high < 0 ? mostOpen : other.mostOpen);
        }

        boolean isEmpty() {
            return least != null && most != null && (least.compareTo(most) > 0 || least.compareTo(most) == 0 && (leastOpen || mostOpen));
        }

        boolean contains(BigDecimal value) {
            int low = least == null ? 1 : value.compareTo(least);
            int high = most == null ? -1 : value.compareTo(most);
            return (leastOpen ? low > 0 : low >= 0) && (mostOpen ? high < 0 : high <= 0);
        }

        /** The least multiple of 10^-scale within, or null. */
        private BigInteger first(int scale) {
            if (least == null) {
                return null;
            }
            BigInteger up = least.setScale(scale, RoundingMode.CEILING).unscaledValue();
            return leastOpen && new BigDecimal(up, scale).compareTo(least) == 0 ? up.add(BigInteger.ONE) : up;
        }

        private BigInteger last(int scale) {
            if (most == null) {
                return null;
            }
            BigInteger down = most.setScale(scale, RoundingMode.FLOOR).unscaledValue();
            return mostOpen && new BigDecimal(down, scale).compareTo(most) == 0 ? down.subtract(BigInteger.ONE) : down;
        }

        private int digits() {
            int digits = 1;
            for (BigDecimal bound : new BigDecimal[] {least, most}) {
                if (bound != null) {
                    digits = Math.max(digits, bound.precision() - bound.scale());
                }
            }
            return digits;
        }

        /** Whether a bound has more digits than can be written out. */
        boolean isUnwieldy() {
            for (BigDecimal bound : new BigDecimal[] {least, most}) {
                if (bound != null && (bound.precision() > MOST_DIGITS || Math.abs(bound.scale()) > MOST_DIGITS)) {
                    return true;
                }
            }
            return false;
        }
    }

    /** Whole numbers, without a point; of 15 digits where no bound is longer. */
    static Expression whole(Bounds bounds) {
        if (bounds.equals(Bounds.NONE)) {
            return Expression.choice(Expression.text("0"), Expression.sequence(Expression.optional(Expression.text("-")), Expression.chars('1', '9'), new Repeat(DIGIT, 0, WHOLE_DIGITS - 1)));
        }
        BigInteger far = BigInteger.TEN.pow(Math.max(WHOLE_DIGITS, bounds.digits() + 1)).subtract(BigInteger.ONE);
        BigInteger first = bounds.first(0) == null ? far.negate() : bounds.first(0);
        BigInteger last = bounds.last(0) == null ? far : bounds.last(0);
        return bySign(first, last, Numbers::digits);
    }

    /** Numbers of any form. */
    static Expression decimal(Bounds bounds) {
        if (bounds.equals(Bounds.NONE)) {
            return Expression.sequence(Expression.optional(Expression.text("-")),
                    Expression.choice(Expression.text("0"), Expression.sequence(Expression.chars('1', '9'), new Repeat(DIGIT, 0, DOUBLE_DIGITS - 1))),
                    Expression.optional(Expression.sequence(Expression.text("."), new Repeat(DIGIT, 1, DOUBLE_DIGITS))),
                    Expression.optional(EXPONENT));
        }
        boolean open = bounds.least == null || bounds.most == null;
        int before = open ? Math.max(DIGITS_BEFORE_POINT, bounds.digits() + 1) : bounds.digits();
        int scale = Math.max(1, DOUBLE_DIGITS - Math.max(1, before));
        for (BigDecimal bound : new BigDecimal[] {bounds.least, bounds.most}) {
            scale = bound == null ? scale : Math.max(scale, bound.scale());
        }
        int after = scale;
        BigInteger far = BigInteger.TEN.pow(before + after).subtract(BigInteger.ONE);
        BigInteger first = bounds.first(after) == null ? far.negate() : bounds.first(after);
        BigInteger last = bounds.last(after) == null ? far : bounds.last(after);
        return bySign(first, last, (low, high) -> scaled(low, high, after));
    }

    private interface Magnitudes {
        Expression between(BigInteger least, BigInteger most);
    }

    private static Expression bySign(BigInteger first, BigInteger last, Magnitudes magnitudes) {
        var options = new ArrayList<Expression>();
        if (last.signum() >= 0 && first.compareTo(last) <= 0) {
            options.add(magnitudes.between(first.max(BigInteger.ZERO), last));
        }
        if (first.signum() < 0 && first.compareTo(last) <= 0) {
            options.add(Expression.sequence(Expression.text("-"),
                    magnitudes.between(last.negate().max(BigInteger.ONE), first.negate())));
        }
        return new Choice(options);
    }

    /** Digits of the numbers from {@code least}, not negative, to {@code most}, without leading zeros. */
    private static Expression digits(BigInteger least, BigInteger most) {
        var options = new ArrayList<Expression>();
        for (int length = least.toString().length(); length <= most.toString().length(); length++) {
            BigInteger low = length == 1 ? BigInteger.ZERO : BigInteger.TEN.pow(length - 1);
            BigInteger high = BigInteger.TEN.pow(length).subtract(BigInteger.ONE);
            options.add(between(low.max(least).toString(), high.min(most).toString(), 0, false));
        }
        return new Choice(options);
    }

    /** Numbers whose 10^scale fold lies between; the digits after the point may end early where the rest is zero. */
    private static Expression scaled(BigInteger least, BigInteger most, int scale) {
        BigInteger unit = BigInteger.TEN.pow(scale);
        BigInteger[] low = least.divideAndRemainder(unit);
        BigInteger[] high = most.divideAndRemainder(unit);
        String lowest = padded(low[1], scale);
        String highest = padded(high[1], scale);
        if (low[0].equals(high[0])) {
            return Expression.sequence(Expression.text(low[0].toString()), fraction(lowest, highest));
        }
        var options = new ArrayList<Expression>();
        options.add(Expression.sequence(Expression.text(low[0].toString()), fraction(lowest, "9".repeat(scale))));
        if (low[0].add(BigInteger.ONE).compareTo(high[0]) < 0) {
            options.add(Expression.sequence(digits(low[0].add(BigInteger.ONE), high[0].subtract(BigInteger.ONE)),
                    fraction("0".repeat(scale), "9".repeat(scale))));
        }
        options.add(Expression.sequence(Expression.text(high[0].toString()), fraction("0".repeat(scale), highest)));
        return new Choice(options);
    }

    private static String padded(BigInteger value, int length) {
        String digits = value.toString();
        return "0".repeat(length - digits.length()) + digits;
    }

    private static Expression fraction(String low, String high) {
        Expression digits = Expression.sequence(Expression.text("."), between(low, high, 0, true));
        return isZero(low, 0) ? Expression.optional(digits) : digits;
    }

    /**
     * Digits from {@code low} to {@code high}, which are equally long, from position {@code at} on.
     *
     * @param mayEnd whether zeros at the end can be left out, but for the first digit
     */
    private static Expression between(String low, String high, int at, boolean mayEnd) {
        if (at == low.length()) {
            return Expression.EMPTY;
        }
        boolean anyLow = isZero(low, at);
        boolean anyHigh = high.substring(at).chars().allMatch(c -> c == '9');
        if (anyLow && anyHigh) {
            return new Repeat(DIGIT, mayEnd ? 1 : low.length() - at, low.length() - at);
        }
        char first = low.charAt(at);
        char last = high.charAt(at);
        int rest = low.length() - at - 1;
        String zeros = low.substring(0, at + 1) + "0".repeat(rest);
        String nines = high.substring(0, at + 1) + "9".repeat(rest);
        List<Expression> options = new ArrayList<>();
        if (first == last) {
            options.add(digit(first, first, low, high, at, mayEnd));
        } else {
            options.add(digit(first, first, low, nines, at, mayEnd));
            if (first + 1 < last) {
                options.add(digit((char) (first + 1), (char) (last - 1), zeros, nines, at, mayEnd));
            }
            options.add(digit(last, last, zeros, high, at, mayEnd));
        }
        return new Choice(options);
    }

    private static Expression digit(char first, char last, String low, String high, int at, boolean mayEnd) {
        Expression more = between(low, high, at + 1, mayEnd);
        return Expression.sequence(Expression.chars(first, last), mayEnd && isZero(low, at + 1) ? Expression.optional(more) : more);
    }

    private static boolean isZero(String digits, int from) {
        return digits.substring(from).chars().allMatch(c -> c == '0');
    }

    /** Numbers with a point that a divisor may divide: of few digits where no bound says more. */
    static Expression pointed(Bounds bounds) {
        return !bounds.equals(Bounds.NONE) ? decimal(bounds) : Expression.sequence(Expression.optional(Expression.text("-")),
                Expression.choice(Expression.text("0"), Expression.sequence(Expression.chars('1', '9'), new Repeat(DIGIT, 0, DIGITS_BEFORE_POINT - 1))),
                Expression.text("."), new Repeat(DIGIT, 1, DOUBLE_DIGITS - DIGITS_BEFORE_POINT));
    }

    /**
     * Numbers that {@code divisor} divides, of any length, with as many digits after the point as it has, or fewer.
     *
     * @param divisor without zeros at the end of its fraction
     */
    static TextAutomaton multiples(BigDecimal divisor) {
        int scale = Math.max(0, divisor.scale());
        int unit = divisor.setScale(scale).unscaledValue().intValueExact();
        var builder = new TextAutomaton.Builder();
        int start = builder.state();
        int zero = builder.state();
        int signed = builder.state();
        int lessThanOne = builder.state();
        // remainders of what stands before the point, and with 1, 2, ... digits after it; before the first of these, the point
        int[] rest = new int[scale + 1];
        int point = 0;
        for (int after = 0; after <= scale; after++) {
            rest[after] = builder.state();
            for (int i = 1; i < unit; i++) {
                builder.state();
            }
            BigInteger more = BigInteger.TEN.pow(scale - after);
            for (int r = 0; r < unit; r++) {
                if (BigInteger.valueOf(r).multiply(more).remainder(BigInteger.valueOf(unit)).signum() == 0) {
                    builder.accept(rest[after] + r);
                }
            }
        }
        builder.accept(zero);
        builder.edge(start, CodePoints.of('-', '-'), signed);
        builder.edge(start, CodePoints.of('0', '0'), zero);
        if (scale > 0) {
            point = builder.state();
            for (int i = 1; i < unit; i++) {
                builder.state();
            }
            CodePoints dot = CodePoints.of('.', '.');
            builder.edge(signed, CodePoints.of('0', '0'), lessThanOne);
            builder.edge(zero, dot, point);
            builder.edge(lessThanOne, dot, point);
            for (int r = 0; r < unit; r++) {
                builder.edge(rest[0] + r, dot, point + r);
            }
        }
        for (int digit = 0; digit <= 9; digit++) {
            CodePoints written = CodePoints.of('0' + digit, '0' + digit);
            if (digit > 0) {
                builder.edge(start, written, rest[0] + digit % unit);
                builder.edge(signed, written, rest[0] + digit % unit);
            }
            for (int r = 0; r < unit; r++) {
                int next = (r * 10 + digit) % unit;
                builder.edge(rest[0] + r, written, rest[0] + next);
                if (scale > 0) {
                    builder.edge(point + r, written, rest[1] + next);
                }
                for (int after = 1; after < scale; after++) {
                    builder.edge(rest[after] + r, written, rest[after + 1] + next);
                }
            }
        }
        return builder.build(start);
    }
}
