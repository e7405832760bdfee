package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.ServerResponse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

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
        List<int[]> inputs = requests.inputs(body, "input", MOST_INPUTS, options.guard() == null ? text -> text
                : options.guard().input(exchange.tenant(), Shape.newId("embd-"), metrics::decided, caller::check), caller);
        List<float[]> vectors = new ArrayList<>();
        int tokens = 0;
        try {
            for (int[] ids : inputs) {
                vectors.add(embedder.embed(ids, named.adapter(), caller));
                tokens += ids.length;
            }
        } finally {
            exchange.took("", new Usage(tokens, 0, 0));
        }
        Listener.send(response, exchange.connection(), form.list(vectors, named.name(), tokens));
    }
}
