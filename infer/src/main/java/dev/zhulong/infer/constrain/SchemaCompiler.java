package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Expression.Chars;
import dev.zhulong.infer.constrain.Expression.Choice;
import dev.zhulong.infer.constrain.Expression.Repeat;
import dev.zhulong.infer.constrain.Grammar.Rule;
import dev.zhulong.infer.constrain.Grammar.State;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Range;
import dev.zhulong.infer.constrain.Shape.Type;
import java.util.ArrayDeque;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Turns a schema into a grammar of the JSON texts that are valid under it: a rule for each schema, called for each value. */
final class SchemaCompiler {
    private static final TextAutomaton COMMA = TextAutomaton.of(Expression.sequence(Expression.text(","), JsonText.SPACE));
    private static final TextAutomaton SPACE = TextAutomaton.of(JsonText.SPACE);
    private static final TextAutomaton COLON = TextAutomaton.of(Expression.sequence(Expression.text(":"), JsonText.ONE_SPACE));
    private static final TextAutomaton ANY_STRING = TextAutomaton.of(new Repeat(JsonText.CHARACTER, 0, Repeat.UNBOUNDED));

    /** Of an array whose size has a limit; the states of each are written out. */
    private static final int MOST_ITEMS = 500;

    private final Grammar grammar;
    private final SchemaReader reader;
    private final Map<Set<Part>, Rule> rules = new HashMap<>();
    private final Deque<Map.Entry<List<Part>, Rule>> open = new ArrayDeque<>();
    private boolean freeKeys;

    private SchemaCompiler(Grammar grammar, SchemaReader reader) {
        this.grammar = grammar;
        this.reader = reader;
    }

    /** What a schema becomes: the rule of its texts, and whether they can hold keys that it does not declare. */
    record Compiled(Rule root, boolean freeKeys) {}

    /** @throws IllegalArgumentException for a schema that is none or uses what is not supported */
    static Compiled compile(Grammar grammar, SchemaReader reader) {
        var compiler = new SchemaCompiler(grammar, reader);
        Rule root = compiler.rule(List.of(reader.root()));
        while (!compiler.open.isEmpty()) {
            var next = compiler.open.poll();
            State end = grammar.end();
            next.getValue().start = grammar.choice(reader.shapes(next.getKey()).stream().map(shape -> compiler.value(shape, end)).toList());
        }
        reader.check();
        return new Compiled(root, compiler.freeKeys);
    }

    /** The rule of values that satisfy all of {@code parts}. */
    private Rule rule(List<Part> parts) {
        return rules.computeIfAbsent(Set.copyOf(parts), _ -> {
            var rule = new Rule();
            open.add(Map.entry(parts, rule));
            return rule;
        });
    }

    private State value(Shape shape, State end) {
        if (shape.values() != null) {
            return grammar.add(new Choice(shape.values().stream().filter(value -> Validity.of(reader, shape, value)).map(JsonText::compact)
                    .distinct().map(Expression::text).toList()), end);
        }
        var options = new ArrayList<State>();
        for (Type type : shape.types()) {
            switch (type) {
                case NULL -> options.add(grammar.text("null", end));
                case BOOLEAN -> options.add(grammar.add(Expression.choice(Expression.text("true"), Expression.text("false")), end));
                case WHOLE -> options.add(grammar.add(multiples(shape, Numbers.whole(shape.bounds())), end));
                case FRACTION -> options.add(shape.divisors().isEmpty() ? grammar.add(Numbers.decimal(shape.bounds()), end) : grammar.add(multiples(shape, Numbers.pointed(shape.bounds())), end));
                case STRING -> options.add(string(shape, end));
                case ARRAY -> options.add(array(shape, end));
                case OBJECT -> options.add(object(shape, end));
            }
        }
        return grammar.choice(options);
    }

    private static TextAutomaton multiples(Shape shape, Expression numbers) {
        TextAutomaton multiples = TextAutomaton.of(numbers);
        for (BigDecimal divisor : shape.divisors()) {
            multiples = multiples.and(Numbers.multiples(divisor));
        }
        return multiples;
    }

    private State string(Shape shape, State end) {
        return grammar.text("\"", grammar.add(content(shape), grammar.text("\"", end)));
    }

    private static TextAutomaton content(Shape shape) {
        Range lengths = shape.lengths();
        if (lengths.isEmpty()) {
            return TextAutomaton.of(new Choice(List.of()));
        }
        int most = lengths.most() == Integer.MAX_VALUE ? Repeat.UNBOUNDED : Math.min(lengths.most(), SchemaReader.MOST);
        if (shape.texts().isEmpty()) {
            return lengths.equals(Range.ANY) ? ANY_STRING : TextAutomaton.of(new Repeat(JsonText.CHARACTER, lengths.least(), most));
        }
        TextAutomaton all = shape.texts().stream().reduce(TextAutomaton::and).orElseThrow();
        if (!lengths.equals(Range.ANY)) {
            all = all.and(TextAutomaton.of(new Repeat(new Chars(CodePoints.ALL), lengths.least(), most)));
        }
        return all.written(JsonText::written);
    }

    private State array(Shape shape, State end) {
        int least = shape.sizes().least();
        boolean bounded = shape.sizes().most() != Integer.MAX_VALUE;
        int most = bounded ? Math.min(shape.sizes().most(), Math.max(least, MOST_ITEMS)) : Math.max(1, Math.max(least, shape.firstItems()));
        State close = grammar.add(SPACE, grammar.text("]", end));
        State more = null;
        for (int count = most; count > 0; count--) {
            State here = grammar.state();
            if (count >= least) {
                here.empty.add(close);
            }
            if (count < most) {
                here.empty.add(grammar.add(COMMA, grammar.call(rule(shape.item(count)), more)));
            } else if (!bounded) {
                here.empty.add(grammar.add(COMMA, grammar.call(rule(shape.item(count)), here)));
            }
            more = here;
        }
        var options = new ArrayList<State>();
        if (least == 0) {
            options.add(grammar.text("]", end));
        }
        if (more != null) {
            options.add(grammar.add(SPACE, grammar.call(rule(shape.item(0)), more)));
        }
        return grammar.text("[", grammar.choice(options));
    }

    /** Members in the order of their declaration, then others. */
    private State object(Shape shape, State end) {
        List<String> keys = List.copyOf(shape.keys());
        State close = grammar.add(SPACE, grammar.text("}", end));
        // After a member from which on only such as are not declared can follow.
        State after = grammar.state();
        after.empty.add(close);
        State key = grammar.state();
        if (!reader.shapes(shape.otherMembers()).isEmpty()) {
            freeKeys = true;
            State value = grammar.add(COLON, grammar.call(rule(shape.otherMembers()), after));
            key.empty.add(grammar.text("\"", grammar.add(others(keys), grammar.text("\"", value))));
        }
        after.empty.add(grammar.add(COMMA, key));
        boolean closes = true;
        for (String each : keys.reversed()) {
            State value = grammar.add(COLON, grammar.call(rule(shape.member(each)), after));
            State here = grammar.text(JsonText.quoted(each), value);
            boolean required = shape.required().contains(each);
            key = required ? here : grammar.choice(List.of(here, key));
            closes &= !required;
            after = grammar.state();
            after.empty.add(grammar.add(COMMA, key));
            if (closes) {
                after.empty.add(close);
            }
        }
        var options = new ArrayList<State>();
        options.add(grammar.add(SPACE, key));
        if (shape.required().isEmpty()) {
            options.add(grammar.text("}", end));
        }
        return grammar.text("{", grammar.choice(options));
    }

    /** Keys that are none of {@code declared}, each in one spelling. */
    private static TextAutomaton others(List<String> declared) {
        var builder = new TextAutomaton.Builder();
        int free = builder.state();
        builder.accept(free);
        builder.edge(free, CodePoints.ALL, free);
        int start = others(declared.stream().map(key -> key.codePoints().boxed().toList()).collect(Collectors.toSet()), builder, free);
        return builder.build(start).written(JsonText::written);
    }

    private static int others(Set<List<Integer>> declared, TextAutomaton.Builder builder, int free) {
        int here = builder.state();
        if (!declared.contains(List.<Integer>of())) {
            builder.accept(here);
        }
        Map<Integer, Set<List<Integer>>> rests = declared.stream().filter(key -> !key.isEmpty())
                .collect(Collectors.groupingBy(List::getFirst, Collectors.mapping(key -> key.subList(1, key.size()), Collectors.toSet())));
        CodePoints others = CodePoints.ALL;
        for (var rest : rests.entrySet()) {
            CodePoints first = CodePoints.of(rest.getKey(), rest.getKey());
            others = others.without(first);
            builder.edge(here, first, others(rest.getValue(), builder, free));
        }
        builder.edge(here, others, free);
        return here;
    }
}
