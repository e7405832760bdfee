package dev.zhulong.data.tune;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Rows to learn from, and rows kept back to measure on.
 *
 * @param train   in their order
 * @param heldOut in their order
 */
public record Sides<T>(List<T> train, List<T> heldOut) {
    public Sides {
        train = List.copyOf(train);
        heldOut = List.copyOf(heldOut);
    }

    /**
     * Holds out about {@code fraction} of the rows, chosen by a hash of what they say: rows that say the same lie on the same side, and neither the
     * order nor other rows move one. With two different rows or more and a fraction above 0 neither side is empty.
     *
     * @param content  what a row says
     * @param fraction in [0, 1)
     */
    public static <T> Sides<T> split(List<T> rows, Function<T, List<String>> content, double fraction, long seed) {
        return byHash(rows, row -> ContentHash.of(content.apply(row)), fraction, seed);
    }

    static <T> Sides<T> byHash(List<T> rows, ToLongFunction<T> hash, double fraction, long seed) {
        if (!(fraction >= 0 && fraction < 1)) {
            throw new IllegalArgumentException("the held-out fraction must be in [0, 1), found " + fraction);
        }
        double[] places = rows.stream().mapToDouble(row -> place(hash.applyAsLong(row), seed)).toArray();
        double least = 1;
        double greatest = 0;
        for (double place : places) {
            least = Math.min(least, place);
            greatest = Math.max(greatest, place);
        }
        double bound = fraction;
        if (fraction > 0 && least < greatest) {
            // between the least and the greatest place at least one lies on each side
            bound = Math.min(Math.max(fraction, Math.nextUp(least)), greatest);
        }
        var train = new ArrayList<T>();
        var heldOut = new ArrayList<T>();
        for (int i = 0; i < places.length; i++) {
            (places[i] < bound ? heldOut : train).add(rows.get(i));
        }
        return new Sides<>(train, heldOut);
    }

    /** A number in [0, 1) that depends on content and seed alone. */
    private static double place(long contentHash, long seed) {
        long x = contentHash + (seed + 1) * 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return ((x ^ (x >>> 31)) >>> 11) * 0x1p-53;
    }
}
