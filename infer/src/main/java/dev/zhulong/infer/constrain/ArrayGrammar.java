package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.zhulong.infer.constrain.Grammar.Rule;
import dev.zhulong.infer.constrain.Grammar.State;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Range;
import dev.zhulong.infer.constrain.Shape.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Arrays as texts. */
final class ArrayGrammar {
    /** Of an array whose size has a limit; the states of each are written out. */
    private static final int MOST_ITEMS = 500;
    /** Schemas that an item each has to satisfy, in any order. */
    private static final int MOST_CONTAINED = 3;
    /** Values of which each may be there once: for each set of them there is a state. */
    private static final int MOST_UNIQUE = 10;

    private final Grammar grammar;
    private final SchemaReader reader;
    private final Function<List<Part>, Rule> rules;
    private final Shape shape;
    private final Range sizes;

    ArrayGrammar(Grammar grammar, SchemaReader reader, Function<List<Part>, Rule> rules, Shape shape) {
        this.grammar = grammar;
        this.reader = reader;
        this.rules = rules;
        this.shape = shape;
        this.sizes = shape.arrays().sizes();
    }

    State add(State end) {
        List<Part> contained = shape.arrays().contained();
        if (contained.size() > MOST_CONTAINED) {
            throw SchemaReader.error(contained.getFirst(), "contains: more than " + MOST_CONTAINED + " for one array are not supported");
        }
        if (shape.arrays().unique() != null && sizes.most() > 1) {
            return unique(end);
        }
        int least = sizes.least();
        boolean bounded = sizes.most() != Integer.MAX_VALUE;
        int most = bounded ? Math.min(sizes.most(), Math.max(least, MOST_ITEMS)) : Math.max(1, Math.max(least, shape.firstItems()));
        int all = (1 << contained.size()) - 1;
        State close = close(end);
        // by what has been found of what is to be contained: after so many items
        State[] more = null;
        for (int count = most; count > 0; count--) {
            State[] here = new State[all + 1];
            for (int found = 0; found <= all; found++) {
                here[found] = grammar.state();
            }
            for (int found = 0; found <= all; found++) {
                if (count >= least && found == all) {
                    here[found].empty.add(close);
                }
                if (count < most || !bounded) {
                    here[found].empty.add(grammar.add(SchemaCompiler.COMMA, item(count, found, count < most ? more : here)));
                }
            }
            more = here;
        }
        var options = new ArrayList<State>();
        if (least == 0 && all == 0) {
            options.add(grammar.text("]", end));
        }
        if (more != null) {
            options.add(grammar.add(SchemaCompiler.SPACE, item(0, 0, more)));
        }
        return grammar.text("[", grammar.choice(options));
    }

    private State close(State end) {
        return grammar.add(SchemaCompiler.SPACE, grammar.text("]", end));
    }

    /** An item that may be one of those that have not been found yet, or several of them at once. */
    private State item(int index, int found, State[] after) {
        List<Part> contained = shape.arrays().contained();
        var options = new ArrayList<State>();
        for (int now = 0; now < after.length; now++) {
            if ((now & found) == 0) {
                List<Part> parts = new ArrayList<>(shape.item(index));
                for (int i = 0; i < contained.size(); i++) {
                    if ((now >> i & 1) != 0) {
                        parts.add(contained.get(i));
                    }
                }
                options.add(grammar.call(rules.apply(parts), after[found | now]));
            }
        }
        return options.size() == 1 ? options.getFirst() : grammar.choice(options);
    }

    /** Items of which none is there twice, where there are few values that they can have. */
    private State unique(State end) {
        Part part = shape.arrays().unique();
        if (!shape.arrays().contained().isEmpty()) {
            throw SchemaReader.error(part, "the keyword uniqueItems is not supported beside contains");
        }
        int different = shape.firstItems() + 1;
        List<JsonNode> values = new ArrayList<>();
        for (int i = 0; i < different; i++) {
            for (JsonNode value : values(part, i)) {
                if (!Shape.holds(values, value)) {
                    values.add(value);
                }
            }
        }
        if (values.size() > MOST_UNIQUE) {
            throw SchemaReader.error(part, "the keyword uniqueItems is not supported for items with more than " + MOST_UNIQUE + " values");
        }
        var options = new ArrayList<State>();
        if (sizes.contains(0)) {
            options.add(grammar.text("]", end));
        }
        options.add(grammar.add(SchemaCompiler.SPACE, next(0, values, close(end), new HashMap<>())));
        return grammar.text("[", grammar.choice(options));
    }

    /** The item after those in {@code used}. */
    private State next(int used, List<JsonNode> values, State close, Map<Integer, State> after) {
        int count = Integer.bitCount(used);
        var options = new ArrayList<State>();
        for (int i = 0; count < sizes.most() && i < values.size(); i++) {
            if ((used >> i & 1) == 0 && Validity.of(reader, shape.item(count), values.get(i))) {
                int now = used | 1 << i;
                State behind = after.get(now);
                if (behind == null) {
                    behind = grammar.state();
                    after.put(now, behind);
                    if (sizes.contains(count + 1)) {
                        behind.empty.add(close);
                    }
                    behind.empty.add(grammar.add(SchemaCompiler.COMMA, next(now, values, close, after)));
                }
                options.add(grammar.text(JsonText.compact(values.get(i)), behind));
            }
        }
        return grammar.choice(options);
    }

    /** All values that an item can have. */
    private List<JsonNode> values(Part part, int index) {
        List<JsonNode> all = new ArrayList<>();
        for (Shape item : reader.shapes(shape.item(index))) {
            if (item.values() != null) {
                item.values().stream().filter(value -> Validity.of(reader, item, value)).forEach(all::add);
                continue;
            }
            for (Type type : item.types()) {
                switch (type) {
                    case NULL -> all.add(NullNode.instance);
                    case BOOLEAN -> all.addAll(List.of(BooleanNode.TRUE, BooleanNode.FALSE));
                    default -> throw SchemaReader.error(part, "the keyword uniqueItems is not supported where items are not listed by enum or const: remove it, or list them");
                }
            }
        }
        return all;
    }
}
