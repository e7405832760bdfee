package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.Span;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The places of a {@link Scheduler} and its memory for keys and values: who may come in, what each has taken, and what of it others may use.
 *
 * <p>Where the model's caches have pages, a sequence comes in with room to read what is not here already and to write a little, and takes more as it grows;
 * elsewhere it takes at once all it may need. Pages of prompts that nobody uses stay until the memory is wanted. But for what never changes, everything
 * is the scheduler's thread's alone.
 */
final class Admission {
    private final LanguageModel model;
    private final int places;
    /** In the order of their turns. */
    private final List<ScheduledJob> running = new ArrayList<>();
    /** Null where the model's caches have no pages, or nothing is to be kept. */
    private final PrefixCache prefixes;
    /** Null for nowhere. */
    private final PrefixFile kept;
    /** Tokens of a page; 1 where there are none, and a sequence takes the room it may need at its turn. */
    private final int pageTokens;
    private final boolean paged;
    /** Tokens whose keys and values are kept at most, in whole pages, of which there is one at least. */
    private final long room;
    private final String layout;

    /** @param kept what one before has read; null for nowhere */
    Admission(LanguageModel model, SchedulerOptions options, PrefixFile kept) {
        this.model = model;
        this.kept = kept;
        places = options.running();
        try (LanguageModel.KvCache probe = probe(model)) {
            paged = probe instanceof PagedKv;
            pageTokens = probe instanceof PagedKv pages ? pages.pageTokens() : 1;
            room = Math.max(pageTokens, options.tokens() / pageTokens * pageTokens);
            layout = probe instanceof StorableCache cache ? cache.layout() : "";
            prefixes = paged && options.reuse() && PromptCache.isReusable(model) ? new PrefixCache(pageTokens) : null;
            if (kept != null && prefixes != null) {
                kept.read(prefixes, (PagedKv) probe, () -> makeRoom(pageTokens));
            }
        }
    }

    /** Any cache of the model: what it is like, all are. */
    private static LanguageModel.KvCache probe(LanguageModel model) {
        return model instanceof ConditionalModel conditional ? conditional.newCache(1, new int[1]) : model.newCache(1);
    }

    /** Tokens of memory that a job's source takes. */
    private int sourceTokens(Job job) {
        return job.source() == null ? 0 : ((ConditionalModel) model).sourceTokens(job.source().ids().length);
    }

    /** Those that are in, in the order of their turns. */
    List<ScheduledJob> running() {
        return running;
    }

    /** Tokens that all memory holds. */
    long room() {
        return room;
    }

    /** What computes the keys and values and how they are kept; empty where the engine does not say. */
    String layout() {
        return layout;
    }

    /** Most tokens that a job's sequence may come to. */
    private int capacity(Job job) {
        return job.prompt().length + job.options().newTokens(job.prompt().length, model.spec().contextLength());
    }

    /**
     * Of any thread.
     *
     * @throws ContextLengthException where the job is more than all memory holds
     */
    void check(Job job) {
        int n = job.prompt().length;
        if (rounded(capacity(job)) + sourceTokens(job) > room) {
            throw new ContextLengthException(job.source() != null ? "the text of " + job.source().ids().length + " tokens and the " + (capacity(job) - n)
                    + " to be generated do not fit into the memory for " + room + " tokens: ask for fewer tokens" : "the prompt of " + n + " tokens and the " + (capacity(job) - n) + " to be generated do not fit into the memory for "
                    + room + " tokens: ask for fewer tokens");
        }
    }

    boolean hasPlace() {
        return running.size() < places;
    }

    /** Not while another sequence reads what this one begins with. */
    boolean isReady(ScheduledJob job) {
        if (prefixes == null) {
            return true;
        }
        int[] ids = job.ids();
        int known = prefixes.match(job.job().prefixSalt(), ids);
        for (ScheduledJob other : running) {
            if (other.sequence.unread() > 1 && other.job().prefixSalt().equals(job.job().prefixSalt())) {
                int[] theirs = other.job().prompt();
                int common = Arrays.mismatch(ids, theirs);
                int pages = Math.min((common < 0 ? ids.length : common), Math.min(ids.length - 1, theirs.length - 1)) / pageTokens;
                if (pages > known) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Gives a job a place and a cache, which begins with what is here of its prompt; false, and nothing has changed, where there is no memory for it. */
    boolean enter(ScheduledJob job) {
        if (!makeRoom(need(job))) {
            release(job);
            return false;
        }
        var cache = new PromptCache(model, Math.max(1, capacity(job.job())), job.job());
        job.cache = cache;
        if (prefixes != null) {
            job.shared = job.path.size();
            PrefixCache.Beginning beginning = prefixes.beginning(job.job().prefixSalt(), job.path, job.ids());
            cache.begin(beginning.pages(), beginning.ids());
        }
        running.add(job);
        return true;
    }

    /** Tokens of memory that a job takes at its turn: room to read what is not here, and to write a little. What is here it uses from now on. */
    private long need(ScheduledJob job) {
        if (prefixes != null) {
            job.path.addAll(prefixes.use(job.job().prefixSalt(), job.ids()));
        }
        int capacity = capacity(job.job());
        return sourceTokens(job.job()) + (paged ? rounded(Math.min(job.ids().length + 1, capacity)) - (long) job.path.size() * pageTokens : capacity);
    }

    private long rounded(long tokens) {
        return (tokens + pageTokens - 1) / pageTokens * pageTokens;
    }

    /** Whether there is memory for what a step adds, when what nobody uses has gone. */
    boolean fits(List<Span> spans) {
        return !paged || makeRoom(spans.stream().mapToLong(this::growth).sum());
    }

    /** Tokens of new pages that a span needs. */
    private long growth(Span span) {
        int length = span.cache().length();
        return rounded(length + span.ids().length) - rounded(length);
    }

    /** Whether {@code tokens} more fit, when what nobody uses has gone. */
    private boolean makeRoom(long tokens) {
        while (held() + tokens > room) {
            if (prefixes == null || !prefixes.evict()) {
                return false;
            }
        }
        return true;
    }

    /** Tokens whose memory is taken. */
    long held() {
        long tokens = prefixes == null ? 0 : (long) prefixes.pages() * pageTokens;
        for (ScheduledJob job : running) {
            tokens += sourceTokens(job.job()) + (paged ? rounded(job.cache.length()) - (long) job.shared * pageTokens : capacity(job.job()));
        }
        return tokens;
    }

    /** Puts the pages that have become full where others find them. */
    void keep(ScheduledJob job) {
        if (prefixes == null || job.cache.length() < (job.path.size() + 1) * pageTokens) {
            return;
        }
        int[] ids = job.sequence.ids();
        while (job.cache.length() >= (job.path.size() + 1) * pageTokens) {
            if (prefixes.extend(job.job().prefixSalt(), job.path, ids, (PagedKv) job.cache.tokens().cache())) {
                job.shared++;
            }
        }
    }

    /** Puts the last page, full or not, where others find it: the sequence has ended. */
    void keepRest(ScheduledJob job) {
        if (prefixes != null && job.cache.length() > job.path.size() * pageTokens) {
            prefixes.keepRest(job.job().prefixSalt(), job.path, Arrays.copyOf(job.sequence.ids(), job.cache.length()), (PagedKv) job.cache.tokens().cache());
        }
    }

    /** Lets a job's place and memory go. */
    void leave(ScheduledJob job) {
        running.remove(job);
        release(job);
        if (job.cache != null) {
            PromptCache cache = job.cache;
            job.cache = null;
            cache.close();
        }
    }

    private void release(ScheduledJob job) {
        if (prefixes != null) {
            prefixes.release(job.path);
        }
        job.shared = 0;
    }

    /**
     * Lets everything go that nobody uses, when nobody is in any more.
     *
     * @param whole whether what the pages hold is right, so that it may be written where the next one finds it
     */
    void end(boolean whole) {
        if (prefixes != null) {
            try (prefixes; LanguageModel.KvCache layout = model.newCache(1)) {
                if (kept != null && whole) {
                    kept.write(prefixes, (StorableCache) layout);
                }
            }
        }
    }
}
