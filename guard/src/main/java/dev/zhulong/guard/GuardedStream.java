package dev.zhulong.guard;

import dev.zhulong.guard.Finder.Found;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kie.api.runtime.KieSession;

/**
 * Looks at a text while it comes. It lets go of what no longer word or pattern can still begin in, changed as rules have decided; what was let go of is
 * never looked at again, and nothing is let go of before it is certain. For one thread.
 */
public final class GuardedStream implements AutoCloseable {
    /** A text folded in one way and what looks through it. */
    private static final class View {
        private final FoldedText text;
        private final List<Finder> finders;
        private int looked;

        View(Policy policy, Folding folding) {
            text = new FoldedText(folding);
            finders = policy.finders(folding, text);
        }

        /** Where in the text as it came that begins which may still be found. */
        int open() {
            int open = text.length();
            for (Finder finder : finders) {
                open = Math.min(open, finder.open());
            }
            return text.from(open);
        }
    }

    private final Policy policy;
    private final Context context;
    private final AuditLog audit;
    private final List<View> views = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private final MessageDigest digest = Policy.sha256();
    private int digested;
    /** Ruled on, and what is done to the text there. */
    private final List<Decision> decisions = new ArrayList<>();
    private final List<Decision> edits = new ArrayList<>();
    private final Set<String> notes = new LinkedHashSet<>();
    private final Set<Decision> seen = new HashSet<>();
    private final Set<List<Object>> matched = new HashSet<>();
    private final Map<String, Integer> counts = new HashMap<>();
    /** Null until something was found. */
    private KieSession session;
    private final Decisions made = new Decisions();
    private int settled;
    private Decision blockedBy;
    private boolean finished;

    GuardedStream(Policy policy, Context context, AuditLog audit) {
        this.policy = policy;
        this.context = context;
        this.audit = audit;
        for (Folding folding : Folding.values()) {
            views.add(new View(policy, folding));
        }
    }

    /** Takes more text; gives what may be told. */
    public String push(String piece) {
        if (blockedBy != null || piece.isEmpty()) {
            return "";
        }
        text.append(piece);
        // one by one, so that matches are found in the same order however the text comes
        for (int i = 0; i < piece.length(); i++) {
            for (View view : views) {
                view.text.add(piece.charAt(i));
                List<Found> found = new ArrayList<>();
                for (; view.looked < view.text.length(); view.looked++) {
                    view.finders.forEach(finder -> finder.next(found));
                }
                decide(view, found);
            }
        }
        return release(views.stream().mapToInt(View::open).min().orElseThrow());
    }

    /** No more comes; gives the rest, and behind it the notes. */
    public String finish() {
        if (finished) {
            return "";
        }
        finished = true;
        for (View view : views) {
            List<Found> found = new ArrayList<>();
            view.finders.forEach(finder -> finder.finish(found));
            decide(view, found);
        }
        String rest = release(text.length());
        return blockedBy != null || notes.isEmpty() ? rest : rest + "\n\n" + String.join("\n", notes);
    }

    private void decide(View view, List<Found> found) {
        for (Found each : found) {
            int begin = view.text.from(each.begin());
            int end = view.text.to(each.end() - 1);
            if (matched.add(List.of(each.rule(), begin, end))) {
                int ordinal = counts.merge(each.rule(), 1, Integer::sum);
                session().insert(new Match(each.rule(), text.substring(begin, end), begin, end, ordinal));
            }
        }
        if (!found.isEmpty()) {
            session().fireAllRules();
            made.take().stream().filter(seen::add).forEach(this::apply);
        }
    }

    private KieSession session() {
        if (session == null) {
            session = policy.rules().newKieSession();
            session.setGlobal("decisions", made);
            session.insert(context);
        }
        return session;
    }

    private void apply(Decision decision) {
        decisions.add(decision);
        audit.decided(decision, context, policy.version(), hash());
        if (decision.action() == Action.ANNOTATE) {
            notes.add(decision.with());
        } else if (decision.end() > settled) {
            edits.add(decision);
        } else if (decision.action() == Action.BLOCK || decision.action() == Action.REWRITE) {
            // it took several matches, the first of which have been told
            edits.add(new Decision(decision.rule(), decision.action(), decision.with(), settled, Math.max(settled, decision.end())));
        }
    }

    /** Of all that has come. */
    private String hash() {
        digest.update(text.substring(digested).getBytes(StandardCharsets.UTF_8));
        digested = text.length();
        try {
            return HexFormat.of().formatHex(((MessageDigest) digest.clone()).digest());
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What lies before {@code limit} and is not part of what lies behind. */
    private String release(int limit) {
        edits.sort((a, b) -> a.begin() != b.begin() ? Integer.compare(a.begin(), b.begin()) : Integer.compare(b.end(), a.end()));
        var told = new StringBuilder();
        int to = limit;
        for (Decision edit : edits) {
            if (edit.begin() < to && edit.end() > to) {
                to = edit.begin();
            }
        }
        while (blockedBy == null && settled < to) {
            Decision edit = edits.stream().filter(each -> each.end() > settled).findFirst().orElse(null);
            if (edit == null || edit.begin() >= to) {
                told.append(text, settled, to);
                settled = to;
            } else if (edit.begin() > settled) {
                told.append(text, settled, edit.begin());
                settled = edit.begin();
            } else {
                apply(edit, told);
            }
        }
        // of a block that is certain, what follows need not be awaited
        edits.stream().filter(edit -> blocks(edit) && edit.begin() <= settled).findFirst().ifPresent(edit -> blockedBy = blockedBy == null ? edit : blockedBy);
        edits.removeIf(edit -> edit.end() <= settled);
        return told.toString();
    }

    private static boolean blocks(Decision edit) {
        return edit.action() == Action.BLOCK || edit.action() == Action.REWRITE;
    }

    /** Does at {@code settled} what the widest of the edits there says; a block comes before all others. */
    private void apply(Decision first, StringBuilder told) {
        Decision block = edits.stream().filter(edit -> blocks(edit) && edit.begin() < first.end() && edit.end() > settled).findFirst().orElse(null);
        if (block != null) {
            blockedBy = block;
            return;
        }
        if (first.action() == Action.MASK) {
            told.append("*".repeat(Character.codePointCount(text, settled, first.end())));
        } else if (first.begin() == settled) {
            told.append(first.with());
        }
        settled = first.end();
    }

    /** What keeps the rest from being told, a block or a rewrite; null for none. */
    public Decision blockedBy() {
        return blockedBy;
    }

    /** How much of the text as it came has been let go of. */
    public int settled() {
        return settled;
    }

    /** All decisions so far. */
    public List<Decision> decisions() {
        return List.copyOf(decisions);
    }

    /** Whether anything from {@code from} to {@code to}, let go of already, was told otherwise than it came. */
    public boolean changed(int from, int to) {
        return decisions.stream().anyMatch(each -> each.action() != Action.ANNOTATE && each.begin() < to && each.end() > from);
    }

    @Override
    public void close() {
        if (session != null) {
            session.dispose();
        }
    }
}
