package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Grammar.Rule;
import dev.zhulong.infer.constrain.Grammar.State;
import dev.zhulong.infer.constrain.Shape.Members;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Pattern;
import dev.zhulong.infer.constrain.Shape.Range;
import dev.zhulong.infer.constrain.Shape.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Objects as texts: members in the order of their declaration, then others. */
final class ObjectGrammar {
    private static final TextAutomaton COLON = TextAutomaton.of(Expression.sequence(Expression.text(":"), JsonText.ONE_SPACE));
    /** Of an object whose members are counted; the states of each count are written out. */
    private static final int MOST_MEMBERS = 500;
    private static final int MOST_STATES = 20_000;
    /** Patterns of keys that may hold in any combination. */
    private static final int MOST_PATTERNS = 6;
    /** Keys of a pattern that has no more than these are listed. */
    private static final int MOST_LISTED = 1000;

    private final Grammar grammar;
    private final SchemaReader reader;
    private final Function<List<Part>, Rule> rules;
    private final Shape shape;
    /** What each listed key has to be. */
    private final Map<String, List<Part>> listed = new LinkedHashMap<>();
    private final List<Free> free = new ArrayList<>();

    /** Keys without end, and what their values have to be. */
    private record Free(TextAutomaton keys, List<Part> value) {}

    ObjectGrammar(Grammar grammar, SchemaReader reader, Function<List<Part>, Rule> rules, Shape shape) {
        this.grammar = grammar;
        this.reader = reader;
        this.rules = rules;
        this.shape = shape;
        for (String key : shape.keys()) {
            if (Validity.isKey(reader, shape.objects(), key)) {
                listed.put(key, shape.member(key));
            }
        }
        List<Pattern> patterns = shape.objects().members().stream().flatMap(members -> members.patterns().stream()).toList();
        if (patterns.size() > MOST_PATTERNS) {
            throw new IllegalArgumentException("the JSON schema has more than " + MOST_PATTERNS + " patternProperties for one object, which is not supported");
        }
        for (int chosen = 0; chosen < 1 << patterns.size(); chosen++) {
            keys(patterns, chosen);
        }
    }

    /** Whether there are keys that are not listed. */
    boolean hasFreeKeys() {
        return !free.isEmpty();
    }

    /** Keys that belong to the chosen patterns and to no other one. */
    private void keys(List<Pattern> patterns, int chosen) {
        List<Part> value = new ArrayList<>();
        for (Members members : shape.objects().members()) {
            value.addAll(members.of(members.patterns().stream().filter(pattern -> (chosen >> patterns.indexOf(pattern) & 1) != 0).toList()));
        }
        if (reader.shapes(value).isEmpty()) {
            return;
        }
        List<TextAutomaton> options = List.of(TextAutomaton.but(shape.keys()));
        for (int i = 0; i < patterns.size(); i++) {
            TextAutomaton own = (chosen >> i & 1) != 0 ? patterns.get(i).keys() : patterns.get(i).keys().complement();
            options = options.stream().map(keys -> keys.and(own)).toList();
        }
        for (Part name : shape.objects().names()) {
            List<TextAutomaton> narrower = new ArrayList<>();
            for (Shape text : reader.shapes(List.of(name))) {
                if (text.types().contains(Type.STRING)) {
                    TextAutomaton allowed = SchemaCompiler.texts(text);
                    options.forEach(keys -> narrower.add(keys.and(allowed)));
                }
            }
            options = narrower;
        }
        for (TextAutomaton keys : options) {
            if (TextSupply.isEndless(keys)) {
                free.add(new Free(keys, value));
                continue;
            }
            List<String> all = TextSupply.all(keys, MOST_LISTED);
            if (all == null) {
                throw new IllegalArgumentException("the JSON schema allows keys that are neither few nor without end (a pattern such as ^[a-z]{3}$, or a maxLength), which is not supported");
            }
            all.forEach(key -> listed.putIfAbsent(key, value));
        }
    }

    State add(State end) {
        Range counts = shape.objects().counts();
        List<String> keys = List.copyOf(listed.keySet());
        if (counts.isEmpty() || !keys.containsAll(shape.objects().required())) {
            return grammar.state();
        }
        boolean bounded = counts.most() != Integer.MAX_VALUE;
        // more members than this are not told apart
        int top = bounded ? Math.min(counts.most(), Math.max(counts.least(), MOST_MEMBERS)) : counts.least();
        if ((long) (keys.size() + 1) * (top + 1) > MOST_STATES) {
            throw new IllegalArgumentException("the JSON schema counts up to " + top + " members of an object with " + keys.size() + " declared ones, which is not supported");
        }
        State close = grammar.add(SchemaCompiler.SPACE, grammar.text("}", end));
        // by the number of members so far: the place of a key, and the place after a value, from which on only keys that are not listed can follow
        State[] key = new State[top + 1];
        State[] after = new State[top + 1];
        for (int n = 0; n <= top; n++) {
            key[n] = grammar.state();
            after[n] = grammar.state();
        }
        for (int n = 0; n <= top; n++) {
            int next = bounded ? n + 1 : Math.min(n + 1, top);
            for (Free each : next <= top ? free : List.<Free>of()) {
                State value = grammar.add(COLON, grammar.call(rules.apply(each.value()), after[next]));
                key[n].empty.add(grammar.text("\"", grammar.add(each.keys().written(JsonText::written), grammar.text("\"", value))));
            }
            follow(after[n], key[n], n, true, close);
        }
        boolean closes = true;
        for (String name : keys.reversed()) {
            boolean required = shape.objects().required().contains(name);
            State[] keyBefore = new State[top + 1];
            State[] afterBefore = new State[top + 1];
            closes &= !required;
            for (int n = 0; n <= top; n++) {
                int next = bounded ? n + 1 : Math.min(n + 1, top);
                List<State> options = new ArrayList<>();
                if (next <= top) {
                    options.add(grammar.text(JsonText.quoted(name), grammar.add(COLON, grammar.call(rules.apply(listed.get(name)), after[next]))));
                }
                if (!required) {
                    options.add(key[n]);
                }
                keyBefore[n] = grammar.choice(options);
                afterBefore[n] = grammar.state();
                follow(afterBefore[n], keyBefore[n], n, closes, close);
            }
            key = keyBefore;
            after = afterBefore;
        }
        var options = new ArrayList<State>();
        options.add(grammar.add(SchemaCompiler.SPACE, key[0]));
        if (shape.objects().required().isEmpty() && counts.least() == 0) {
            options.add(grammar.text("}", end));
        }
        return grammar.text("{", grammar.choice(options));
    }

    private void follow(State after, State key, int members, boolean closes, State close) {
        after.empty.add(grammar.add(SchemaCompiler.COMMA, key));
        if (closes && members >= shape.objects().counts().least()) {
            after.empty.add(close);
        }
    }
}
