package dev.zhulong.infer;

import dev.zhulong.infer.PrefixCache.Node;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** A job on its way through a {@link Scheduler}, whose thread alone touches all but {@link #cancel}. */
final class ScheduledJob implements Scheduler.Ticket {
    private final Job job;
    private final JobListener listener;
    private final long submitted = System.nanoTime();
    private volatile boolean cancelled;

    /** Null until the job's first turn. */
    Sequence sequence;
    /** Null while the job has no turn. */
    PromptCache cache;
    /** The pages it reads that are in the prefix cache, in order. */
    final List<Node> path = new ArrayList<>();
    /** Pages at the beginning of its cache that are also the prefix cache's. */
    int shared;
    private final StringBuilder text = new StringBuilder();
    private int told;
    private long read;
    /** Whether the last call of the listener was made. */
    private boolean over;

    ScheduledJob(Job job, JobListener listener) {
        this.job = job;
        this.listener = listener;
    }

    Job job() {
        return job;
    }

    @Override
    public void cancel() {
        cancelled = true;
    }

    boolean isCancelled() {
        return cancelled;
    }

    boolean isOverdue(Instant now) {
        return job.deadline() != null && now.isAfter(job.deadline());
    }

    /** The prompt, and after a turn what was written. */
    int[] ids() {
        return sequence == null ? job.prompt() : sequence.ids();
    }

    /** What the sequence gives its text to. */
    void takeText(String piece) {
        text.append(piece);
    }

    /** The prompt has been read. */
    void hasRead() {
        if (read == 0) {
            read = System.nanoTime();
        }
    }

    boolean isOver() {
        return over;
    }

    void tellStarted() {
        told(() -> listener.started(sequence.promptTokens(), sequence.cachedTokens()));
    }

    /** Tells what was written since the last time. */
    void tellWritten() {
        List<TokenLogProbs> all = sequence.logProbs();
        if (text.isEmpty() && told == all.size()) {
            return;
        }
        String piece = text.toString();
        List<TokenLogProbs> tokens = List.copyOf(all.subList(told, all.size()));
        text.setLength(0);
        told = all.size();
        told(() -> listener.wrote(piece, tokens));
    }

    void tellFinished() {
        Generation generation = sequence.result(submitted, read == 0 ? System.nanoTime() : read);
        over = true;
        told(() -> listener.finished(generation));
    }

    void tellFailed(RuntimeException problem) {
        over = true;
        told(() -> listener.failed(problem));
    }

    /** A listener that throws is one that has gone. */
    private void told(Runnable call) {
        try {
            call.run();
        } catch (Throwable e) {
            cancelled = true;
        }
    }
}
