package dev.zhulong.data.label;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.data.tune.Sides;
import java.util.List;
import java.util.function.Function;

/**
 * What a file of labelled rows gives.
 *
 * @param rows   in the file's order
 * @param report of every row: used, refused and why, and what was noted
 */
public record LabelledRows<T>(List<T> rows, RowReport report) {
    public LabelledRows {
        rows = List.copyOf(rows);
    }

    /**
     * Holds out about {@code fraction} of the rows by what they say; see {@link Sides}.
     *
     * @param content what a row says, without what is right about it: a text's {@link LabelledText#content}, a sentence's words, a question's context
     */
    public Sides<T> split(Function<T, List<String>> content, double fraction, long seed) {
        return Sides.split(rows, content, fraction, seed);
    }
}
