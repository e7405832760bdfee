package dev.zhulong.guard;

import dk.brics.automaton.RegExp;
import dk.brics.automaton.RunAutomaton;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Finds what a regular expression matches, leftmost and longest, in time proportional to the text: a deterministic automaton is walked from every place at
 * once, and of walks that meet the earlier one goes on. Where its match ends or fails, the text behind is walked anew, so that no walk takes others along.
 * Understood are characters, classes, groups, alternatives and counts, {@code \d \w \s} and {@code \b} at either end. Matches of up to
 * {@value #LONGEST} characters are found, and of up to {@value #LONGEST_CHECKED} where a check decides; none has more than twice as many.
 */
final class PatternMatcher {
    static final int LONGEST = 1000;
    static final int LONGEST_CHECKED = 100;
    /** Of an alphabet; Chinese characters are not folded to others than Chinese ones. */
    private static final int LONGEST_RANGE = 500;

    /** What a match must pass besides the expression. */
    interface Check {
        /** Looks at what begins and ends there, with what stands before and the character behind. */
        boolean passes(FoldedText text, int begin, int end);
    }

    /** What must not go on at the ends of a match. */
    enum Edge {
        /** Anything may. */
        ANY,
        /** A word. */
        WORD,
        /** A number. */
        NUMBER;

        boolean goesOn(char c) {
            return switch (this) {
                case ANY -> false;
                case WORD -> Folding.isWordCharacter(c);
                case NUMBER -> c >= '0' && c <= '9';
            };
        }
    }

    private final String rule;
    private final RunAutomaton automaton;
    private final Edge before;
    private final Edge behind;
    /** Null for none. */
    private final Check check;
    private final int longest;

    /**
     * @param check null for none
     * @throws IllegalArgumentException where the expression is malformed or not understood
     */
    PatternMatcher(String rule, String pattern, Edge before, Edge behind, Check check) {
        this.rule = rule;
        this.before = before;
        this.behind = behind;
        this.check = check;
        longest = check == null ? LONGEST : LONGEST_CHECKED;
        try {
            automaton = new RunAutomaton(new RegExp(translated(pattern), RegExp.NONE).toAutomaton());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("the pattern " + pattern + " is not understood: " + e.getMessage(), e);
        }
        if (automaton.isAccept(automaton.getInitialState())) {
            throw new IllegalArgumentException("the pattern " + pattern + " matches nothing at all, everywhere");
        }
    }

    /** Of an expression that says by {@code \b} where words must not go on. */
    static PatternMatcher of(String rule, String pattern, Check check) {
        boolean begins = pattern.startsWith("\\b");
        boolean ends = pattern.length() > 2 && pattern.endsWith("\\b") && !pattern.endsWith("\\\\b");
        String body = pattern.substring(begins ? 2 : 0, pattern.length() - (ends ? 2 : 0));
        return new PatternMatcher(rule, body, begins ? Edge.WORD : Edge.ANY, ends ? Edge.WORD : Edge.ANY, check);
    }

    /** In the automaton library's words: it has no {@code \d}, and quotes are special to it; letters as folding leaves them. */
    private static String translated(String pattern) {
        var out = new StringBuilder();
        boolean set = false;
        for (int i = 0; i < pattern.length(); i++) {
            char c = pattern.charAt(i);
            if (c == '\\') {
                if (++i == pattern.length()) {
                    throw new IllegalArgumentException("it ends in a backslash");
                }
                String known = switch (pattern.charAt(i)) {
                    case 'd' -> "0-9";
                    case 'w' -> "0-9a-z_";
                    case 's' -> " ";
                    default -> null;
                };
                if (known == null && Character.isLetterOrDigit(pattern.charAt(i))) {
                    throw new IllegalArgumentException("\\" + pattern.charAt(i) + " is not supported");
                }
                out.append(known == null ? "\\" + pattern.charAt(i) : set ? known : "[" + known + "]");
            } else if (c == '(' && pattern.startsWith("(?", i) && !set) {
                if (!pattern.startsWith("(?:", i)) {
                    throw new IllegalArgumentException("of the groups that begin with (? only (?: is supported");
                }
                out.append('(');
                i += 2;
            } else if ((c == '^' || c == '$') && !set) {
                throw new IllegalArgumentException("a pattern matches anywhere in a text: '" + c + "' is not supported");
            } else if (set && i + 2 < pattern.length() && pattern.charAt(i + 1) == '-' && pattern.charAt(i + 2) != ']' && pattern.charAt(i + 2) > 127) {
                out.append(range(c, pattern.charAt(i + 2)));
                i += 2;
            } else {
                set = c == '[' || set && c != ']';
                out.append(c == '"' ? "\\\"" : c == ' ' || c < 128 ? String.valueOf(Character.toLowerCase(c)) : Folding.PLAIN.of(c));
            }
        }
        return out.toString();
    }

    /** A range of characters in a set as folding leaves them: of letters that look like others of another script, its ends are not those of the range. */
    private static String range(char from, char to) {
        if (to - from > LONGEST_RANGE) {
            return Folding.PLAIN.of(from) + "-" + Folding.PLAIN.of(to);
        }
        return IntStream.rangeClosed(from, to).mapToObj(Folding.PLAIN::of).filter(folded -> folded.length() == 1).distinct().map(folded -> "\\" + folded).collect(Collectors.joining());
    }

    Finder finder(FoldedText text) {
        return new Scan(text);
    }

    private final class Scan implements Finder {
        private final FoldedText text;
        /** States that walks are in and where these began, earliest first; no state twice. */
        private int[] states = {};
        private int[] begins = {};
        private int[] nextStates = {};
        private int[] nextBegins = {};
        private int walks;
        /** Where among the next states each of them stands; what stands elsewhere says nothing. */
        private int[] places;
        /** Where a match begins that ends here unless something goes on; -1 for none. */
        private int awaiting = -1;
        /** Where the earliest match begins; -1 for none. */
        private int begin = -1;
        /** Where it may end. */
        private final List<Integer> ends = new ArrayList<>();
        private int at;
        /** Behind what may be looked at. */
        private int limit;

        Scan(FoldedText text) {
            this.text = text;
        }

        @Override
        public void next(List<Found> found) {
            limit++;
            while (at < limit) {
                step(found);
            }
        }

        private void step(List<Found> found) {
            char c = text.charAt(at);
            if (awaiting >= 0) {
                settle(behind.goesOn(c));
                if (decide(found)) {
                    return;
                }
            }
            boolean begun = automaton.step(automaton.getInitialState(), c) >= 0 && !(at > 0 && before.goesOn(text.charAt(at - 1)));
            if (walks == 0 && !begun) {
                at++;
                return;
            }
            walk(c, begun);
            at++;
            if (!decide(found) && walks > 0 && at - begins[0] > 2 * longest) {
                shorten(found);
            }
        }

        private void walk(char c, boolean begun) {
            if (places == null) {
                places = new int[automaton.getSize()];
            }
            if (nextStates.length <= walks) {
                nextStates = new int[2 * walks + 8];
                nextBegins = new int[2 * walks + 8];
            }
            int count = 0;
            for (int i = 0; i < walks; i++) {
                count = add(automaton.step(states[i], c), begins[i], count);
            }
            if (begun) {
                count = add(automaton.step(automaton.getInitialState(), c), at, count);
            }
            int[] states = this.states;
            int[] begins = this.begins;
            this.states = nextStates;
            this.begins = nextBegins;
            nextStates = states;
            nextBegins = begins;
            walks = count;
            for (int i = 0; i < walks; i++) {
                if (automaton.isAccept(this.states[i])) {
                    if (behind == Edge.ANY) {
                        candidate(this.begins[i], at + 1);
                    } else {
                        awaiting = this.begins[i];
                    }
                    break;
                }
            }
        }

        /** Adds a walk to the next ones unless it has ended or an earlier one stands there. */
        private int add(int state, int from, int count) {
            if (state < 0 || places[state] < count && nextStates[places[state]] == state) {
                return count;
            }
            places[state] = count;
            nextStates[count] = state;
            nextBegins[count] = from;
            return count + 1;
        }

        private void candidate(int from, int end) {
            if (begin >= 0 && from > begin) {
                return;
            }
            if (from != begin || check == null) {
                ends.clear();
                begin = from;
            }
            ends.add(end);
        }

        private void settle(boolean goesOn) {
            if (!goesOn) {
                candidate(awaiting, at);
            }
            awaiting = -1;
        }

        /** A match is certain when nothing earlier or longer can come. */
        private boolean decide(List<Found> found) {
            boolean open = walks > 0 && begins[0] <= begin || awaiting >= 0 && awaiting <= begin;
            if (begin < 0 || open) {
                return false;
            }
            resolve(found);
            return true;
        }

        /** Of a match's ends the last one that passes the check is taken; what lies behind is walked anew. */
        private void resolve(List<Found> found) {
            for (int i = ends.size() - 1; i >= 0; i--) {
                int end = ends.get(i);
                if (check == null || check.passes(text, begin, end)) {
                    found.add(new Found(rule, begin, end));
                    again(end);
                    return;
                }
            }
            again(begin + 1);
        }

        private void again(int from) {
            at = from;
            walks = 0;
            awaiting = -1;
            begin = -1;
            ends.clear();
        }

        /** The first walk has become too long: its match is taken as it is, or those are looked for that begin behind. */
        private void shorten(List<Found> found) {
            if (begin == begins[0]) {
                resolve(found);
            } else {
                again(begin < 0 ? at - longest : Math.min(begin, at - longest));
            }
        }

        @Override
        public void finish(List<Found> found) {
            do {
                while (at < limit) {
                    step(found);
                }
                walks = 0;
                if (awaiting >= 0) {
                    settle(false);
                }
            } while (decide(found));
        }

        @Override
        public int open() {
            int open = walks > 0 ? begins[0] : limit;
            open = awaiting >= 0 ? Math.min(open, awaiting) : open;
            return begin >= 0 ? Math.min(open, begin) : open;
        }
    }
}
