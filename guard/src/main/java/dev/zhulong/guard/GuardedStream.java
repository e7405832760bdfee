package dev.zhulong.guard;

import dev.zhulong.guard.Finder.Found;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kie.api.runtime.KieSession;
import org.kie.api.runtime.rule.FactHandle;

/**
 * Looks at a text while it comes. It lets go of what no longer word or pattern can still begin in, changed as rules have decided; what was let go of is
 * never looked at again, and nothing is let go of before it is certain. For one thread.
 */
public final class GuardedStream implements AutoCloseable {
    /** Characters between two looks at whether to go on. */
    private static final int WATCHED = 256;

    /** A text read in one way and what looks through it. */
    private static final class View {
        private final FoldedText text;
        private final List<Finder> finders;
        private int looked;

        View(Policy policy, Folding folding, boolean unescaped) {
            text = new FoldedText(folding, unescaped);
            finders = policy.finders(folding, text);
        }

        void look(List<Found> found) {
            for (; looked < text.length(); looked++) {
                for (Finder finder : finders) {
                    finder.next(found);
                }
            }
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
    private final Runnable watch;
    private final List<View> views = new ArrayList<>();
    private boolean unescaped;
    private final StringBuilder text = new StringBuilder();
    private int watched;
    private final List<Found> found = new ArrayList<>();
    private final MessageDigest digest = Policy.sha256();
    private int digested;
    private final List<Decision> decisions = new ArrayList<>();
    private final Release release = new Release(text);
    private final Set<Decision> seen = new HashSet<>();
    private final Set<List<Object>> matched = new HashSet<>();
    private final Map<String, Integer> counts = new HashMap<>();
    /** Null until something was found. */
    private KieSession session;
    /** Matches that rules are about to see. */
    private final List<FactHandle> facts = new ArrayList<>();
    private final Decisions made = new Decisions();
    private boolean finished;

    GuardedStream(Policy policy, Context context, AuditLog audit, Runnable watch) {
        this.policy = policy;
        this.context = context;
        this.audit = audit;
        this.watch = watch;
        addViews(false);
    }

    private void addViews(boolean unescaped) {
        for (Folding folding : Folding.values()) {
            views.add(new View(policy, folding, unescaped));
        }
    }

    /**
     * Takes more text; gives what may be told.
     *
     * @throws RuntimeException of {@code watch}, where it wants no more; then nothing more is to be told
     */
    public String push(String piece) {
        if (release.blockedBy() != null || piece.isEmpty()) {
            return "";
        }
        int from = text.length();
        text.append(piece);
        // one by one, so that matches are found in the same order however the text comes
        for (int i = from; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\\' && !unescaped) {
                unescape(i);
            }
            for (View view : views) {
                read(view, c);
            }
        }
        return release.upTo(views.stream().mapToInt(View::open).min().orElseThrow());
    }

    /** From the first backslash on, which may begin an escape, the text is also read as escapes spell it; before it both readings are one. */
    private void unescape(int backslash) {
        unescaped = true;
        int known = views.size();
        addViews(true);
        for (View view : views.subList(known, views.size())) {
            for (int i = 0; i < backslash; i++) {
                read(view, text.charAt(i));
            }
        }
    }

    private void read(View view, char c) {
        if (watched++ % WATCHED == 0) {
            watch.run();
        }
        view.text.add(c);
        view.look(found);
        decide(view);
    }

    /** No more comes; gives the rest, and behind it the notes. */
    public String finish() {
        if (finished) {
            return "";
        }
        finished = true;
        for (View view : views) {
            view.text.finish();
            view.look(found);
            view.finders.forEach(finder -> finder.finish(found));
            decide(view);
        }
        return release.rest();
    }

    private void decide(View view) {
        if (found.isEmpty()) {
            return;
        }
        for (Found each : found) {
            int begin = view.text.from(each.begin());
            int end = view.text.to(each.end() - 1);
            if (matched.add(List.of(each.rule(), begin, end))) {
                int ordinal = counts.merge(each.rule(), 1, Integer::sum);
                facts.add(session().insert(new Match(each.rule(), text.substring(begin, end), begin, end, ordinal)));
            }
        }
        found.clear();
        if (facts.isEmpty()) {
            return;
        }
        session.fireAllRules();
        if (!policy.relatesMatches()) {
            facts.forEach(session::delete);
        }
        facts.clear();
        made.take().stream().filter(seen::add).forEach(decision -> {
            decisions.add(decision);
            audit.decided(decision, context, policy.version(), this::hash);
            release.add(decision);
        });
    }

    private KieSession session() {
        if (session == null) {
            session = policy.rules().newKieSession();
            session.setGlobal("decisions", made);
            session.insert(context);
        }
        return session;
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

    /** What keeps the rest from being told, a block or a rewrite; null for none. */
    public Decision blockedBy() {
        return release.blockedBy();
    }

    /** How much of the text as it came has been let go of. */
    public int settled() {
        return release.settled();
    }

    /** All decisions so far, more with each piece. */
    public List<Decision> decisions() {
        return Collections.unmodifiableList(decisions);
    }

    /** Whether anything from {@code from} to {@code to}, let go of already, was told otherwise than it came. */
    public boolean changed(int from, int to) {
        return release.changed(from, to);
    }

    @Override
    public void close() {
        if (session != null) {
            session.dispose();
        }
    }
}
