package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Grammar.Edge;
import dev.zhulong.infer.constrain.Grammar.State;

/** Spells characters that lead to one state as bytes of UTF-8; the states within characters are shared where they can be. */
final class Utf8 {
    private static final int[] LAST_OF_LENGTH = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
    private static final int[] MARKS = {0x00, 0xC0, 0xE0, 0xF0};
    private static final int CONTINUES = 0x80;
    private static final int LAST_CONTINUES = 0xBF;

    private final Grammar grammar;
    /** From each of them, that many continuing bytes of any value lead to the target, which is the first. */
    private final State[] anyMore = new State[4];

    Utf8(Grammar grammar, State target) {
        this.grammar = grammar;
        anyMore[0] = target;
    }

    void add(State from, CodePoints set) {
        for (int run = 0; run < set.runs(); run++) {
            int first = set.first(run);
            for (int more = 0; more < LAST_OF_LENGTH.length; more++) {
                int last = Math.min(set.last(run), LAST_OF_LENGTH[more]);
                if (first <= last) {
                    add(from, MARKS[more], first, last, more);
                    first = last + 1;
                }
            }
        }
    }

    /**
     * @param mark what the next byte holds besides the character's bits
     * @param more bytes after the next one
     */
    private void add(State from, int mark, int first, int last, int more) {
        int shift = 6 * more;
        int rest = (1 << shift) - 1;
        int lead = first >> shift;
        int end = last >> shift;
        if ((first & rest) == 0 && (last & rest) == rest) {
            from.edges.add(new Edge(mark | lead, mark | end, anyMore(more)));
        } else if (lead == end) {
            State within = grammar.state();
            from.edges.add(new Edge(mark | lead, mark | lead, within));
            add(within, CONTINUES, first & rest, last & rest, more - 1);
        } else {
            int middle = (first & rest) == 0 ? first : (lead + 1) << shift;
            int after = (last & rest) == rest ? last + 1 : end << shift;
            if (first < middle) {
                add(from, mark, first, middle - 1, more);
            }
            if (middle < after) {
                add(from, mark, middle, after - 1, more);
            }
            if (after <= last) {
                add(from, mark, after, last, more);
            }
        }
    }

    private State anyMore(int bytes) {
        if (anyMore[bytes] == null) {
            anyMore[bytes] = grammar.state();
            anyMore[bytes].edges.add(new Edge(CONTINUES, LAST_CONTINUES, anyMore(bytes - 1)));
        }
        return anyMore[bytes];
    }
}
