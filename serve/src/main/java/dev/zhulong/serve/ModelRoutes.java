package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.ServerResponse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** What is said of the model, and its vectors: {@code /v1/models}, {@code /v1/embeddings}. */
final class ModelRoutes {
    static final int MOST_INPUTS = 2048;

    private final ServedModel model;
    private final Requests requests;
    private final Embedder embedder;
    private final ServerOptions options;
    private final Metrics metrics;
    private final long since = Instant.now().getEpochSecond();

    ModelRoutes(ServedModel model, Embedder embedder, ServerOptions options, Metrics metrics) {
        this.model = model;
        this.options = options;
        this.metrics = metrics;
        this.embedder = embedder;
        requests = new Requests(model);
    }

    /** Names that may be asked for. */
    void models(Exchange exchange, ServerResponse response) {
        ObjectNode tree = Json.object().put("object", "list");
        ArrayNode data = tree.putArray("data");
        data.add(about(model.name()));
        model.adapters().forEach(name -> data.add(about(name)));
        Listener.send(response, exchange.connection(), tree);
    }

    /** One of them. */
    void model(Exchange exchange, ServerResponse response, String name) {
        Listener.send(response, exchange.connection(), about(model.named(name).name()));
    }

    private ObjectNode about(String name) {
        ObjectNode tree = Json.object().put("id", name).put("object", "model").put("created", since).put("owned_by", "zhulong");
        if (!name.equals(model.name())) {
            tree.put("parent", model.name());
        }
        tree.put("context_length", model.lanes().getFirst().mostTokens());
        ArrayNode precisions = tree.putArray("precisions");
        model.lanes().forEach(lane -> precisions.addObject().put("precision", lane.precision().label()).put("engine", lane.engine()));
        return tree;
    }

    /** Vectors of texts or ids. */
    void embeddings(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        NamedAdapter named = requests.model(body);
        var form = EmbeddingForm.read(body, embedder.size());
        if (form.dimensions() != embedder.size()) {
            throw body.wrong("dimensions", "cannot be chosen: the vectors of this model have " + embedder.size());
        }
        List<int[]> inputs = inputs(body, exchange, caller);
        List<float[]> vectors = vectors(inputs, named, exchange, caller);
        Listener.send(response, exchange.connection(), form.list(vectors, named.name(), tokens(inputs)));
    }

    private List<int[]> inputs(Fields body, Exchange exchange, Caller caller) {
        return requests.inputs(body, "input", MOST_INPUTS, options.guard() == null ? text -> text
                : options.guard().input(exchange.tenant(), Shape.newId("embd-"), metrics::decided, caller::check), caller);
    }

    private static int tokens(List<int[]> inputs) {
        return inputs.stream().mapToInt(ids -> ids.length).sum();
    }

    private List<float[]> vectors(List<int[]> inputs, NamedAdapter named, Exchange exchange, Caller caller) {
        List<float[]> vectors = new ArrayList<>();
        try {
            for (int[] ids : inputs) {
                vectors.add(embedder.embed(ids, named.adapter(), caller));
            }
        } finally {
            exchange.took("", new Usage(tokens(inputs.subList(0, vectors.size())), 0, 0));
        }
        return vectors;
    }

    /** Ollama's {@code /api/embed}: the ends of texts that are too long are left out unless {@code truncate} is false. */
    void ollamaEmbed(Exchange exchange, ServerResponse response) {
        long began = System.nanoTime();
        Fields body = exchange.body();
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        NamedAdapter named = model.named(OllamaRequest.model(body));
        if (!Objects.equals(body.integer("dimensions", 1, Integer.MAX_VALUE, (long) embedder.size()), (long) embedder.size())) {
            throw body.wrong("dimensions", "cannot be chosen: the vectors of this model have " + embedder.size());
        }
        List<int[]> inputs = inputs(body, exchange, caller);
        if (body.flag("truncate", true)) {
            inputs = inputs.stream().map(ids -> Arrays.copyOf(ids, Math.min(ids.length, embedder.mostTokens()))).toList();
        }
        ObjectNode tree = Json.object().put("model", named.name());
        ArrayNode vectors = tree.putArray("embeddings");
        for (float[] vector : vectors(inputs, named, exchange, caller)) {
            ArrayNode numbers = vectors.addArray();
            for (float number : vector) {
                numbers.add(number);
            }
        }
        Listener.send(response, exchange.connection(), tree.put("total_duration", System.nanoTime() - began).put("load_duration", 0).put("prompt_eval_count", tokens(inputs)));
    }
}
