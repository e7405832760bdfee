package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.ServerResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;

/** What is said of the model, and its tokens and vectors: {@code /v1/models}, {@code /v1/embeddings}, {@code /tokenize}, {@code /detokenize}. */
final class ModelRoutes {
    private static final int MOST_INPUTS = 2048;
    private static final int MOST_TOKENS = 1 << 20;

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
        String format = body.text("encoding_format", "float");
        if (!format.equals("float") && !format.equals("base64")) {
            throw body.wrong("encoding_format", "must be \"float\" or \"base64\"");
        }
        if (body.integer("dimensions", 1, Integer.MAX_VALUE, (long) embedder.size()) != embedder.size()) {
            throw body.wrong("dimensions", "cannot be chosen: the vectors of this model have " + embedder.size());
        }
        List<int[]> inputs = requests.inputs(body, "input", MOST_INPUTS, options.guard() == null ? text -> text
                : options.guard().input(exchange.tenant(), Shape.newId("embd-"), metrics::decided, caller::check), caller);
        ObjectNode tree = Json.object().put("object", "list");
        ArrayNode data = tree.putArray("data");
        int tokens = 0;
        try {
            for (int[] ids : inputs) {
                float[] vector = embedder.embed(ids, named.adapter(), caller);
                tokens += ids.length;
                ObjectNode entry = data.addObject().put("object", "embedding").put("index", data.size() - 1);
                if (format.equals("float")) {
                    ArrayNode values = entry.putArray("embedding");
                    for (float value : vector) {
                        values.add(value);
                    }
                } else {
                    entry.put("embedding", base64(vector));
                }
            }
        } finally {
            exchange.took("", new Usage(tokens, 0, 0));
        }
        tree.put("model", named.name());
        tree.putObject("usage").put("prompt_tokens", tokens).put("total_tokens", tokens);
        Listener.send(response, exchange.connection(), tree);
    }

    private static String base64(float[] vector) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * vector.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(vector);
        return Base64.getEncoder().encodeToString(bytes.array());
    }

    /** Ids of a text, without any that would be put before it. */
    void tokenize(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        String text = body.required(Stream.of("text", "content", "prompt").filter(body::has).findFirst().orElse("text"));
        int[] ids = body.flag("add_special", false) ? model.sequence(text) : model.encode(text);
        caller.check();
        ObjectNode tree = Json.object();
        ArrayNode tokens = tree.putArray("tokens");
        Arrays.stream(ids).forEach(tokens::add);
        tree.put("count", ids.length);
        Listener.send(response, exchange.connection(), tree);
    }

    /** The text of ids. */
    void detokenize(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        List<JsonNode> nodes = body.list("tokens", MOST_TOKENS);
        int[] ids = new int[nodes.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode node = nodes.get(i);
            if (!node.isIntegralNumber() || !node.canConvertToInt() || !model.tokenizer().has(node.intValue())) {
                throw body.wrong("tokens", "must hold ids of the model's tokens, found " + Json.shortened(node.toString()));
            }
            ids[i] = node.intValue();
        }
        Listener.send(response, exchange.connection(), Json.object().put("text", model.tokenizer().decode(ids)).put("content", model.tokenizer().decode(ids)));
    }
}
