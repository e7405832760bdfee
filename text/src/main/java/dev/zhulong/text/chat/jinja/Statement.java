package dev.zhulong.text.chat.jinja;

import java.util.List;

/** A statement of a template. */
sealed interface Statement {
    int line();

    record Data(Text text, int line) implements Statement {}

    record Print(Expr value, int line) implements Statement {}

    /** {@code bodies.get(i)} where {@code tests.get(i)} is the first that holds, else {@code otherwise}. */
    record If(List<Expr> tests, List<List<Statement>> bodies, List<Statement> otherwise, int line) implements Statement {}

    /** {@code condition} may be null; a {@code recursive} loop can be called for other values from within. */
    record For(Target target, Expr values, Expr condition, boolean recursive, List<Statement> body, List<Statement> otherwise, int line) implements Statement {}

    record SetValue(Target target, Expr value, int line) implements Statement {}

    /** {@code value} turns what the body wrote, read under {@link #BODY}, into what is set. */
    record SetBlock(Target target, Expr value, List<Statement> body, int line) implements Statement {}

    record FilterBlock(Expr value, List<Statement> body, int line) implements Statement {}

    record MacroDefinition(Signature signature, List<Statement> body, int line) implements Statement {}

    record CallBlock(Signature signature, Expr.Call call, List<Statement> body, int line) implements Statement {}

    record With(List<Target> targets, List<Expr> values, List<Statement> body, int line) implements Statement {}

    record Generation(List<Statement> body, int line) implements Statement {}

    record Break(int line) implements Statement {}

    record Continue(int line) implements Statement {}

    /** Name under which a captured body is read; no template can spell it. */
    String BODY = " body";

    /** Name and parameters of a macro; the defaults belong to the last parameters. */
    record Signature(String name, List<String> parameters, List<Expr> defaults) {}

    /** What is assigned to. */
    sealed interface Target {
        record Variable(String name) implements Target {}

        record Several(List<Target> targets) implements Target {}

        record OfNamespace(String namespace, String attribute) implements Target {}
    }
}
