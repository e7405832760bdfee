package dev.zhulong.text.chat.jinja;

import java.util.List;

/** An expression of a template. {@code line} is where it begins. */
sealed interface Expr {
    int line();

    record Literal(Object value, int line) implements Expr {}

    record Name(String name, int line) implements Expr {}

    record TupleOf(List<Expr> items, int line) implements Expr {}

    record ListOf(List<Expr> items, int line) implements Expr {}

    record DictOf(List<Expr> keys, List<Expr> values, int line) implements Expr {}

    /** {@code then if test else otherwise}; {@code otherwise} may be null. */
    record Conditional(Expr test, Expr then, Expr otherwise, int line) implements Expr {}

    record And(Expr left, Expr right, int line) implements Expr {}

    record Or(Expr left, Expr right, int line) implements Expr {}

    record Not(Expr value, int line) implements Expr {}

    record Sign(boolean negative, Expr value, int line) implements Expr {}

    record Binary(String operator, Expr left, Expr right, int line) implements Expr {}

    record Concat(List<Expr> parts, int line) implements Expr {}

    /** {@code first op rest op rest …}, as in {@code 1 < x < 5}. */
    record Compare(Expr first, List<String> operators, List<Expr> rest, int line) implements Expr {}

    record Attribute(Expr target, String name, int line) implements Expr {}

    record Item(Expr target, Expr key, int line) implements Expr {}

    /** {@code target[from:to:step]}, any of which may be null. */
    record Slice(Expr target, Expr from, Expr to, Expr step, int line) implements Expr {}

    record Call(Expr function, Passed passed, int line) implements Expr {}

    record Filter(Expr value, String name, Passed passed, int line) implements Expr {}

    record Test(Expr value, String name, Passed passed, boolean negated, int line) implements Expr {}

    /** Arguments as written: {@code f(positional, name=named, *rest, **more)}. */
    record Passed(List<Expr> positional, List<String> names, List<Expr> named, Expr rest, Expr more) {
        static final Passed NONE = new Passed(List.of(), List.of(), List.of(), null, null);
    }
}
