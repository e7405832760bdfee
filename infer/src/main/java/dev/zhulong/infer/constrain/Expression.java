package dev.zhulong.infer.constrain;

import java.util.ArrayList;
import java.util.List;

/** A set of texts, built from sets of characters. */
sealed interface Expression {
    /** The empty text alone. */
    Expression EMPTY = new Sequence(List.of());
    /** Any text. */
    Expression ANYTHING = new Repeat(new Chars(CodePoints.ALL), 0, Repeat.UNBOUNDED);

    /** One character of a set. */
    record Chars(CodePoints set) implements Expression {}

    /** One after the other. */
    record Sequence(List<Expression> parts) implements Expression {}

    /** One of several; of none of them, no text at all. */
    record Choice(List<Expression> options) implements Expression {}

    /** {@code min} to {@code max} times. */
    record Repeat(Expression body, int min, int max) implements Expression {
        static final int UNBOUNDED = -1;
    }

    static Expression text(String text) {
        var parts = new ArrayList<Expression>();
        text.codePoints().forEach(c -> parts.add(new Chars(CodePoints.of(c, c))));
        return new Sequence(parts);
    }

    static Expression chars(int first, int last) {
        return new Chars(CodePoints.of(first, last));
    }

    static Expression sequence(Expression... parts) {
        return new Sequence(List.of(parts));
    }

    static Expression choice(Expression... options) {
        return new Choice(List.of(options));
    }

    static Expression optional(Expression body) {
        return new Repeat(body, 0, 1);
    }
}
