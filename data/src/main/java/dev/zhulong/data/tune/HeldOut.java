package dev.zhulong.data.tune;

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
     * Holds out about {@code fraction} of the examples by what they say, as {@link Sides} has it.
     *
     * @param fraction in [0, 1)
     */
    public static HeldOut split(List<ExampleRow> examples, double fraction, long seed) {
        Sides<ExampleRow> sides = Sides.byHash(examples, row -> ContentHash.of(row.example()), fraction, seed);
        return new HeldOut(sides.train(), sides.heldOut());
    }
}
