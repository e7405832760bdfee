package dev.zhulong.guard;

import dk.brics.automaton.RegExp;
import dk.brics.automaton.RunAutomaton;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Finds what a regular expression matches, leftmost and longest, in linear time: a deterministic automaton is walked from every place at once, and of walks
 * that meet the earlier one goes on. Understood are characters, classes, groups, alternatives and counts, {@code \d \w \s} and {@code \b} at either end; a
 * match ends after {@value #LONGEST} characters at the latest.
 */
final class PatternMatcher {
    static final int LONGEST = 1000;

    private final String rule;
    private final RunAutomaton automaton;
    private final boolean wordBegins;
    private final boolean wordEnds;
    /** What a match must hold besides. */
    private final Predicate<String> check;

    /**
     * @param check of a match's text, folded
     * @throws IllegalArgumentException where the expression is malformed or not understood
     */
    PatternMatcher(String rule, String pattern, Predicate<String> check) {
        this.rule = rule;
        this.check = check;
        String body = pattern;
        wordBegins = body.startsWith("\\b");
        body = wordBegins ? body.substring(2) : body;
        wordEnds = body.endsWith("\\b") && !body.endsWith("\\\\b");
        body = wordEnds ? body.substring(0, body.length() - 2) : body;
        try {
            automaton = new RunAutomaton(new RegExp(translated(body), RegExp.NONE).toAutomaton());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("the pattern " + pattern + " is not understood: " + e.getMessage(), e);
        }
        if (automaton.isAccept(automaton.getInitialState())) {
            throw new IllegalArgumentException("the pattern " + pattern + " matches nothing at all, everywhere");
        }
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
                    throw new IllegalArgumentException("\\" + pattern.charAt(i) + " is not known");
                }
                out.append(known == null ? "\\" + pattern.charAt(i) : set ? known : "[" + known + "]");
            } else if (c == '(' && pattern.startsWith("(?", i) && !set) {
                if (!pattern.startsWith("(?:", i)) {
                    throw new IllegalArgumentException("(? is known as (?: alone");
                }
                out.append('(');
                i += 2;
            } else if ((c == '^' || c == '$') && !set) {
                throw new IllegalArgumentException("a pattern is looked for anywhere: '" + c + "' is not known");
            } else {
                set = c == '[' || set && c != ']';
                out.append(c == '"' ? "\\\"" : c == ' ' || c < 128 ? String.valueOf(Character.toLowerCase(c)) : Folding.PLAIN.of(c));
            }
        }
        return out.toString();
    }

    Finder finder(FoldedText text) {
        return new Scan(text);
    }

    private final class Scan implements Finder {
        private final FoldedText text;
        /** The earliest beginning of a walk in each state. */
        private Map<Integer, Integer> walks = new HashMap<>();
        private final List<Found> awaiting = new ArrayList<>();
        /** Where the earliest match begins; -1 for none. */
        private int begin = -1;
        /** Where it may end. */
        private final List<Integer> ends = new ArrayList<>();
        private int at;
        /** No match begins before. */
        private int least;

        Scan(FoldedText text) {
            this.text = text;
        }

        @Override
        public void next(List<Found> found) {
            char c = text.charAt(at);
            settle(Folding.isWordCharacter(c), found);
            if (at >= least && !(wordBegins && at > 0 && Folding.isWordCharacter(text.charAt(at - 1)))) {
                walks.putIfAbsent(automaton.getInitialState(), at);
            }
            at++;
            Map<Integer, Integer> on = new HashMap<>();
            walks.forEach((state, from) -> {
                int next = automaton.step(state, c);
                if (next >= 0 && at - from <= LONGEST) {
                    on.merge(next, from, Math::min);
                }
            });
            walks = on;
            on.forEach((state, from) -> {
                if (automaton.isAccept(state)) {
                    if (wordEnds) {
                        awaiting.add(new Found(rule, from, at));
                    } else {
                        candidate(new Found(rule, from, at));
                    }
                }
            });
            decide(found);
        }

        private void candidate(Found found) {
            if (begin >= 0 && found.begin() > begin) {
                return;
            }
            if (found.begin() != begin) {
                ends.clear();
                begin = found.begin();
            }
            ends.add(found.end());
        }

        private void settle(boolean goesOn, List<Found> found) {
            if (!goesOn) {
                awaiting.forEach(this::candidate);
            }
            awaiting.clear();
            decide(found);
        }

        /** A match is certain when nothing earlier or longer can come; of its ends the last one that passes the check is taken. */
        private void decide(List<Found> found) {
            if (begin < 0 || open(begin + 1) <= begin) {
                return;
            }
            least = begin + 1;
            ends.sort(Comparator.reverseOrder());
            for (int end : ends) {
                if (check.test(text.substring(begin, end))) {
                    found.add(new Found(rule, begin, end));
                    least = end;
                    break;
                }
            }
            walks.values().removeIf(from -> from < least);
            awaiting.removeIf(each -> each.begin() < least);
            begin = -1;
            ends.clear();
        }

        @Override
        public void finish(List<Found> found) {
            walks.clear();
            settle(false, found);
        }

        private int open(int otherwise) {
            int open = otherwise;
            for (int from : walks.values()) {
                open = Math.min(open, from);
            }
            for (Found each : awaiting) {
                open = Math.min(open, each.begin());
            }
            return open;
        }

        @Override
        public int open() {
            return Math.min(open(at), begin < 0 ? at : begin);
        }
    }
}
