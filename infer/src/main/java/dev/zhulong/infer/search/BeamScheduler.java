package dev.zhulong.infer.search;

import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.infer.ContextLengthException;
import dev.zhulong.infer.QueueFullException;
import dev.zhulong.infer.Scheduler;
import dev.zhulong.infer.SchedulerStoppedException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Searches for the best texts beside a {@link Scheduler}: its model runs a step of all searches between two steps of its sequences. Texts join the beams that run and
 * leave them at every step, in the order in which they came.
 *
 * <pre>{@code
 * try (var beams = new BeamScheduler(scheduler, model, BeamScheduler.Room.of(64, 100_000, 256))) {
 *     int[] ids = beams.submit(source, options).get();
 * }
 * }</pre>
 */
public final class BeamScheduler implements AutoCloseable {
    /** What a client is told to wait where too many do. */
    private static final int RETRY_SECONDS = 5;

    private final Scheduler scheduler;
    private final ConditionalModel model;
    private final BeamBatch batch;
    private final Room room;
    private final ArrayDeque<Wanted> waiting = new ArrayDeque<>();
    /** The thread's alone. */
    private final List<Running> running = new ArrayList<>();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean closing;
    private boolean idle = true;
    private final Thread thread;

    /**
     * What may be taken.
     *
     * @param rows    beams that run together; a text with more runs alone
     * @param tokens  of keys and values, those of sources included
     * @param waiting texts that may wait
     */
    public record Room(int rows, long tokens, int waiting) {}

    /** @param tokens of keys and values that it may come to */
    private record Wanted(int[] source, SearchOptions options, long tokens, CompletableFuture<int[]> found) {}

    private record Running(Wanted wanted, BeamBatch.Text text) {}

    /** Over a scheduler and its model, which stay the caller's. */
    public BeamScheduler(Scheduler scheduler, ConditionalModel model, Room room) {
        this.scheduler = scheduler;
        this.model = model;
        this.room = room;
        batch = new BeamBatch(model);
        thread = Thread.ofPlatform().name("beams").start(this::loop);
    }

    /**
     * Searches for the best text; cancelling what is returned gives it up.
     *
     * @return ids without what the decoder begins with
     * @throws QueueFullException        where too many wait
     * @throws SchedulerStoppedException where no more are taken
     * @throws ContextLengthException    where the search needs more than all memory
     * @throws IllegalArgumentException  where the source cannot be read
     */
    public CompletableFuture<int[]> submit(int[] source, SearchOptions options) {
        long tokens = tokens(source, options);
        if (tokens > room.tokens) {
            throw new ContextLengthException("a text of " + source.length + " tokens and " + options.beams() + " beams of up to " + (options.maxLength() - 1)
                    + " tokens do not fit into the memory for " + room.tokens + " tokens: ask for fewer beams or tokens");
        }
        // refuses what cannot be read
        model.newCache(1, source).close();
        var wanted = new Wanted(source, options, tokens, new CompletableFuture<>());
        lock.lock();
        try {
            if (closing) {
                throw new SchedulerStoppedException(null);
            }
            if (waiting.size() >= room.waiting) {
                throw new QueueFullException(waiting.size(), RETRY_SECONDS);
            }
            waiting.add(wanted);
            idle = false;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        return wanted.found;
    }

    private long tokens(int[] source, SearchOptions options) {
        return model.sourceTokens(source.length) + (long) options.beams() * model.sourceTokens(options.maxLength());
    }

    private void loop() {
        while (awaitWork()) {
            try {
                scheduler.between(any -> {
                    round();
                    return null;
                });
            } catch (InterruptedException | RuntimeException e) {
                fail(e instanceof RuntimeException problem ? problem : new SchedulerStoppedException(null));
            }
        }
        fail(new SchedulerStoppedException(null));
    }

    private boolean awaitWork() {
        lock.lock();
        try {
            while (!closing && waiting.isEmpty() && running.isEmpty()) {
                idle = true;
                changed.signalAll();
                changed.awaitUninterruptibly();
            }
            return !closing;
        } finally {
            lock.unlock();
        }
    }

    /** On the scheduler's thread, as all that touches caches. */
    private void round() {
        for (Running each : List.copyOf(running)) {
            if (each.wanted.found.isDone()) {
                batch.leave(each.text);
                running.remove(each);
            }
        }
        for (Wanted next = next(); next != null; next = next()) {
            try {
                running.add(new Running(next, batch.join(next.source, next.options)));
            } catch (RuntimeException e) {
                next.found.completeExceptionally(e);
            }
        }
        if (!batch.isEmpty()) {
            batch.step();
        }
        for (Running each : List.copyOf(running)) {
            if (each.text.isOver()) {
                running.remove(each);
                tell(each);
            }
        }
    }

    private static void tell(Running each) {
        try {
            each.wanted.found.complete(each.text.ids());
        } catch (RuntimeException e) {
            each.wanted.found.completeExceptionally(e);
        }
    }

    /** The first of those that wait, where there is room for it; null where there is not. */
    private Wanted next() {
        lock.lock();
        try {
            while (!waiting.isEmpty() && waiting.peek().found.isDone()) {
                waiting.remove();
            }
            Wanted first = waiting.peek();
            long held = running.stream().mapToLong(each -> each.wanted.tokens).sum();
            boolean fits = first != null && (running.isEmpty() || batch.rows() + first.options.beams() <= room.rows && held + first.tokens <= room.tokens);
            return fits ? waiting.remove() : null;
        } finally {
            lock.unlock();
        }
    }

    private void fail(RuntimeException problem) {
        List<Wanted> all = new ArrayList<>(running.stream().map(Running::wanted).toList());
        running.clear();
        batch.close();
        lock.lock();
        try {
            all.addAll(waiting);
            waiting.clear();
        } finally {
            lock.unlock();
        }
        all.forEach(each -> each.found.completeExceptionally(problem));
    }

    /** Waits until nothing is searched for. */
    public void drain() throws InterruptedException {
        lock.lock();
        try {
            while (!idle && !closing) {
                changed.await();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Gives up what is not found; before the scheduler is closed. */
    @Override
    public void close() {
        lock.lock();
        try {
            closing = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
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
}
