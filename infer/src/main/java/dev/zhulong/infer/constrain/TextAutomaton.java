package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Expression.Chars;
import dev.zhulong.infer.constrain.Expression.Choice;
import dev.zhulong.infer.constrain.Expression.Repeat;
import dev.zhulong.infer.constrain.Expression.Sequence;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** A nondeterministic finite automaton over characters, without empty moves: a set of texts that can be intersected with others. */
final class TextAutomaton {
    /** Beyond these an expression is refused: it would take memory and time out of proportion to what it says. */
    private static final int MOST_STATES = 100_000;
    private static final int MOST_EDGES = ConstraintMemory.fitting(2_000_000, ConstraintMemory.EDGE);

    record Edge(CodePoints set, int to) {}

    private final int start;
    private final List<List<Edge>> edges;
    private final BitSet accepting;

    private TextAutomaton(int start, List<List<Edge>> edges, BitSet accepting) {
        this.start = start;
        this.edges = edges;
        this.accepting = accepting;
    }

    static TextAutomaton of(Expression expression) {
        var builder = new Builder();
        int end = builder.state();
        builder.accept(end);
        return builder.build(builder.add(expression, end));
    }

    int start() {
        return start;
    }

    int states() {
        return edges.size();
    }

    List<Edge> edges(int state) {
        return edges.get(state);
    }

    boolean accepts(int state) {
        return accepting.get(state);
    }

    boolean accepts(String text) {
        var states = new BitSet();
        states.set(start);
        for (int c : text.codePoints().toArray()) {
            var next = new BitSet();
            states.stream().forEach(state -> {
                for (Edge edge : edges.get(state)) {
                    if (edge.set.contains(c)) {
                        next.set(edge.to);
                    }
                }
            });
            states = next;
        }
        return states.intersects(accepting);
    }

    boolean isEmpty() {
        var seen = new BitSet();
        Deque<Integer> open = new ArrayDeque<>(List.of(start));
        seen.set(start);
        while (!open.isEmpty()) {
            for (Edge edge : edges.get(open.pop())) {
                if (!seen.get(edge.to)) {
                    seen.set(edge.to);
                    open.push(edge.to);
                }
            }
        }
        return !seen.intersects(accepting);
    }

    /** All texts but {@code these}. */
    static TextAutomaton but(Collection<String> these) {
        var builder = new Builder();
        int free = builder.state();
        builder.accept(free);
        builder.edge(free, CodePoints.ALL, free);
        return builder.build(but(these.stream().map(text -> text.codePoints().boxed().toList()).collect(Collectors.toSet()), builder, free));
    }

    private static int but(Set<List<Integer>> these, Builder builder, int free) {
        int here = builder.state();
        if (!these.contains(List.<Integer>of())) {
            builder.accept(here);
        }
        Map<Integer, Set<List<Integer>>> rests = these.stream().filter(text -> !text.isEmpty())
                .collect(Collectors.groupingBy(List::getFirst, Collectors.mapping(text -> text.subList(1, text.size()), Collectors.toSet())));
        CodePoints others = CodePoints.ALL;
        for (var rest : rests.entrySet()) {
            CodePoints first = CodePoints.of(rest.getKey(), rest.getKey());
            others = others.without(first);
            builder.edge(here, first, but(rest.getValue(), builder, free));
        }
        builder.edge(here, others, free);
        return here;
    }

    /** All texts that are not in this one. */
    TextAutomaton complement() {
        return followed(true);
    }

    /** The same texts, each of which leads to one state alone. */
    TextAutomaton deterministic() {
        return followed(false);
    }

    /** Sets of states are followed, each text through one of them. */
    private TextAutomaton followed(boolean others) {
        var builder = new Builder();
        Map<BitSet, Integer> numbers = new HashMap<>();
        Deque<BitSet> open = new ArrayDeque<>();
        Function<BitSet, Integer> number = states -> numbers.computeIfAbsent(states, _ -> {
            open.add(states);
            return builder.state();
        });
        var first = new BitSet();
        first.set(start);
        int from = number.apply(first);
        long made = 0;
        while (!open.isEmpty()) {
            BitSet states = open.pop();
            if (states.intersects(accepting) != others) {
                builder.accept(numbers.get(states));
            }
            for (Map.Entry<CodePoints, BitSet> step : steps(states)) {
                builder.edge(numbers.get(states), step.getKey(), number.apply(step.getValue()));
                if (++made > MOST_EDGES) {
                    throw Builder.tooLarge();
                }
            }
        }
        return builder.build(from);
    }

    /** Characters, parted by the states that they lead to from {@code states}; those that lead nowhere too. */
    private List<Map.Entry<CodePoints, BitSet>> steps(BitSet states) {
        List<Map.Entry<CodePoints, BitSet>> parts = List.of(Map.entry(CodePoints.ALL, new BitSet()));
        for (int state : states.stream().toArray()) {
            for (Edge edge : edges.get(state)) {
                List<Map.Entry<CodePoints, BitSet>> finer = new ArrayList<>();
                for (Map.Entry<CodePoints, BitSet> part : parts) {
                    CodePoints within = part.getKey().and(edge.set);
                    if (within.isEmpty() || part.getValue().get(edge.to)) {
                        finer.add(part);
                        continue;
                    }
                    BitSet more = (BitSet) part.getValue().clone();
                    more.set(edge.to);
                    finer.add(Map.entry(within, more));
                    CodePoints without = part.getKey().without(edge.set);
                    if (!without.isEmpty()) {
                        finer.add(Map.entry(without, part.getValue()));
                    }
                }
                parts = finer;
            }
        }
        return parts;
    }

    /** Texts in both. */
    TextAutomaton and(TextAutomaton other) {
        var builder = new Builder();
        Map<Long, Integer> numbers = new HashMap<>();
        Deque<long[]> open = new ArrayDeque<>();
        Function<long[], Integer> number = pair -> numbers.computeIfAbsent(pair[0] << 32 | pair[1], _ -> {
            open.add(pair);
            return builder.state();
        });
        int first = number.apply(new long[] {start, other.start});
        long compared = 0;
        while (!open.isEmpty()) {
            long[] pair = open.pop();
            int from = number.apply(pair);
            if (accepting.get((int) pair[0]) && other.accepting.get((int) pair[1])) {
                builder.accept(from);
            }
            compared += (long) edges.get((int) pair[0]).size() * other.edges.get((int) pair[1]).size();
            if (compared > MOST_EDGES) {
                throw Builder.tooLarge();
            }
            for (Edge mine : edges.get((int) pair[0])) {
                for (Edge theirs : other.edges.get((int) pair[1])) {
                    CodePoints both = mine.set.and(theirs.set);
                    if (!both.isEmpty()) {
                        builder.edge(from, both, number.apply(new long[] {mine.to, theirs.to}));
                    }
                }
            }
        }
        return builder.build(first);
    }

    /** Every character written as {@code writing} of its set says. */
    TextAutomaton written(Function<CodePoints, Expression> writing) {
        var builder = new Builder();
        for (int state = 0; state < edges.size(); state++) {
            builder.state();
            if (accepting.get(state)) {
                builder.accept(state);
            }
        }
        for (int state = 0; state < edges.size(); state++) {
            for (Edge edge : edges.get(state)) {
                builder.empty(state, builder.add(writing.apply(edge.set), edge.to));
            }
        }
        return builder.build(start);
    }

    /** Makes an automaton state by state. */
    static final class Builder {
        private final List<List<Edge>> edges = new ArrayList<>();
        private final List<List<Integer>> empty = new ArrayList<>();
        private final BitSet accepting = new BitSet();

        int state() {
            if (edges.size() == MOST_STATES) {
                throw tooLarge();
            }
            edges.add(new ArrayList<>(1));
            empty.add(new ArrayList<>(0));
            return edges.size() - 1;
        }

        void edge(int from, CodePoints set, int to) {
            edges.get(from).add(new Edge(set, to));
        }

        void empty(int from, int to) {
            empty.get(from).add(to);
        }

        void accept(int state) {
            accepting.set(state);
        }

        /** The state from which a text of {@code expression} leads to {@code next}. */
        int add(Expression expression, int next) {
            return switch (expression) {
                case Chars(CodePoints set) -> {
                    int from = state();
                    if (!set.isEmpty()) {
                        edge(from, set, next);
                    }
                    yield from;
                }
                case Sequence(List<Expression> parts) -> {
                    int from = next;
                    for (Expression part : parts.reversed()) {
                        from = add(part, from);
                    }
                    yield from;
                }
                case Choice(List<Expression> options) -> {
                    int from = state();
                    for (Expression option : options) {
                        empty(from, add(option, next));
                    }
                    yield from;
                }
                case Repeat repeat -> add(repeat, next);
            };
        }

        private int add(Repeat repeat, int next) {
            int from = next;
            if (repeat.max() == Repeat.UNBOUNDED) {
                from = state();
                empty(from, next);
                empty(from, add(repeat.body(), from));
            } else {
                for (int i = repeat.min(); i < repeat.max(); i++) {
                    int skip = state();
                    empty(skip, next);
                    empty(skip, add(repeat.body(), from));
                    from = skip;
                }
            }
            for (int i = 0; i < repeat.min(); i++) {
                from = add(repeat.body(), from);
            }
            return from;
        }

        TextAutomaton build(int start) {
            List<List<Edge>> all = new ArrayList<>();
            var accepts = new BitSet();
            int count = 0;
            for (int state = 0; state < edges.size(); state++) {
                if (empty.get(state).isEmpty()) {
                    all.add(edges.get(state));
                    accepts.set(state, accepting.get(state));
                    continue;
                }
                var reached = new BitSet();
                List<Edge> together = new ArrayList<>();
                Deque<Integer> open = new ArrayDeque<>(List.of(state));
                reached.set(state);
                while (!open.isEmpty()) {
                    int each = open.pop();
                    together.addAll(edges.get(each));
                    for (int to : empty.get(each)) {
                        if (!reached.get(to)) {
                            reached.set(to);
                            open.push(to);
                        }
                    }
                }
                all.add(together);
                count += together.size();
                if (count > MOST_EDGES) {
                    throw tooLarge();
                }
                accepts.set(state, reached.intersects(accepting));
            }
            return new TextAutomaton(start, all, accepts);
        }

        private static IllegalArgumentException tooLarge() {
            return new IllegalArgumentException("the constraint needs an automaton of more than " + MOST_STATES + " states or " + MOST_EDGES
                    + " edges: use smaller bounds of repeats and lengths");
        }
    }
}
