package dev.zhulong.infer.constrain;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Rules over bytes, which may call one another: a recursive transition network. Built from the end back: what is added leads to a given
 * state. Characters that the vocabulary cannot write are left out.
 */
final class Grammar {
    static final int IMPOSSIBLE = Integer.MAX_VALUE;
    private static final int MOST_STATES = ConstraintMemory.fitting(1_000_000, ConstraintMemory.STATE + ConstraintMemory.EDGE);

    /** A byte from {@code first} to {@code last} leads to a state. */
    record Edge(int first, int last, State to) {}

    /** A point within a rule. */
    static final class State {
        final int number;
        final List<Edge> edges = new ArrayList<>(1);
        final List<State> empty = new ArrayList<>(1);
        /** The rule to be gone through before {@link #after}; null for none. */
        Rule call;
        State after;
        /** Whether the rule ends here. */
        boolean end;
        /** The fewest calls within calls that it takes to reach the rule's end. */
        int height = IMPOSSIBLE;
        /** Whether a call can come before the rule's end. */
        boolean calls;

        private State(int number) {
            this.number = number;
        }
    }

    /** What a call goes through. */
    static final class Rule {
        State start;

        int height() {
            return start.height;
        }
    }

    private final CodePoints writable;
    private final List<State> states = new ArrayList<>();
    private final TreeSet<Integer> missing = new TreeSet<>();

    /** @param writable characters the vocabulary has tokens for */
    Grammar(CodePoints writable) {
        this.writable = writable;
    }

    State state() {
        if (states.size() == MOST_STATES) {
            throw new IllegalArgumentException("the constraint needs more than " + MOST_STATES
                    + " states: use smaller bounds of repeats, lengths and items, or give the process more heap (-Xmx)");
        }
        var state = new State(states.size());
        states.add(state);
        return state;
    }

    State end() {
        State state = state();
        state.end = true;
        return state;
    }

    /** A state that leads to each of {@code options}. */
    State choice(List<State> options) {
        State state = state();
        state.empty.addAll(options);
        return state;
    }

    State call(Rule rule, State after) {
        State state = state();
        state.call = rule;
        state.after = after;
        return state;
    }

    State text(String text, State next) {
        return add(Expression.text(text), next);
    }

    State add(Expression expression, State next) {
        return add(TextAutomaton.of(expression), next);
    }

    /** The state from which each text of {@code texts} leads to {@code next}. */
    State add(TextAutomaton texts, State next) {
        Map<Integer, State> made = new HashMap<>();
        Map<State, Utf8> targets = new HashMap<>();
        Deque<Integer> open = new ArrayDeque<>(List.of(texts.start()));
        made.put(texts.start(), state());
        while (!open.isEmpty()) {
            int number = open.pop();
            State from = made.get(number);
            if (texts.accepts(number)) {
                from.empty.add(next);
            }
            for (TextAutomaton.Edge edge : texts.edges(number)) {
                CodePoints set = edge.set().and(writable);
                if (set.isEmpty()) {
                    missing.add(edge.set().first(0));
                    continue;
                }
                State to = made.computeIfAbsent(edge.to(), n -> {
                    open.push(n);
                    return state();
                });
                targets.computeIfAbsent(to, t -> new Utf8(this, t)).add(from, set);
            }
        }
        return made.get(texts.start());
    }

    /** Bytes of memory, as estimated. */
    long bytes() {
        long bytes = 0;
        for (State state : states) {
            bytes += ConstraintMemory.STATE + (long) ConstraintMemory.EDGE * state.edges.size() + (long) ConstraintMemory.ENTRY * state.empty.size();
        }
        return bytes;
    }

    List<State> states() {
        return states;
    }

    /** For errors: a character the vocabulary lacks, as words; empty if none was missed. */
    String missing() {
        return missing.isEmpty() ? "" : String.format("the vocabulary has no token for %s (U+%04X)",
                Character.isISOControl(missing.first()) ? "a control character" : Character.toString(missing.first()), missing.first());
    }

    /** Works out {@link State#height} and {@link State#calls}, after all rules are made. */
    void measure() {
        List<List<State>> before = new ArrayList<>();
        Map<Rule, List<State>> callers = new HashMap<>();
        states.forEach(_ -> before.add(new ArrayList<>(1)));
        for (State state : states) {
            state.edges.forEach(edge -> before.get(edge.to.number).add(state));
            state.empty.forEach(to -> before.get(to.number).add(state));
            if (state.call != null) {
                before.get(state.after.number).add(state);
                callers.computeIfAbsent(state.call, _ -> new ArrayList<>()).add(state);
            }
        }
        Map<State, List<State>> calledFrom = new HashMap<>();
        callers.forEach((rule, from) -> calledFrom.computeIfAbsent(rule.start, _ -> new ArrayList<>()).addAll(from));
        Deque<State> open = new ArrayDeque<>(states);
        while (!open.isEmpty()) {
            State state = open.poll();
            int height = height(state);
            boolean calls = state.call != null || state.empty.stream().anyMatch(to -> to.calls)
                    || state.edges.stream().anyMatch(edge -> edge.to.calls);
            if (height != state.height || calls != state.calls) {
                state.height = height;
                state.calls = calls;
                open.addAll(before.get(state.number));
                open.addAll(calledFrom.getOrDefault(state, List.of()));
            }
        }
    }

    private static int height(State state) {
        int least = state.end ? 0 : IMPOSSIBLE;
        for (Edge edge : state.edges) {
            least = Math.min(least, edge.to.height);
        }
        for (State to : state.empty) {
            least = Math.min(least, to.height);
        }
        if (state.call != null && state.call.height() != IMPOSSIBLE) {
            least = Math.min(least, Math.max(1 + state.call.height(), state.after.height));
        }
        return least;
    }
}
