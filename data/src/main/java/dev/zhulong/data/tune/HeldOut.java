package dev.zhulong.data.tune;

import java.util.ArrayList;
import java.util.List;

/**
 * Examples to learn from, and examples kept back to measure on.
 *
 * @param train   in their order
 * @param heldOut in their order
 */
public record HeldOut(List<ExampleRow> train, List<ExampleRow> heldOut) {
    public HeldOut {
        train = List.copyOf(train);
        heldOut = List.copyOf(heldOut);
    }

    /**
     * Holds out about {@code fraction} of the examples, chosen by a hash of what they say: equal examples lie on the same side, and neither the
     * order nor other examples move one. With two different examples or more and a fraction above 0 neither side is empty.
     *
     * @param fraction in [0, 1)
     */
    public static HeldOut split(List<ExampleRow> examples, double fraction, long seed) {
        if (!(fraction >= 0 && fraction < 1)) {
            throw new IllegalArgumentException("the held-out fraction must be in [0, 1), found " + fraction);
        }
        double[] places = examples.stream().mapToDouble(row -> place(ContentHash.of(row.example()), seed)).toArray();
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
        var train = new ArrayList<ExampleRow>();
        var heldOut = new ArrayList<ExampleRow>();
        for (int i = 0; i < places.length; i++) {
            (places[i] < bound ? heldOut : train).add(examples.get(i));
        }
        return new HeldOut(train, heldOut);
    }

    /** A number in [0, 1) that depends on content and seed alone. */
    private static double place(long contentHash, long seed) {
        long x = contentHash + (seed + 1) * 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return ((x ^ (x >>> 31)) >>> 11) * 0x1p-53;
    }
}
