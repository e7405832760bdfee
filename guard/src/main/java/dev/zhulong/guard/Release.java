package dev.zhulong.guard;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/** Lets go of a text from its beginning on, as decisions about it want it told. */
final class Release {
    /** In the order of the text, the wider first. */
    private static final Comparator<Decision> PLACES = Comparator.comparingInt(Decision::begin).thenComparing(Comparator.comparingInt(Decision::end).reversed());

    private final StringBuilder text;
    /** What is still to be done to the text. */
    private final List<Decision> edits = new ArrayList<>();
    private final Set<String> notes = new LinkedHashSet<>();
    /** Ends of the places that were told otherwise than they came, by their beginnings. */
    private final TreeMap<Integer, Integer> changed = new TreeMap<>();
    private int settled;
    private Decision blockedBy;

    /** @param text that has come; grows */
    Release(StringBuilder text) {
        this.text = text;
    }

    private static boolean blocks(Decision edit) {
        return edit.action() == Action.BLOCK || edit.action() == Action.REWRITE;
    }

    void add(Decision decision) {
        if (decision.action() == Action.ANNOTATE) {
            notes.add(decision.with());
        } else if (decision.end() > settled) {
            edits.add(decision);
        } else if (blocks(decision) && blockedBy == null) {
            // it took several matches, the first of which have been told
            blockedBy = new Decision(decision.rule(), decision.action(), decision.with(), settled, settled);
        }
    }

    /** What may be told of the text before {@code limit}, but for what is part of what lies behind. */
    String upTo(int limit) {
        if (blockedBy != null) {
            return "";
        }
        edits.sort(PLACES);
        List<Decision> blocks = edits.stream().filter(Release::blocks).toList();
        int to = limit;
        for (Decision edit : edits) {
            if (edit.begin() < to && edit.end() > to) {
                to = edit.begin();
            }
        }
        var told = new StringBuilder();
        int next = 0;
        int block = 0;
        while (settled < to) {
            while (next < edits.size() && edits.get(next).end() <= settled) {
                next++;
            }
            while (block < blocks.size() && blocks.get(block).end() <= settled) {
                block++;
            }
            Decision edit = next < edits.size() ? edits.get(next) : null;
            if (edit == null || edit.begin() > settled) {
                int end = edit == null ? to : Math.min(edit.begin(), to);
                told.append(text, settled, end);
                settled = end;
            } else if (block < blocks.size() && blocks.get(block).begin() < edit.end()) {
                // a block comes before all others
                blockedBy = blocks.get(block);
                break;
            } else {
                apply(edit, told);
            }
        }
        // of a block that is certain, what follows need not be awaited
        if (blockedBy == null) {
            blockedBy = blocks.stream().filter(edit -> edit.begin() <= settled).findFirst().orElse(null);
        }
        edits.removeIf(edit -> edit.end() <= settled);
        return told.toString();
    }

    /** Does at {@code settled} what the widest of the edits there says. */
    private void apply(Decision edit, StringBuilder told) {
        if (edit.action() == Action.MASK) {
            told.append("*".repeat(Character.codePointCount(text, settled, edit.end())));
        } else if (edit.begin() == settled) {
            told.append(edit.with());
        }
        changed.put(settled, edit.end());
        settled = edit.end();
    }

    /** All of the rest, and behind it the notes. */
    String rest() {
        String rest = upTo(text.length());
        return blockedBy != null || notes.isEmpty() ? rest : rest + "\n\n" + String.join("\n", notes);
    }

    /** What keeps the rest from being told; null for none. */
    Decision blockedBy() {
        return blockedBy;
    }

    int settled() {
        return settled;
    }

    /** Whether anything from {@code from} to {@code to}, let go of already, was told otherwise than it came. */
    boolean changed(int from, int to) {
        var last = changed.lowerEntry(to);
        return last != null && last.getValue() > from;
    }
}
