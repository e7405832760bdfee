package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.serve.Answers.Asker;
import io.helidon.webserver.http.ServerResponse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;

/** {@code /v1/chat/completions} and {@code /v1/completions}: requests that are answered by text. */
final class TextRoutes {
    private final ServedModel model;
    private final Requests requests;
    private final Metrics metrics;
    private final int requestSeconds;
    private final String fingerprint;

    TextRoutes(ServedModel model, Metrics metrics, int requestSeconds) {
        this.model = model;
        this.metrics = metrics;
        this.requestSeconds = requestSeconds;
        requests = new Requests(model);
        fingerprint = "fp_" + Integer.toHexString(model.fingerprint().hashCode());
    }

    void chat(Exchange exchange, ServerResponse response) {
        answer(exchange, response, requests::chat, ChatShape::new);
    }

    void text(Exchange exchange, ServerResponse response) {
        answer(exchange, response, requests::text, TextShape::new);
    }

    private void answer(Exchange exchange, ServerResponse response, Function<Fields, Plan> reader, BiFunction<Plan, String, Shape> shapes) {
        Fields body = exchange.body();
        exchange.admit();
        Plan plan = reader.apply(body);
        Shape shape = shapes.apply(plan, fingerprint);
        // a template of another adapter or another tenant's text is never reused
        var asker = new Asker(exchange.client(), exchange.tenant() + '\n' + model.encoder().template().hash(), Instant.now().plusSeconds(requestSeconds),
                exchange.connection()::isOpen);
        try (Answers answers = new Answers(plan, asker, TextFilter.None::new)) {
            answers.awaitFirst();
            metrics.firstToken(exchange.age());
            try {
                if (plan.stream()) {
                    stream(answers, shape, new EventStream(response, exchange.connection()));
                } else {
                    whole(answers, shape, exchange, response);
                }
            } finally {
                exchange.took(shape.id(), answers.usage());
            }
        }
    }

    private static void whole(Answers answers, Shape shape, Exchange exchange, ServerResponse response) {
        List<List<Delta>> told = new ArrayList<>();
        for (int i = 0; i < shape.plan.choices(); i++) {
            told.add(new ArrayList<>());
        }
        for (Delta delta = answers.next(); delta != null; delta = answers.next()) {
            told.get(delta.choice()).add(delta);
        }
        ObjectNode whole = shape.whole(told.stream().map(Delta::joined).toList(), answers.usage());
        ApiServer.send(response, exchange.connection(), whole);
    }

    private void stream(Answers answers, Shape shape, EventStream events) {
        boolean[] begun = new boolean[shape.plan.choices()];
        long last = System.nanoTime();
        try {
            for (Delta delta = answers.next(); delta != null; delta = answers.next()) {
                if (delta.isEmpty()) {
                    continue;
                }
                for (ObjectNode chunk : shape.chunks(delta, !begun[delta.choice()])) {
                    events.send(chunk);
                }
                begun[delta.choice()] = true;
                long now = System.nanoTime();
                metrics.betweenTokens(now - last);
                last = now;
            }
        } catch (Answers.Gone e) {
            throw e;
        } catch (RuntimeException e) {
            // the status has been sent: what went wrong is told in the stream, which ends without its mark
            events.send((e instanceof ApiException problem ? problem : ApiServer.internal(e)).json());
            events.end();
            return;
        }
        if (shape.plan.includeUsage()) {
            events.send(shape.last(answers.usage()));
        }
        events.done();
    }
}
