package dev.zhulong.infer;

import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.infer.Encoder.Output;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.stream.IntStream;

/**
 * Runs the inputs of many requests through one encoder, on a thread of its own: a pass is filled with inputs of all that wait, clients taking turns. What
 * is made of an input does not depend on what shares its pass, to the bit.
 *
 * <pre>{@code
 * try (var scheduler = new EncoderScheduler(encoder, 64)) {
 *     List<float[]> vectors = scheduler.submit("someone", inputs, (i, output) -> head.vector(output.states(), inputs.get(i).ids().length, 0)).get();
 * }
 * }</pre>
 *
 * <p>The encoder stays the caller's, but nobody else may use it before this is closed.
 */
public final class EncoderScheduler implements AutoCloseable {
    /** Tokens of a pass, by which time it is noticed that a request is given up; a longer input runs alone. */
    private static final int PASS = 512;

    private final Encoder encoder;
    private final int most;
    private final Pace pace = new Pace(() -> TimeUnit.NANOSECONDS.toSeconds(System.nanoTime()));
    private final Thread thread;
    /** Requests with inputs that have not run, the client whose turn is next first; a client without any is not here. */
    private final LinkedHashMap<String, Deque<Job<?>>> clients = new LinkedHashMap<>();
    private int waiting;
    /** What runs at the moment. */
    private List<Place> running = List.of();
    private boolean stopped;
    private boolean closed;
    private volatile Throwable failure;
    private long passes;
    private long tokens;
    private long finished;
    private long failed;

    /** A request, its inputs in the order in which they run. */
    private static final class Job<R> {
        final List<Input> inputs;
        final BiFunction<Integer, Output, R> made;
        final CompletableFuture<List<R>> answer = new CompletableFuture<>();
        /** Of like lengths together: the longest first. */
        final int[] order;
        final List<R> results;
        int taken;
        int ran;

        Job(List<Input> inputs, BiFunction<Integer, Output, R> made) {
            this.inputs = inputs;
            this.made = made;
            order = IntStream.range(0, inputs.size()).boxed().sorted(Comparator.comparingInt((Integer i) -> inputs.get(i).ids().length).reversed())
                    .mapToInt(Integer::intValue).toArray();
            results = new ArrayList<>(Collections.nCopies(inputs.size(), null));
        }

        int nextLength() {
            return inputs.get(order[taken]).ids().length;
        }

        /** True with the last one. */
        boolean ran(int index, Output output) {
            results.set(index, made.apply(index, output));
            return ++ran == order.length;
        }

        void complete() {
            answer.complete(results);
        }
    }

    /** An input of a pass. */
    private record Place(Job<?> job, int index) {
        Input input() {
            return job.inputs.get(index);
        }
    }

    /** @param most requests that wait */
    public EncoderScheduler(Encoder encoder, int most) {
        if (most < 1) {
            throw new IllegalArgumentException("at least one request must be able to wait, found " + most);
        }
        this.encoder = encoder;
        this.most = most;
        thread = Thread.ofPlatform().name("encoder").start(this::run);
    }

    /**
     * Takes a request. Cancelling what is returned gives it up.
     *
     * @param client whose turn it takes
     * @param inputs at least one, each of which fits the network
     * @param made   what is kept of each output, given its number; runs on the scheduler's thread
     * @return in the order of the inputs
     * @throws QueueFullException        if too many wait
     * @throws SchedulerStoppedException after {@link #drain} or {@link #close}, or where the thread has failed
     */
    public <R> CompletableFuture<List<R>> submit(String client, List<Input> inputs, BiFunction<Integer, Output, R> made) {
        var job = new Job<>(List.copyOf(inputs), made);
        if (job.inputs.isEmpty()) {
            throw new IllegalArgumentException("a request needs at least one input");
        }
        synchronized (this) {
            if (stopped || failure != null) {
                throw new SchedulerStoppedException(failure);
            }
            dropGivenUp();
            if (waiting == most) {
                throw new QueueFullException(waiting, pace.retryAfter());
            }
            if (waiting == 0 && running.isEmpty()) {
                pace.begin();
            }
            clients.computeIfAbsent(client, _ -> new ArrayDeque<>()).addLast(job);
            waiting++;
            notifyAll();
        }
        return job.answer;
    }

    private void run() {
        try {
            for (List<Place> pass = next(); pass != null; pass = next()) {
                encode(pass);
            }
        } catch (Throwable e) {
            failure = e;
        }
        end();
    }

    /** The inputs of the next pass; null where there will be none. */
    private synchronized List<Place> next() throws InterruptedException {
        running = List.of();
        notifyAll();
        List<Place> pass = new ArrayList<>();
        while (!closed) {
            fill(pass);
            if (!pass.isEmpty()) {
                running = pass;
                return pass;
            }
            wait();
        }
        return null;
    }

    private void fill(List<Place> pass) {
        dropGivenUp();
        int length = 0;
        while (!clients.isEmpty()) {
            Map.Entry<String, Deque<Job<?>>> client = clients.firstEntry();
            Job<?> job = client.getValue().getFirst();
            if (!pass.isEmpty() && length + job.nextLength() > PASS) {
                return;
            }
            length += job.nextLength();
            pass.add(new Place(job, job.order[job.taken++]));
            if (job.taken == job.order.length) {
                client.getValue().removeFirst();
                waiting--;
            }
            clients.remove(client.getKey());
            if (!client.getValue().isEmpty()) {
                clients.putLast(client.getKey(), client.getValue());
            }
        }
    }

    private void dropGivenUp() {
        clients.values().forEach(jobs -> jobs.removeIf(job -> job.answer.isDone()));
        clients.values().removeIf(Deque::isEmpty);
        waiting = clients.values().stream().mapToInt(Deque::size).sum();
    }

    private void encode(List<Place> pass) {
        List<Output> outputs;
        try {
            outputs = encoder.encode(pass.stream().map(Place::input).toList());
        } catch (Throwable e) {
            if (pass.size() == 1) {
                fail(pass.getFirst().job, e);
            } else {
                // what fails alone has failed, the others have lost nothing
                pass.forEach(place -> encode(List.of(place)));
            }
            return;
        }
        count(pass);
        for (int i = 0; i < outputs.size(); i++) {
            Place place = pass.get(i);
            try {
                if (place.job.ran(place.index, outputs.get(i))) {
                    // who is answered finds it counted
                    ended(!place.job.answer.isDone());
                    place.job.complete();
                }
            } catch (Throwable e) {
                fail(place.job, e);
            }
        }
    }

    private void fail(Job<?> job, Throwable problem) {
        if (!job.answer.isDone()) {
            ended(false);
            job.answer.completeExceptionally(problem);
        }
    }

    private synchronized void count(List<Place> pass) {
        passes++;
        pass.forEach(place -> tokens += place.input().ids().length);
    }

    private synchronized void ended(boolean well) {
        finished += well ? 1 : 0;
        failed += well ? 0 : 1;
        pace.freed();
    }

    private synchronized void end() {
        stopped = true;
        Throwable why = failure == null ? new CancellationException("the server is shutting down") : new SchedulerStoppedException(failure);
        running.forEach(place -> place.job.answer.completeExceptionally(why));
        running = List.of();
        clients.values().forEach(jobs -> jobs.forEach(job -> job.answer.completeExceptionally(why)));
        clients.clear();
        waiting = 0;
        notifyAll();
    }

    /** What keeps it from ever answering again; null where nothing does. */
    public Throwable failure() {
        return failure;
    }

    /** What it does at the moment and has done; nothing of it is about keys and values. */
    public synchronized SchedulerStats stats() {
        dropGivenUp();
        return new SchedulerStats(waiting, running.size(), 0, 0, passes, tokens, 0, 0, 0, finished, failed);
    }

    /** Takes no more requests, and waits until those it has are answered. */
    public synchronized void drain() throws InterruptedException {
        stopped = true;
        while (!running.isEmpty() || waiting > 0) {
            wait();
        }
    }

    /** Gives up what is not answered. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            stopped = true;
            notifyAll();
        }
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
