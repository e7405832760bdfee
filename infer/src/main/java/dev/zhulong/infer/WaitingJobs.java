package dev.zhulong.infer;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** Jobs without a turn: clients take turns, each client's jobs come in their order. Safe for several threads. */
final class WaitingJobs {
    private final int most;
    /** The client whose turn is next comes first; a client without jobs is not here. */
    private final LinkedHashMap<String, Deque<ScheduledJob>> clients = new LinkedHashMap<>();
    private int size;

    WaitingJobs(int most) {
        this.most = most;
    }

    synchronized int size() {
        return size;
    }

    /** False where there is no room. */
    synchronized boolean add(ScheduledJob job) {
        if (size == most) {
            return false;
        }
        clients.computeIfAbsent(job.job().client(), client -> new ArrayDeque<>()).addLast(job);
        size++;
        return true;
    }

    /** Puts a job that had its turn before all others. */
    synchronized void putBack(ScheduledJob job) {
        clients.computeIfAbsent(job.job().client(), client -> new ArrayDeque<>()).addFirst(job);
        clients.putFirst(job.job().client(), clients.get(job.job().client()));
        size++;
    }

    /** Takes the first job in the order of turns that {@code fits}; its client's next turn comes after everyone else's. Null for none. */
    synchronized ScheduledJob take(Predicate<ScheduledJob> fits) {
        for (Map.Entry<String, Deque<ScheduledJob>> client : clients.entrySet()) {
            if (fits.test(client.getValue().getFirst())) {
                ScheduledJob job = client.getValue().removeFirst();
                size--;
                clients.remove(client.getKey());
                if (!client.getValue().isEmpty()) {
                    clients.putLast(client.getKey(), client.getValue());
                }
                return job;
            }
        }
        return null;
    }

    /** Takes all jobs out that are {@code given up}. */
    synchronized List<ScheduledJob> remove(Predicate<ScheduledJob> givenUp) {
        List<ScheduledJob> removed = new ArrayList<>();
        for (Iterator<Deque<ScheduledJob>> each = clients.values().iterator(); each.hasNext();) {
            Deque<ScheduledJob> jobs = each.next();
            jobs.removeIf(job -> givenUp.test(job) && removed.add(job));
            if (jobs.isEmpty()) {
                each.remove();
            }
        }
        size -= removed.size();
        return removed;
    }
}
