package dev.zhulong.guard;

import java.util.ArrayList;
import java.util.List;

/** Where rules put what they decide: the global {@code decisions} of DRL. */
public final class Decisions {
    private final List<Decision> made = new ArrayList<>();

    /**
     * Decides.
     *
     * @param action {@code block}, {@code mask}, {@code replace}, {@code annotate} or {@code rewrite}
     * @param with   the other text, the note, or what the user is told
     */
    public void add(Match match, String action, String with) {
        made.add(new Decision(match.getRule(), Action.of(action), with, match.getBegin(), match.getEnd()));
    }

    /** Decides without words. */
    public void add(Match match, String action) {
        add(match, action, "");
    }

    List<Decision> take() {
        List<Decision> taken = List.copyOf(made);
        made.clear();
        return taken;
    }
}
