package dev.zhulong.distribute;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Which batch a worker computes next, and which gradients make the next update, when nobody waits for the slowest (Ho et al. 2013, with versions of the model in place of clocks of
 * workers: a worker that is always slow would set everybody's pace by its clock). Batches have numbers; each counts once. An update is of a fixed number of them and makes a new
 * version. A gradient that was computed more than the staleness before its update is dropped, and its number given out again, as is that of a worker that is lost, and, once nothing
 * else is to be done, that of one that has had it for longer than the patience.
 *
 * @param <P> what a worker pushes
 */
public final class WorkQueue<P> {
    /**
     * A batch to compute.
     *
     * @param number  of the batch
     * @param version of the model that is there now: what the gradient is computed with, or an older one
     */
    public record Task(long number, long version) {}

    /**
     * A gradient that may become part of an update.
     *
     * @param version of the model that it was computed with
     */
    public record Pushed<P>(long number, long version, int worker, P payload) {}

    /** Of a number that is being computed: by whom, and since when. */
    private record Held(Set<Integer> workers, long since) {}

    private final int pushes;
    private final int staleness;
    private final long end;
    private final long patience;
    private final LongSupplier clock;
    private long version;
    private long fresh;
    private final PriorityQueue<Long> again = new PriorityQueue<>();
    private final Map<Long, Held> held = new HashMap<>();
    private final Map<Long, Pushed<P>> waiting = new HashMap<>();
    private final Set<Integer> workers = new HashSet<>();
    private long dropped;
    private long stalest;
    private boolean anyCame;
    private boolean closed;

    /**
     * A queue.
     *
     * @param versions  updates that were made already
     * @param updates   that are made in the end
     * @param pushes    gradients of an update
     * @param staleness updates that may be made between a gradient's model and the update it is part of; 0 for none, which is the synchronous training
     * @param patience  nanoseconds after which a number may be given to a second worker
     * @param clock     in nanoseconds
     */
    public WorkQueue(long versions, long updates, int pushes, int staleness, long patience, LongSupplier clock) {
        if (pushes < 1 || staleness < 0) {
            throw new IllegalArgumentException("an update is of at least one gradient, and a staleness is not negative, found " + pushes + " and " + staleness);
        }
        this.version = versions;
        this.fresh = versions * pushes;
        this.end = updates * pushes;
        this.pushes = pushes;
        this.staleness = staleness;
        this.patience = patience;
        this.clock = clock;
    }

    /** A worker has come. */
    public synchronized void came(int worker) {
        workers.add(worker);
        anyCame = true;
        notifyAll();
    }

    /** Waits until there is a batch for a worker; empty once there will be none any more. */
    public synchronized Optional<Task> take(int worker) throws InterruptedException {
        while (!closed && version * pushes < end) {
            Optional<Task> next = poll(worker);
            if (next.isPresent()) {
                return next;
            }
            // someone else's number may become due without anything else happening
            TimeUnit.NANOSECONDS.timedWait(this, Math.max(1_000_000, patience / 4));
        }
        return Optional.empty();
    }

    /** The same without waiting: empty where there is nothing to do now. */
    public synchronized Optional<Task> poll(int worker) {
        Long number = again.poll();
        // further ahead, a gradient could only become too old, or be part of another update than in the synchronous training
        if (number == null && fresh < Math.min(end, (version + 1 + staleness) * pushes)) {
            number = fresh++;
        }
        if (number == null) {
            number = overdue(worker);
        }
        if (number == null) {
            return Optional.empty();
        }
        Set<Integer> by = new HashSet<>(held.containsKey(number) ? held.get(number).workers : Set.of());
        by.add(worker);
        held.put(number, new Held(by, clock.getAsLong()));
        return Optional.of(new Task(number, version));
    }

    private Long overdue(int worker) {
        long now = clock.getAsLong();
        return held.entrySet().stream().filter(e -> now - e.getValue().since > patience && !e.getValue().workers.contains(worker)).map(Map.Entry::getKey).min(Comparator.naturalOrder())
                .orElse(null);
    }

    /**
     * Takes a gradient.
     *
     * @param computed version of the model that it was computed with
     * @return false where it is of no use: it is too old, or another worker was faster
     */
    public synchronized boolean push(int worker, long number, long computed, P payload) {
        if (computed > version || computed < 0) {
            throw new IllegalArgumentException("worker " + worker + " computed batch " + number + " with version " + computed + " of the model, and there are " + version);
        }
        Held by = held.get(number);
        if (by == null || !by.workers.contains(worker)) {
            // done by another meanwhile
            return false;
        }
        if (version - computed > staleness) {
            giveBack(worker, number);
            dropped++;
            return false;
        }
        held.remove(number);
        waiting.put(number, new Pushed<>(number, computed, worker, payload));
        notifyAll();
        return true;
    }

    private void giveBack(int worker, long number) {
        Held by = held.get(number);
        by.workers.remove(worker);
        if (by.workers.isEmpty()) {
            held.remove(number);
            again.add(number);
        }
        notifyAll();
    }

    /** A worker is gone; what it was computing is given out again. Returns how many are left. */
    public synchronized int lost(int worker) {
        List.copyOf(held.entrySet()).stream().filter(e -> e.getValue().workers.contains(worker)).forEach(e -> giveBack(worker, e.getKey()));
        workers.remove(worker);
        notifyAll();
        return workers.size();
    }

    /**
     * Waits for the gradients of the next update, which are in the order of their numbers; {@link #updated} is next.
     *
     * @throws RankFailure if all workers are gone
     */
    public synchronized List<Pushed<P>> next() throws InterruptedException {
        while (waiting.size() < pushes) {
            if (anyCame && workers.isEmpty()) {
                throw new RankFailure(0, "all workers are gone");
            }
            wait();
        }
        return ready();
    }

    /** The same without waiting: empty where there are too few. */
    public synchronized List<Pushed<P>> ready() {
        if (waiting.size() < pushes) {
            return List.of();
        }
        List<Pushed<P>> all = waiting.values().stream().sorted(Comparator.comparingLong(Pushed::number)).limit(pushes).toList();
        for (Pushed<P> each : all) {
            if (version - each.version > staleness) {
                throw new IllegalStateException("batch " + each.number + " is " + (version - each.version) + " versions old, and " + staleness + " are allowed");
            }
            stalest = Math.max(stalest, version - each.version);
            waiting.remove(each.number);
        }
        return all;
    }

    /** The update is made: there is a new version. What waits and has become too old is dropped. */
    public synchronized List<Pushed<P>> updated() {
        version++;
        List<Pushed<P>> old = new ArrayList<>(waiting.values().stream().filter(each -> version - each.version > staleness).toList());
        for (Pushed<P> each : old) {
            waiting.remove(each.number);
            again.add(each.number);
            dropped++;
        }
        notifyAll();
        return old;
    }

    /** Numbers that are out for longer than the patience, by worker. */
    public synchronized Map<Integer, Long> late() {
        long now = clock.getAsLong();
        Map<Integer, Long> all = new HashMap<>();
        held.forEach((number, by) -> {
            if (now - by.since > patience) {
                by.workers.forEach(worker -> all.put(worker, number));
            }
        });
        return all;
    }

    /** The model's version: updates that were made. */
    public synchronized long version() {
        return version;
    }

    /** Gradients that were dropped because they were too old. */
    public synchronized long dropped() {
        return dropped;
    }

    /** The most versions that were made between a gradient's model and its update, of all that were used. */
    public synchronized long stalest() {
        return stalest;
    }

    /** Nobody is given anything any more. */
    public synchronized void close() {
        closed = true;
        notifyAll();
    }
}
