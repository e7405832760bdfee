package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.text.Tokenizer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * Generates many sequences at once over one model, each as if it were alone: continuous batching.
 *
 * <p>A thread of its own goes round: jobs that were given up leave; waiting ones get their turn while there are places and memory, clients one after
 * the other; then one step, in which every sequence that is being written reads its last token and sequences that are not that far read a piece of
 * their prompt. A job whose prompt begins as one does that is being read waits for it and reads only the rest. Where memory ends, what nobody uses goes
 * first; then the sequence that came last gives its memory up and reads its tokens again later: nothing is lost but time.
 *
 * <pre>{@code
 * try (var scheduler = new Scheduler(model, tokenizer, SchedulerOptions.of(8, 100_000))) {
 *     Scheduler.Ticket ticket = scheduler.submit(new Job(prompt, options, 0, "anna", "", null), listener);
 * }
 * }</pre>
 */
public final class Scheduler implements AutoCloseable {
    private final LanguageModel model;
    private final Tokenizer tokenizer;
    private final SchedulerOptions options;
    private final WaitingJobs waiting;
    private final ConcurrentLinkedQueue<FutureTask<?>> asides = new ConcurrentLinkedQueue<>();
    /** In the order of their turns; the thread's alone, as are the prefixes. */
    private final List<ScheduledJob> running = new ArrayList<>();
    /** Null where the model's caches have no pages, or nothing is to be kept. */
    private final PrefixCache prefixes;
    private final PrefixFile kept;
    /** Tokens of a page; 1 where there are none, and a sequence takes the room it may need at its turn. */
    private final int pageTokens;
    private final boolean paged;

    private long steps;
    private long promptTokens;
    private long cachedTokens;
    private long writtenTokens;
    private long preempted;
    private long finished;
    private long failed;
    /** After the last step; what the thread counts, for others. */
    private volatile SchedulerStats last;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean draining;
    private boolean closing;
    private boolean idle = true;
    private final long began = System.nanoTime();
    private final Thread thread;

    /** Lets a job be given up. */
    public interface Ticket {
        /** Gives the job up: its listener is told so, unless it has ended. */
        void cancel();
    }

    /** Over a model and its tokenizer, which stay the caller's and must not be used by others until this is closed. */
    public Scheduler(LanguageModel model, Tokenizer tokenizer, SchedulerOptions options) {
        this(model, tokenizer, options, null);
    }

    /**
     * The same with what one before has read.
     *
     * @param kept null for nowhere
     */
    public Scheduler(LanguageModel model, Tokenizer tokenizer, SchedulerOptions options, PrefixFile kept) {
        this.model = model;
        this.tokenizer = tokenizer;
        this.options = options;
        this.kept = kept;
        waiting = new WaitingJobs(options.waiting());
        try (LanguageModel.KvCache probe = model.newCache(1)) {
            paged = probe instanceof PagedKv;
            pageTokens = probe instanceof PagedKv pages ? pages.pageTokens() : 1;
            prefixes = paged && options.reuse() && PromptCache.isReusable(model) ? new PrefixCache(pageTokens) : null;
            if (kept != null && prefixes != null) {
                kept.read(prefixes, (PagedKv) probe, () -> makeRoom(pageTokens));
            }
        }
        note();
        thread = Thread.ofPlatform().name("scheduler").start(this::loop);
    }

    /**
     * Adds a job; what becomes of it the listener is told.
     *
     * @throws QueueFullException       where too many wait
     * @throws IllegalStateException    where the scheduler takes no more: it drains or is closed
     * @throws IllegalArgumentException where the prompt is empty, too long, or more than all memory holds
     */
    public Ticket submit(Job job, JobListener listener) {
        check(job);
        var scheduled = new ScheduledJob(job, listener);
        lock.lock();
        try {
            if (draining || closing) {
                throw new IllegalStateException("no more requests are taken");
            }
            if (!waiting.add(scheduled)) {
                throw new QueueFullException(waiting.size(), retryAfter());
            }
            idle = false;
            changed.signalAll();
            return scheduled;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Runs other work of the model between two steps, one piece after each; what it keeps in caches is not counted here. Waits until it is done.
     *
     * @throws IllegalStateException where the scheduler is closed
     */
    public <T> T between(Function<LanguageModel, T> work) throws InterruptedException {
        var task = new FutureTask<>(() -> work.apply(model));
        lock.lock();
        try {
            if (closing) {
                throw new IllegalStateException("no more requests are taken");
            }
            asides.add(task);
            idle = false;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        try {
            return task.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException problem ? problem : new IllegalStateException(e.getCause());
        }
    }

    private void check(Job job) {
        Generator.check(job.prompt(), model.spec());
        int n = job.prompt().length;
        if (rounded(capacity(job)) > options.tokens()) {
            throw new IllegalArgumentException("the prompt of " + n + " tokens and the " + (capacity(job) - n) + " to be written need more memory than there is for "
                    + options.tokens() + " tokens: ask for fewer");
        }
    }

    /** Seconds in which, at the pace so far, a place becomes free. */
    private int retryAfter() {
        SchedulerStats stats = stats();
        double seconds = (System.nanoTime() - began) * 1e-9;
        return stats.finished() == 0 ? 5 : (int) Math.clamp(Math.ceil(seconds / stats.finished()), 1, 60);
    }

    /** The state after the last step. */
    public SchedulerStats stats() {
        return last.withWaiting(waiting.size());
    }

    /** Takes no more jobs, and waits until those it has are done. */
    public void drain() throws InterruptedException {
        lock.lock();
        try {
            draining = true;
            while (!idle && !closing) {
                changed.await();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Gives up what is not done. */
    @Override
    public void close() {
        takeNoMore();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void takeNoMore() {
        lock.lock();
        try {
            closing = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void loop() {
        try {
            while (awaitWork()) {
                giveUp();
                admit();
                step();
                FutureTask<?> aside = asides.poll();
                if (aside != null) {
                    aside.run();
                }
                note();
            }
        } finally {
            endAll();
        }
    }

    /** Waits while there is nothing to do; false when the scheduler closes. */
    private boolean awaitWork() {
        lock.lock();
        try {
            while (!closing && running.isEmpty() && waiting.size() == 0 && asides.isEmpty()) {
                idle = true;
                changed.signalAll();
                changed.awaitUninterruptibly();
            }
            return !closing;
        } finally {
            lock.unlock();
        }
    }

    private void giveUp() {
        Instant now = Instant.now();
        for (ScheduledJob job : waiting.remove(job -> job.isCancelled() || job.isOverdue(now))) {
            fail(job, problem(job));
        }
        for (ScheduledJob job : List.copyOf(running)) {
            if (job.isCancelled() || job.isOverdue(now)) {
                giveUp(job, problem(job));
            }
        }
    }

    /** Ends a running job by an error. */
    private void giveUp(ScheduledJob job, RuntimeException problem) {
        leave(job);
        fail(job, problem);
    }

    private static RuntimeException problem(ScheduledJob job) {
        return job.isCancelled() ? new CancellationException("cancelled") : new DeadlineException("not done by its deadline");
    }

    private void fail(ScheduledJob job, RuntimeException problem) {
        failed++;
        job.tellFailed(problem);
    }

    private void admit() {
        while (running.size() < options.running()) {
            ScheduledJob job = waiting.take(this::isReady);
            if (job == null) {
                return;
            }
            if (prefixes != null) {
                job.path.addAll(prefixes.use(job.job().prefixSalt(), job.ids()));
            }
            if (!makeRoom(firstNeed(job))) {
                release(job);
                waiting.putBack(job);
                return;
            }
            begin(job);
        }
    }

    /** Not while another sequence reads what this one begins with. */
    private boolean isReady(ScheduledJob job) {
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

    /** Tokens of memory that a job takes at its turn: room to read what is not here, and to write a little. */
    private long firstNeed(ScheduledJob job) {
        int capacity = capacity(job.job());
        return paged ? rounded(Math.min(job.ids().length + 1, capacity)) - (long) job.path.size() * pageTokens : capacity;
    }

    private int capacity(Job job) {
        return job.prompt().length + job.options().newTokens(job.prompt().length, model.spec().contextLength());
    }

    private long rounded(long tokens) {
        return (tokens + pageTokens - 1) / pageTokens * pageTokens;
    }

    private void begin(ScheduledJob job) {
        var cache = new PromptCache(model, Math.max(1, capacity(job.job())), null, job.job().adapter());
        job.cache = cache;
        if (prefixes != null) {
            job.shared = job.path.size();
            PrefixCache.Beginning beginning = prefixes.beginning(job.job().prefixSalt(), job.path, job.ids());
            cache.begin(beginning.pages(), beginning.ids());
        }
        running.add(job);
        if (job.sequence == null) {
            job.sequence = new Sequence(model, tokenizer, job.job().prompt(), job.job().options(), job.job().number(), job::takeText, cache);
            cachedTokens += job.sequence.cachedTokens();
            job.tellStarted();
            if (job.job().options().maxNewTokens() == 0) {
                finish(job);
            }
        } else {
            job.sequence.move(cache);
        }
    }

    /** Lets a running job's place and memory go. */
    private void leave(ScheduledJob job) {
        running.remove(job);
        release(job);
        job.cache.close();
        job.cache = null;
    }

    private void release(ScheduledJob job) {
        if (prefixes != null) {
            prefixes.release(job.path);
        }
        job.shared = 0;
    }

    private void finish(ScheduledJob job) {
        if (prefixes != null && job.cache.length() > job.path.size() * pageTokens) {
            prefixes.keepRest(job.job().prefixSalt(), job.path, Arrays.copyOf(job.sequence.ids(), job.cache.length()), (PagedKv) job.cache.tokens().cache());
        }
        leave(job);
        finished++;
        job.tellFinished();
    }

    /** Whether {@code tokens} more fit, when what nobody uses has gone. */
    private boolean makeRoom(long tokens) {
        while (held() + tokens > options.tokens()) {
            if (prefixes == null || !prefixes.evict()) {
                return false;
            }
        }
        return true;
    }

    /** Tokens whose memory is taken. */
    private long held() {
        long tokens = prefixes == null ? 0 : (long) prefixes.pages() * pageTokens;
        for (ScheduledJob job : running) {
            tokens += paged ? rounded(job.cache.length()) - (long) job.shared * pageTokens : capacity(job.job());
        }
        return tokens;
    }

    private void step() {
        List<ScheduledJob> who = new ArrayList<>();
        List<Span> spans = plan(who);
        while (paged && !makeRoom(spans.stream().mapToLong(this::growth).sum())) {
            preempt(running.getLast());
            who.clear();
            spans = plan(who);
        }
        if (spans.isEmpty()) {
            return;
        }
        List<float[]> logits;
        try {
            logits = model.forward(spans);
        } catch (RuntimeException e) {
            runEachAlone(who, spans);
            return;
        }
        steps++;
        for (int i = 0; i < who.size(); i++) {
            advance(who.get(i), spans.get(i), logits.get(i));
        }
    }

    /** The spans of the next step and, to {@code who}, whose they are. */
    private List<Span> plan(List<ScheduledJob> who) {
        List<Span> spans = new ArrayList<>();
        for (ScheduledJob job : running) {
            if (job.sequence.unread() == 1) {
                spans.add(job.sequence.unread(1));
                who.add(job);
            }
        }
        int room = spans.isEmpty() ? SchedulerOptions.PROMPT_ALONE : options.promptRows();
        for (ScheduledJob job : running) {
            if (room > 0 && job.sequence.unread() > 1) {
                spans.add(job.sequence.unread(room));
                who.add(job);
                room -= spans.getLast().ids().length;
            }
        }
        return spans;
    }

    /** Tokens of new pages that a span needs. */
    private long growth(Span span) {
        int length = span.cache().length();
        return rounded(length + span.ids().length) - rounded(length);
    }

    private void preempt(ScheduledJob job) {
        preempted++;
        leave(job);
        waiting.putBack(job);
    }

    /** After a step that failed: what fails alone has failed, the others have lost nothing. */
    private void runEachAlone(List<ScheduledJob> who, List<Span> spans) {
        for (ScheduledJob job : who) {
            job.cache.tokens().truncate(job.cache.length());
        }
        for (int i = 0; i < who.size(); i++) {
            float[] logits;
            try {
                logits = model.forward(List.of(spans.get(i))).getFirst();
            } catch (RuntimeException e) {
                giveUp(who.get(i), e);
                continue;
            }
            steps++;
            advance(who.get(i), spans.get(i), logits);
        }
    }

    private void advance(ScheduledJob job, Span span, float[] logits) {
        Sequence sequence = job.sequence;
        sequence.ran(span.ids());
        if (sequence.written() == 0) {
            promptTokens += span.ids().length;
        }
        boolean goesOn = true;
        if (logits.length > 0) {
            job.hasRead();
            try {
                goesOn = sequence.advance(logits);
            } catch (RuntimeException e) {
                giveUp(job, e);
                return;
            }
            writtenTokens++;
            job.tellWritten();
        }
        keep(job);
        if (!goesOn) {
            finish(job);
        }
    }

    /** Puts the pages that have become full where others find them. */
    private void keep(ScheduledJob job) {
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

    private void note() {
        last = new SchedulerStats(0, running.size(), held(), options.tokens(), steps, promptTokens, cachedTokens, writtenTokens,
                preempted, finished, failed);
    }

    private void endAll() {
        takeNoMore();
        var closed = new CancellationException("the server is shutting down");
        for (ScheduledJob job : List.copyOf(running)) {
            giveUp(job, closed);
        }
        waiting.remove(job -> true).forEach(job -> fail(job, closed));
        for (FutureTask<?> aside = asides.poll(); aside != null; aside = asides.poll()) {
            aside.cancel(false);
        }
        if (prefixes != null) {
            try (prefixes; LanguageModel.KvCache layout = model.newCache(1)) {
                if (kept != null) {
                    kept.write(prefixes, (StorableCache) layout);
                }
            }
        }
        note();
    }
}
