package dev.zhulong.compress.ladder;

import dev.zhulong.compress.ladder.Recipe.Base;
import java.util.List;

/**
 * What is left of a model's layers where bits alone do not do.
 *
 * @param layers share that stays
 * @param width  of each MLP, as a share
 */
record Cut(double layers, double width) {
    /** Fewer layers first: all MLPs narrower costs more for the same size. */
    static final List<Cut> ALL = List.of(new Cut(0.75, 1), new Cut(0.5, 1), new Cut(0.5, 0.5), new Cut(0.25, 0.5));

    /** About what an MLP is of a layer. */
    private static final double MLP = 2 / 3.0;

    /** The student of a model of so many layers. */
    Base of(Base whole, int all, long steps) {
        return new Base(whole.trimmed(), (int) Math.max(1, Math.round(layers * all)), width, steps);
    }

    /** About what is left of the weights. @param vocabulary share of them that belongs to it, which stays */
    double left(double vocabulary) {
        return vocabulary + (1 - vocabulary) * layers * (1 - MLP * (1 - width));
    }
}
