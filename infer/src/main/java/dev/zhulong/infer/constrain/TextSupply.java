package dev.zhulong.infer.constrain;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.TreeSet;

/** How many texts an automaton has: where each may be written once, they must not run out. */
final class TextSupply {
    private TextSupply() {}

    /** Whether from wherever a text has led there are others without end. */
    static boolean isEndless(TextAutomaton automaton) {
        TextAutomaton texts = automaton.deterministic();
        BitSet live = live(texts);
        // what goes on for ever passes a state again: those that lead to no such state are taken away from their ends
        BitSet finite = new BitSet();
        for (boolean more = true; more; ) {
            more = false;
            for (int state = live.nextSetBit(0); state >= 0; state = live.nextSetBit(state + 1)) {
                if (!finite.get(state) && texts.edges(state).stream().allMatch(edge -> !live.get(edge.to()) || finite.get(edge.to()))) {
                    finite.set(state);
                    more = true;
                }
            }
        }
        return finite.isEmpty() && !live.isEmpty();
    }

    /** All texts in order, where there are at most {@code most}; null where there are more. */
    static List<String> all(TextAutomaton texts, int most) {
        BitSet live = live(texts);
        var found = new TreeSet<String>();
        record Begun(String text, int state) {}
        Deque<Begun> open = new ArrayDeque<>();
        if (live.get(texts.start())) {
            open.add(new Begun("", texts.start()));
        }
        int begun = 0;
        while (!open.isEmpty()) {
            Begun here = open.pop();
            if (texts.accepts(here.state)) {
                found.add(here.text);
            }
            for (TextAutomaton.Edge edge : texts.edges(here.state)) {
                for (int run = 0; live.get(edge.to()) && run < edge.set().runs(); run++) {
                    for (int c = edge.set().first(run); c <= edge.set().last(run); c++) {
                        // each that has begun ends in a text of its own, but for ways that meet
                        if (++begun > 64 * most || found.size() > most) {
                            return null;
                        }
                        open.push(new Begun(here.text + Character.toString(c), edge.to()));
                    }
                }
            }
        }
        return found.size() > most ? null : new ArrayList<>(found);
    }

    /** States that can be reached and that an end can be reached from. */
    private static BitSet live(TextAutomaton texts) {
        List<List<Integer>> before = new ArrayList<>();
        for (int state = 0; state < texts.states(); state++) {
            before.add(new ArrayList<>());
        }
        Deque<Integer> open = new ArrayDeque<>(List.of(texts.start()));
        var reached = new BitSet();
        reached.set(texts.start());
        Deque<Integer> ends = new ArrayDeque<>();
        while (!open.isEmpty()) {
            int state = open.pop();
            if (texts.accepts(state)) {
                ends.push(state);
            }
            for (TextAutomaton.Edge edge : texts.edges(state)) {
                before.get(edge.to()).add(state);
                if (!reached.get(edge.to())) {
                    reached.set(edge.to());
                    open.push(edge.to());
                }
            }
        }
        var live = new BitSet();
        ends.forEach(live::set);
        while (!ends.isEmpty()) {
            for (int state : before.get(ends.pop())) {
                if (!live.get(state)) {
                    live.set(state);
                    ends.push(state);
                }
            }
        }
        return live;
    }
}
