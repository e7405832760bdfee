package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
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

/** Turns a schema into a grammar of the JSON texts that are valid under it: a rule for each schema, called for each value. */
final class SchemaCompiler {
    static final TextAutomaton COMMA = TextAutomaton.of(Expression.sequence(Expression.text(","), JsonText.SPACE));
    static final TextAutomaton SPACE = TextAutomaton.of(JsonText.SPACE);
    private static final TextAutomaton ANY_STRING = TextAutomaton.of(new Repeat(JsonText.CHARACTER, 0, Repeat.UNBOUNDED));

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
                case ARRAY -> options.add(new ArrayGrammar(grammar, reader, this::rule, shape).add(end));
                case OBJECT -> {
                    var object = new ObjectGrammar(grammar, reader, this::rule, shape);
                    freeKeys |= object.hasFreeKeys();
                    options.add(object.add(end));
                }
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
        return texts(shape).written(JsonText::written);
    }

    /** The texts of an alternative's strings, by their characters. */
    static TextAutomaton texts(Shape shape) {
        if (shape.values() != null) {
            return TextAutomaton.of(new Choice(shape.values().stream().filter(JsonNode::isTextual).map(JsonNode::textValue)
                    .filter(text -> shape.texts().stream().allMatch(each -> each.accepts(text)) && shape.lengths().contains(text.codePointCount(0, text.length()))).map(Expression::text).toList()));
        }
        Range lengths = shape.lengths();
        TextAutomaton all = shape.texts().stream().reduce(TextAutomaton::and).orElse(null);
        if (all == null || !lengths.equals(Range.ANY)) {
            int most = lengths.most() == Integer.MAX_VALUE ? Repeat.UNBOUNDED : Math.min(lengths.most(), SchemaReader.MOST);
            TextAutomaton ofLength = lengths.isEmpty() ? TextAutomaton.of(new Choice(List.of())) : TextAutomaton.of(new Repeat(new Chars(CodePoints.ALL), lengths.least(), most));
            all = all == null ? ofLength : all.and(ofLength);
        }
        return all;
    }
}
