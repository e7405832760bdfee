package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.text.Tokenizer;
import java.lang.System.Logger.Level;
import java.time.Instant;
import java.util.ArrayList;
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
    private static final System.Logger LOG = System.getLogger(Scheduler.class.getName());

    private final LanguageModel model;
    private final Tokenizer tokenizer;
    private final SchedulerOptions options;
    private final WaitingJobs waiting;
    private final ConcurrentLinkedQueue<FutureTask<?>> asides = new ConcurrentLinkedQueue<>();
    private final Admission admission;
    /** Of {@link #admission}; the thread's alone. */
    private final List<ScheduledJob> running;

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
    private final Pace pace = new Pace(() -> System.nanoTime() / 1_000_000_000);
    /** What ended the thread, which was not asked to; null for nothing. */
    private volatile Throwable failure;
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
        waiting = new WaitingJobs(options.waiting());
        admission = new Admission(model, options, kept);
        running = admission.running();
        note();
        thread = Thread.ofPlatform().name("scheduler").start(this::loop);
    }

    /**
     * Adds a job; what becomes of it the listener is told.
     *
     * @throws QueueFullException        where too many wait
     * @throws SchedulerStoppedException where the scheduler takes no more
     * @throws ContextLengthException    where the prompt is too long, or more than all memory holds
     * @throws IllegalArgumentException  where the prompt is empty or has ids outside the vocabulary
     */
    public Ticket submit(Job job, JobListener listener) {
        check(job);
        var scheduled = new ScheduledJob(job, listener);
        lock.lock();
        try {
            if (draining || closing) {
                throw new SchedulerStoppedException(failure);
            }
            if (!waiting.add(scheduled)) {
                throw new QueueFullException(waiting.size(), pace.retryAfter());
            }
            wake();
            return scheduled;
        } finally {
            lock.unlock();
        }
    }

    /** There is something to do; under the lock. */
    private void wake() {
        if (idle) {
            pace.begin();
        }
        idle = false;
        changed.signalAll();
    }

    /**
     * Runs other work of the model between two steps, one piece after each; what it keeps in caches is not counted here. Waits until it is done.
     *
     * @throws SchedulerStoppedException where the scheduler is closed or has failed
     */
    public <T> T between(Function<LanguageModel, T> work) throws InterruptedException {
        var task = new FutureTask<>(() -> work.apply(model));
        lock.lock();
        try {
            if (closing) {
                throw new SchedulerStoppedException(failure);
            }
            asides.add(task);
            wake();
        } finally {
            lock.unlock();
        }
        try {
            return task.get();
        } catch (ExecutionException e) {
            throw exception(e.getCause());
        } catch (CancellationException e) {
            throw new SchedulerStoppedException(failure);
        }
    }

    /** What a listener is given: an error of the JVM is the cause of an exception. */
    private static RuntimeException exception(Throwable problem) {
        return problem instanceof RuntimeException exception ? exception : new IllegalStateException("the sequence cannot be computed: " + problem, problem);
    }

    /** What ended the scheduler's thread although it was not asked to end; null where it lives or was asked. */
    public Throwable failure() {
        return failure;
    }

    /** What computes the keys and values and how they are kept, which answers depend on besides the weights; empty where the engine does not say. */
    public String layout() {
        return admission.layout();
    }

    /** Most tokens of a sequence, prompt included: the model's context, or the memory for keys and values where that is less. */
    public int mostTokens() {
        return (int) Math.min(model.spec().contextLength(), admission.room());
    }

    private void check(Job job) {
        Generator.check(job.prompt(), model.spec());
        if (model instanceof ConditionalModel != (job.source() != null)) {
            throw new IllegalArgumentException(job.source() == null ? "an encoder–decoder writes of a source, and the job has none" : "the job has a source, and the model is no"
                    + " encoder–decoder");
        }
        admission.check(job);
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
            boolean failedBefore = false;
            while (awaitWork()) {
                try {
                    round();
                    failedBefore = false;
                } catch (Throwable e) {
                    if (failedBefore) {
                        throw e;
                    }
                    failedBefore = true;
                    LOG.log(Level.ERROR, "a round of the scheduler has failed", e);
                    // whose fault it was nobody knows
                    List.copyOf(running).forEach(job -> giveUp(job, e));
                }
            }
        } catch (Throwable e) {
            failure = e;
            LOG.log(Level.ERROR, "the scheduler has failed and accepts no more requests", e);
        } finally {
            endAll();
        }
    }

    private void round() {
        giveUp();
        admit();
        step();
        FutureTask<?> aside = asides.poll();
        if (aside != null) {
            aside.run();
        }
        note();
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

    /** Ends a running job by an error, unless it has ended. */
    private void giveUp(ScheduledJob job, Throwable problem) {
        if (job.isOver()) {
            return;
        }
        try {
            admission.leave(job);
        } catch (Throwable e) {
            LOG.log(Level.ERROR, "what a sequence has taken cannot be given back", e);
        }
        fail(job, exception(problem));
    }

    private static RuntimeException problem(ScheduledJob job) {
        return job.isCancelled() ? new CancellationException("cancelled") : new DeadlineException("not finished by its deadline");
    }

    private void fail(ScheduledJob job, RuntimeException problem) {
        failed++;
        pace.freed();
        job.tellFailed(problem);
    }

    private void admit() {
        while (admission.hasPlace()) {
            ScheduledJob job = waiting.take(admission::isReady);
            if (job == null) {
                return;
            }
            try {
                if (!admission.enter(job)) {
                    waiting.putBack(job);
                    return;
                }
                begin(job);
            } catch (Throwable e) {
                giveUp(job, e);
            }
        }
    }

    /** Goes on with a job that has come in, where it was if this is not its first turn. */
    private void begin(ScheduledJob job) {
        if (job.sequence != null) {
            job.sequence.move(job.cache);
            return;
        }
        job.sequence = new Sequence(model, tokenizer, job.job().prompt(), job.job().options(), job.job().number(), job::takeText, job.cache,
                job.job().source() == null ? null : job.job().source().rules());
        cachedTokens += job.sequence.cachedTokens();
        job.tellStarted();
        if (job.job().options().maxNewTokens() == 0) {
            finish(job);
        }
    }

    private void finish(ScheduledJob job) {
        admission.keepRest(job);
        admission.leave(job);
        job.tellFinished();
        finished++;
        pace.freed();
    }

    private void step() {
        List<ScheduledJob> who = new ArrayList<>();
        List<Span> spans = plan(who);
        while (!admission.fits(spans)) {
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
        } catch (Throwable e) {
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
            if (job.sequence.unread() == 1 && sourceToRead(job) == 0) {
                spans.add(job.sequence.unread(1));
                who.add(job);
            }
        }
        int room = spans.isEmpty() ? SchedulerOptions.PROMPT_ALONE : options.promptRows();
        for (ScheduledJob job : running) {
            int source = sourceToRead(job);
            if (room > 0 && (job.sequence.unread() > 1 || source > 0)) {
                spans.add(job.sequence.unread(room));
                who.add(job);
                room -= spans.getLast().ids().length + source;
            }
        }
        return spans;
    }

    /** Tokens of a job's source that its next step reads as well: all of them in its first. */
    private static int sourceToRead(ScheduledJob job) {
        return job.job().source() == null || job.cache.length() > 0 ? 0 : job.job().source().ids().length;
    }

    private void preempt(ScheduledJob job) {
        preempted++;
        try {
            admission.leave(job);
        } catch (Throwable e) {
            giveUp(job, e);
            return;
        }
        waiting.putBack(job);
    }

    /** After a step that failed: what fails alone has failed, the others have lost nothing. */
    private void runEachAlone(List<ScheduledJob> who, List<Span> spans) {
        for (ScheduledJob job : who) {
            try {
                job.cache.tokens().truncate(job.cache.length());
            } catch (Throwable e) {
                giveUp(job, e);
            }
        }
        for (int i = 0; i < who.size(); i++) {
            ScheduledJob job = who.get(i);
            if (job.isOver()) {
                continue;
            }
            float[] logits;
            try {
                logits = model.forward(List.of(spans.get(i))).getFirst();
            } catch (Throwable e) {
                giveUp(job, e);
                continue;
            }
            steps++;
            advance(job, spans.get(i), logits);
        }
    }

    private void advance(ScheduledJob job, Span span, float[] logits) {
        try {
            if (!read(job, span, logits)) {
                finish(job);
            }
        } catch (Throwable e) {
            giveUp(job, e);
        }
    }

    /** The model has read {@code span}; false if the sequence has ended. */
    private boolean read(ScheduledJob job, Span span, float[] logits) {
        Sequence sequence = job.sequence;
        promptTokens += sourceToRead(job);
        sequence.ran(span.ids());
        if (sequence.written() == 0 && job.job().source() == null) {
            promptTokens += span.ids().length;
        }
        boolean goesOn = true;
        if (logits.length > 0) {
            job.hasRead();
            goesOn = sequence.advance(logits);
            writtenTokens++;
            job.tellWritten();
        }
        admission.keep(job);
        return goesOn;
    }

    private void note() {
        last = new SchedulerStats(0, running.size(), admission.held(), admission.room(), steps, promptTokens, cachedTokens, writtenTokens,
                preempted, finished, failed);
    }

    private void endAll() {
        takeNoMore();
        RuntimeException why = failure == null ? new CancellationException("the server is shutting down") : new SchedulerStoppedException(failure);
        for (ScheduledJob job : List.copyOf(running)) {
            giveUp(job, why);
        }
        waiting.remove(job -> true).forEach(job -> fail(job, why));
        for (FutureTask<?> aside = asides.poll(); aside != null; aside = asides.poll()) {
            aside.cancel(false);
        }
        try {
            // after a failure nobody knows what the pages hold
            admission.end(failure == null);
        } catch (RuntimeException | Error e) {
            LOG.log(Level.ERROR, "the computed prompts cannot be saved", e);
        }
        note();
    }
}
