package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.serve.Answers.Asker;
import io.helidon.webserver.http.ServerResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Requests that are answered by text: OpenAI's chats and completions, and the forms of others, which are read as chats and told as their clients expect. */
final class TextRoutes {
    private final ServedModel model;
    private final Requests requests;
    private final Metrics metrics;
    private final ServerOptions options;
    private final String fingerprint;
    private final KeptResponses kept = new KeptResponses();

    TextRoutes(ServedModel model, Metrics metrics, ServerOptions options) {
        this.model = model;
        this.metrics = metrics;
        this.options = options;
        requests = new Requests(model);
        fingerprint = "fp_" + Integer.toHexString(model.fingerprint().hashCode());
    }

    void chat(Exchange exchange, ServerResponse response) {
        answer(exchange, response, exchange.body(), requests::chat, new ChatShape(fingerprint), true);
    }

    void text(Exchange exchange, ServerResponse response) {
        answer(exchange, response, exchange.body(), model.sources() == null ? requests::text : new SourceRequests(model, requests)::text, new TextShape(fingerprint), false);
    }

    /** Anthropic's {@code /v1/messages}. */
    void messages(Exchange exchange, ServerResponse response) {
        answer(exchange, response, MessagesRequest.chat(exchange.body(), true), requests::chat, new MessagesShape(), true);
    }

    /** Anthropic's {@code /v1/messages/count_tokens}: of prompts that are too long, too. */
    void countTokens(Exchange exchange, ServerResponse response) {
        Fields chat = MessagesRequest.chat(exchange.body(), false);
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        int tokens = requests.prompt(chat, review(exchange, Shape.newId("msg_"), caller)).length;
        exchange.took("", new Usage(tokens, 0, 0));
        Listener.send(response, exchange.connection(), Json.object().put("input_tokens", tokens));
    }

    /** OpenAI's {@code /v1/responses}. */
    void responses(Exchange exchange, ServerResponse response) {
        ResponsesRequest asked = ResponsesRequest.read(exchange.body(), kept, exchange.tenant());
        answer(exchange, response, asked.chat(), requests::chat, new ResponsesShape(asked, kept, exchange.tenant()), true);
    }

    /** A response that is kept, told again. */
    void response(Exchange exchange, ServerResponse response, String id) {
        KeptResponses.Kept found = kept.get(exchange.tenant(), id);
        if (found == null) {
            throw noSuchResponse(id);
        }
        Listener.send(response, exchange.connection(), found.response());
    }

    void forget(Exchange exchange, ServerResponse response, String id) {
        if (!kept.remove(exchange.tenant(), id)) {
            throw noSuchResponse(id);
        }
        Listener.send(response, exchange.connection(), Json.object().put("id", id).put("object", "response").put("deleted", true));
    }

    private static ApiException noSuchResponse(String id) {
        return ApiException.of(404, "invalid_request_error", "response_not_found", "there is no response '" + Json.shortened(id)
                + "' here: the latest are kept while the server runs, unless they were asked for with \"store\": false");
    }

    /** Ollama's {@code /api/chat}. */
    void ollamaChat(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        if (OllamaRequest.isEmpty(body, "messages")) {
            loaded(body, exchange, response, true);
            return;
        }
        answer(exchange, response, OllamaRequest.chat(body), requests::chat, new OllamaShape(true), true);
    }

    /** Ollama's {@code /api/generate}: a chat of one message, or the model's own text where the request is raw. */
    void ollamaGenerate(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        if (OllamaRequest.isEmpty(body, "prompt")) {
            loaded(body, exchange, response, false);
            return;
        }
        boolean chat = !OllamaRequest.isRaw(body);
        answer(exchange, response, OllamaRequest.generate(body), chat ? requests::chat : requests::text, new OllamaShape(false), chat);
    }

    private void loaded(Fields body, Exchange exchange, ServerResponse response, boolean chat) {
        Listener.send(response, exchange.connection(), OllamaShape.loaded(model.named(OllamaRequest.model(body)).name(), chat));
    }

    /** Reads a request. */
    private interface Reader {
        Request read(Fields body, UnaryOperator<String> review, Caller caller);
    }

    private void answer(Exchange exchange, ServerResponse response, Fields body, Reader reader, Shape shape, boolean chat) {
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        UnaryOperator<String> review = review(exchange, shape.id(), caller);
        try (Request asked = reader.read(body, review, caller)) {
            answer(asked, body, exchange, caller, response, shape, chat ? said -> reader.read(body.saying(said), review, caller) : null);
        }
    }

    private UnaryOperator<String> review(Exchange exchange, String id, Caller caller) {
        return options.guard() == null ? text -> text : options.guard().input(exchange.tenant(), id, metrics::decided, caller::check);
    }

    private void answer(Request asked, Fields body, Exchange exchange, Caller caller, ServerResponse response, Shape shape, Function<String, Request> again) {
        shape.begin(asked);
        String key = options.cache() != null && StoredAnswers.isKept(asked) ? StoredAnswers.key(body, asked, exchange.tenant(), model.fingerprint(), rules()) : null;
        StoredAnswers stored = key == null ? null : StoredAnswers.of(options.cache().get(key), key, asked);
        if (key != null) {
            metrics.responseCache(stored != null);
        }
        if (stored != null) {
            tell(stored, asked, shape, exchange, caller, response, null, null);
            return;
        }
        try (Answers answers = begin(asked, shape, exchange, caller)) {
            answers.awaitFirst();
            metrics.firstToken(exchange.age());
            shape.firstToken();
            tell(answers, asked, shape, exchange, caller, response, key, again);
        }
    }

    /** Rules decide an answer besides the request and the model. */
    private String rules() {
        return options.guard() == null ? "" : options.guard().version();
    }

    /**
     * Tells answers.
     *
     * @param key   they are kept by; null where they are not
     * @param again what to ask where rules want one written again; null where that cannot be
     */
    private void tell(AnswerStream answers, Request asked, Shape shape, Exchange exchange, Caller caller, ServerResponse response, String key, Function<String, Request> again) {
        try {
            List<Delta> whole;
            if (asked.stream()) {
                whole = stream(answers, shape, new EventStream(response, exchange.connection(), shape.style()));
            } else {
                whole = whole(answers, asked);
                Delta rewrite = again == null ? null : whole.stream().filter(Delta::rewrite).findFirst().orElse(null);
                if (rewrite != null) {
                    rewrite(again.apply(rewrite.refusal()), shape, exchange, caller, response);
                    return;
                }
                Listener.send(response, exchange.connection(), shape.whole(whole, answers.usage()));
            }
            if (key != null && whole != null) {
                options.cache().put(key, StoredAnswers.text(key, whole, answers.usage()));
            }
        } finally {
            exchange.took(shape.id(), answers.usage());
        }
    }

    /** Answers a request once more, told what was wrong with the first answer. */
    private void rewrite(Request asked, Shape shape, Exchange exchange, Caller caller, ServerResponse response) {
        try (asked; Answers answers = begin(asked, shape, exchange, caller)) {
            try {
                Listener.send(response, exchange.connection(), shape.whole(whole(answers, asked), answers.usage()));
            } finally {
                exchange.took(shape.id(), answers.usage());
            }
        }
    }

    private Answers begin(Request asked, Shape shape, Exchange exchange, Caller caller) {
        // what was read for another tenant or another template is never reused
        var asker = new Asker(exchange.client(), exchange.tenant() + '\n' + (asked.model().encoder() == null ? "" : asked.model().encoder().template().hash()), caller);
        Supplier<TextFilter> filters = options.guard() == null ? TextFilter.None::new : () -> options.guard().output(exchange.tenant(), shape.id(), metrics::decided, caller::check);
        return new Answers(asked, asker, filters);
    }

    private static List<Delta> whole(AnswerStream answers, Request asked) {
        List<List<Delta>> told = lists(asked);
        for (Delta delta = answers.next(); delta != null; delta = answers.next()) {
            told.get(delta.choice()).add(delta);
        }
        return told.stream().map(Delta::joined).toList();
    }

    private static List<List<Delta>> lists(Request asked) {
        return Stream.<List<Delta>>generate(ArrayList::new).limit(asked.choices()).toList();
    }

    /** Gives what was told; null where something went wrong. */
    private List<Delta> stream(AnswerStream answers, Shape shape, EventStream events) {
        List<List<Delta>> told = lists(shape.asked());
        boolean[] begun = new boolean[shape.asked().choices()];
        long last = System.nanoTime();
        try {
            shape.opening(answers.usage()).forEach(events::send);
            for (Delta delta = answers.next(); delta != null; delta = answers.next()) {
                if (delta.isEmpty()) {
                    continue;
                }
                for (ObjectNode chunk : shape.chunks(delta, !begun[delta.choice()])) {
                    events.send(chunk);
                }
                begun[delta.choice()] = true;
                told.get(delta.choice()).add(delta);
                long now = System.nanoTime();
                metrics.betweenTokens(now - last);
                last = now;
            }
        } catch (Answers.Gone e) {
            throw e;
        } catch (RuntimeException e) {
            // the status has been sent: what went wrong is told in the stream, which ends without its mark
            events.send(shape.problem(e instanceof ApiException problem ? problem : Listener.internal(e)));
            events.end();
            return null;
        }
        shape.ending(answers.usage()).forEach(events::send);
        events.done();
        return told.stream().map(Delta::joined).toList();
    }
}
