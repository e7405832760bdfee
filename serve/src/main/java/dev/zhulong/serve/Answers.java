package dev.zhulong.serve;

import dev.zhulong.infer.ContextLengthException;
import dev.zhulong.infer.DeadlineException;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Job;
import dev.zhulong.infer.JobListener;
import dev.zhulong.infer.NoMemoryException;
import dev.zhulong.infer.QueueFullException;
import dev.zhulong.infer.Scheduler;
import dev.zhulong.infer.SchedulerStoppedException;
import dev.zhulong.infer.TokenLogProbs;
import dev.zhulong.infer.constrain.ConstraintException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** A request's answers while they are written: what the scheduler's thread tells of them, heard on the request's. Closing gives up what is not done. */
final class Answers implements AnswerStream {
    private static final long POLL_MILLIS = 50;
    private static final int MEMORY_SECONDS = 5;

    /** News of a choice: more text, or its end, or what went wrong. */
    private record Event(int choice, String text, List<TokenLogProbs> tokens, Generation end, RuntimeException problem) {}

    /** The client has gone: nobody is left to be told. */
    static final class Gone extends RuntimeException {
        private static final long serialVersionUID = 1;

        Gone() {
            super("the client has gone", null, false, false);
        }
    }

    /**
     * Who asks.
     *
     * @param client whose turn it is
     * @param salt   what is read for one is not reused for another
     * @param caller who waits
     */
    record Asker(String client, String salt, Caller caller) {}

    private final Request asked;
    private final Asker asker;
    private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final List<Scheduler.Ticket> tickets = new ArrayList<>();
    private final List<Choice> choices = new ArrayList<>();
    private final boolean[] ended;
    /** Pieces heard of each choice. */
    private final int[] pieces;
    private int open;
    private Event first;
    private final int[] cached;
    private int written;

    /**
     * Begins.
     *
     * @throws ApiException where nothing more is taken
     */
    Answers(Request asked, Asker asker, Supplier<TextFilter> filters) {
        this.asked = asked;
        this.asker = asker;
        open = asked.choices();
        ended = new boolean[open];
        pieces = new int[open];
        cached = new int[asked.prompts().size()];
        try {
            for (int i = 0; i < asked.choices(); i++) {
                int[] prompt = asked.prompts().get(i / asked.n());
                choices.add(new Choice(i, filters.get(), asked.tools() == null ? null : new ToolCalls(asked.tools(), asked.callsForced()),
                        asked.logProbs() ? new TokenTexts(asked.tokenizer(), prompt) : null, asked.wholeJson()));
                tickets.add(submit(new Job(prompt, asked.options(), i % asked.n(), asker.client, asker.salt, asker.caller.deadline(), asked.model().adapter(),
                        asked.source(i / asked.n())), new Ear(i)));
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private Scheduler.Ticket submit(Job job, Ear ear) {
        try {
            return asked.lane().scheduler().submit(job, ear);
        } catch (ContextLengthException | QueueFullException | SchedulerStoppedException e) {
            throw problem(e);
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(null, e.getMessage());
        }
    }

    private static ApiException shuttingDown() {
        return ApiException.later(503, "server_error", "shutting_down", 5, "the server is shutting down");
    }

    /** Listens to one job, on the scheduler's thread. */
    private final class Ear implements JobListener {
        private final int choice;

        Ear(int choice) {
            this.choice = choice;
        }

        @Override
        public void started(int promptTokens, int cachedTokens) {
            if (choice % asked.n() == 0) {
                cached[choice / asked.n()] = cachedTokens;
            }
        }

        @Override
        public void wrote(String text, List<TokenLogProbs> tokens) {
            events.add(new Event(choice, text, tokens, null, null));
        }

        @Override
        public void finished(Generation generation) {
            events.add(new Event(choice, "", List.of(), generation, null));
        }

        @Override
        public void failed(RuntimeException problem) {
            events.add(new Event(choice, "", List.of(), null, problem));
        }
    }

    /**
     * Waits until something was written: what goes wrong before can still be told by a status.
     *
     * @throws Gone         where the client has left
     * @throws ApiException where it takes too long
     */
    void awaitFirst() {
        first = poll();
        if (first.problem != null) {
            throw problem(first.problem);
        }
    }

    /**
     * What follows; null at the end of all. May be empty.
     *
     * @throws Gone where the client has left
     */
    @Override
    public Delta next() {
        while (open > 0) {
            Event event = first != null ? first : poll();
            first = null;
            if (ended[event.choice]) {
                continue;
            }
            if (event.problem != null) {
                throw problem(event.problem);
            }
            Choice choice = choices.get(event.choice);
            pieces[event.choice]++;
            Delta delta = event.end == null ? choice.wrote(event.text, event.tokens) : choice.finished(event.end.finish(), event.end.stop());
            if (delta.finish() != null) {
                ended[event.choice] = true;
                open--;
                // of one that was stopped here nobody counts the tokens: each piece had one at least
                written += event.end == null ? pieces[event.choice] : event.end.ids().length;
                tickets.get(event.choice).cancel();
            }
            return delta;
        }
        return null;
    }

    private Event poll() {
        try {
            Event event = events.poll();
            while (event == null) {
                asker.caller.check();
                event = events.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
            }
            return event;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Gone();
        }
    }

    /** What went wrong in the engine, as a client is told; itself where it is no client's business. */
    static RuntimeException problem(RuntimeException problem) {
        return switch (problem) {
            case DeadlineException _ -> Caller.overdue();
            case QueueFullException e -> ApiException.later(429, "rate_limit_error", "queue_full", e.retryAfterSeconds(), e.getMessage());
            case ContextLengthException e -> ApiException.invalid(null, "context_length_exceeded", e.getMessage());
            case ConstraintException e -> ApiException.invalid(null, "invalid_schema", e.getMessage());
            case NoMemoryException e -> ApiException.later(503, "server_error", "out_of_memory", MEMORY_SECONDS, e.getMessage());
            case SchedulerStoppedException e when e.getCause() != null -> ApiException.of(503, "server_error", "engine_failed", e.getMessage());
            case SchedulerStoppedException _, CancellationException _ -> shuttingDown();
            default -> problem;
        };
    }

    /** What was taken so far; exact when all has ended. */
    @Override
    public Usage usage() {
        int prompts = asked.promptTokens();
        int reused = 0;
        for (int tokens : cached) {
            reused += tokens;
        }
        return new Usage(prompts, reused, written);
    }

    @Override
    public void close() {
        tickets.forEach(Scheduler.Ticket::cancel);
        choices.forEach(Choice::close);
    }
}
