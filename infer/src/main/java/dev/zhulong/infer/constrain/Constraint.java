package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Grammar.Rule;

/**
 * What a model may write: texts that match a regular expression, or JSON that is valid under a schema.
 *
 * <pre>{@code
 * var tokens = TokenBytes.of(tokenizer);
 * var constraint = Constraint.jsonSchema("{\"type\": \"integer\"}", tokens);
 * ConstraintState state = constraint.start();
 * long[] allowed = state.mask();
 * state = state.after(id);
 * }</pre>
 *
 * <p>Compiled once, shared by any number of sequences and threads. Every text it allows can be ended: from each state a token leads on or
 * the text may end, and an end can always be reached. {@code docs/constrained-decoding.md} lists what is understood.
 */
public final class Constraint {
    /** How much deeper than it must a JSON text may be nested. */
    private static final int EXTRA_DEPTH = 32;

    private final Automaton automaton;
    private final TokenBytes tokens;
    private final KeyFilter keys;

    private Constraint(Automaton automaton, TokenBytes tokens, KeyFilter keys) {
        this.automaton = automaton;
        this.tokens = tokens;
        this.keys = keys;
    }

    /**
     * Texts that match {@code pattern} as a whole.
     *
     * @throws IllegalArgumentException if the pattern is malformed, uses what is not supported (the message has the position), matches
     *                                  nothing, or nothing that the vocabulary can write
     */
    public static Constraint regex(String pattern, TokenBytes tokens) {
        var grammar = new Grammar(tokens.characters());
        return limited(new Constraint(new Automaton(grammar, regex(pattern, grammar), 0), tokens, null));
    }

    private static Rule regex(String pattern, Grammar grammar) {
        var root = new Rule();
        root.start = grammar.add(RegexParser.whole(pattern), grammar.end());
        return possible(grammar, root, JsonText.oneLine("the regular expression " + pattern + " matches no text"));
    }

    /** Refuses what {@link #regex(String, TokenBytes)} would refuse with every vocabulary: before one is read. */
    public static void checkRegex(String pattern) {
        regex(pattern, new Grammar(CodePoints.ALL));
    }

    /**
     * JSON texts that are valid under a schema of the draft 2020-12.
     *
     * @throws IllegalArgumentException if it is no schema, asserts by a keyword that is not supported (the message names it and where), allows
     *                                  no value, or none that the vocabulary can write, or takes too much memory
     */
    public static Constraint jsonSchema(String schema, TokenBytes tokens) {
        var grammar = new Grammar(tokens.characters());
        SchemaCompiler.Compiled compiled = schema(schema, grammar);
        return limited(new Constraint(new Automaton(grammar, compiled.root(), EXTRA_DEPTH), tokens, compiled.freeKeys() ? tokens.keys() : null));
    }

    private static Constraint limited(Constraint constraint) {
        if (constraint.bytes() > ConstraintMemory.MOST) {
            throw new IllegalArgumentException("the constraint needs " + (constraint.bytes() >> 20) + " MB, more than the " + (ConstraintMemory.MOST >> 20)
                    + " MB that one may take: use smaller bounds of repeats, lengths and items, or give the process more heap (-Xmx)");
        }
        return constraint;
    }

    private static SchemaCompiler.Compiled schema(String schema, Grammar grammar) {
        SchemaCompiler.Compiled compiled = SchemaCompiler.compile(grammar, SchemaReader.parse(schema));
        possible(grammar, compiled.root(), "no JSON value is valid under the schema");
        return compiled;
    }

    /** Refuses what {@link #jsonSchema} would refuse with every vocabulary: before one is read. */
    public static void checkJsonSchema(String schema) {
        schema(schema, new Grammar(CodePoints.ALL));
    }

    /** Any JSON object. */
    public static Constraint json(TokenBytes tokens) {
        return jsonSchema("{\"type\": \"object\"}", tokens);
    }

    private static Rule possible(Grammar grammar, Rule root, String nothing) {
        grammar.measure();
        if (root.height() == Grammar.IMPOSSIBLE) {
            throw new IllegalArgumentException(nothing + (grammar.missing().isEmpty() ? "" : " that can be written: " + grammar.missing()));
        }
        return root;
    }

    /** Before any text, where tokens go on after others. */
    public ConstraintState start() {
        return new ConstraintState(this, automaton.start(), tokens.inside(), ObjectKeys.START);
    }

    /**
     * Before any text, where there is none before it either (a prompt of control tokens alone): some vocabularies drop a space at the start
     * of a text.
     */
    public ConstraintState startOfText() {
        return new ConstraintState(this, automaton.start(), tokens.first(), ObjectKeys.START);
    }

    /** Bytes of memory, as estimated; they grow, within bounds, while texts are followed. */
    public long bytes() {
        return automaton.bytes();
    }

    Automaton automaton() {
        return automaton;
    }

    TokenBytes tokens() {
        return tokens;
    }

    /** Null where no object has keys that are not declared. */
    KeyFilter keys() {
        return keys;
    }
}
