package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.search.BeamScheduler;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.serve.SourceRequests.Translation;
import io.helidon.webserver.http.ServerResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;

/** {@code POST /v1/translate}: the best text of each that comes in, searched for by beams. */
final class TranslateRoute {
    private static final int POLL_MILLIS = 50;

    private final ServedModel model;
    private final BeamScheduler beams;
    private final SourceRequests requests;
    private final Metrics metrics;
    private final ServerOptions options;

    TranslateRoute(ServedModel model, BeamScheduler beams, Metrics metrics, ServerOptions options) {
        this.model = model;
        this.beams = beams;
        this.metrics = metrics;
        this.options = options;
        requests = new SourceRequests(model, new Requests(model));
    }

    void translate(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        String id = Shape.newId("trans-");
        UnaryOperator<String> review = options.guard() == null ? text -> text : options.guard().input(exchange.tenant(), id, metrics::decided, caller::check);
        Translation asked = requests.translation(body, review, caller);
        int read = asked.sources().stream().mapToInt(ids -> ids.length).sum();
        int written = 0;
        try {
            List<int[]> found = found(asked, caller);
            written = found.stream().mapToInt(ids -> ids.length).sum();
            ObjectNode tree = Json.object().put("id", id).put("object", "list").put("model", model.name());
            ArrayNode data = tree.putArray("data");
            for (int[] ids : found) {
                add(data, ids, asked.options(), exchange, caller, id);
            }
            tree.set("usage", new Usage(read, 0, written).json());
            Listener.send(response, exchange.connection(), tree);
        } finally {
            exchange.took(id, new Usage(read, 0, written));
        }
    }

    private void add(ArrayNode data, int[] ids, SearchOptions search, Exchange exchange, Caller caller, String id) {
        String text = model.tokenizer().decode(ids).strip();
        ObjectNode entry = data.addObject().put("index", data.size() - 1);
        try (TextFilter filter = options.guard() == null ? new TextFilter.None() : options.guard().output(exchange.tenant(), id, metrics::decided, caller::check)) {
            String told = filter.whole(text);
            entry.put("text", told == null ? "" : told);
            entry.put("finish_reason", told == null ? "content_filter" : ids.length >= search.maxLength() - 1 ? "length" : "stop");
        }
    }

    private List<int[]> found(Translation asked, Caller caller) {
        List<CompletableFuture<int[]>> futures = new ArrayList<>();
        try {
            for (int[] source : asked.sources()) {
                futures.add(beams.submit(source, asked.options()));
            }
            List<int[]> found = new ArrayList<>();
            for (CompletableFuture<int[]> future : futures) {
                found.add(await(future, caller));
            }
            return found;
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException problem ? Answers.problem(problem) : Listener.internal(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Answers.Gone();
        } catch (ApiException | Answers.Gone e) {
            throw e;
        } catch (CancellationException e) {
            throw Answers.problem(e);
        } catch (IllegalArgumentException e) {
            throw e.getClass() == IllegalArgumentException.class ? ApiException.invalid("input", e.getMessage()) : Answers.problem(e);
        } catch (RuntimeException e) {
            throw Answers.problem(e);
        } finally {
            futures.forEach(future -> future.cancel(false));
        }
    }

    private static int[] await(CompletableFuture<int[]> future, Caller caller) throws ExecutionException, InterruptedException {
        while (true) {
            caller.check();
            try {
                return future.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                // asked again whether anyone waits
            }
        }
    }
}
