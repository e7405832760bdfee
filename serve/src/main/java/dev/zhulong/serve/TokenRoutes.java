package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.Tokenizer;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** Tokens of a text and back: {@code /tokenize}, {@code /detokenize}. */
final class TokenRoutes {
    private static final int MOST_TOKENS = 1 << 20;

    private final Tokenizer tokenizer;
    private final Function<String, int[]> plain;
    private final Function<String, int[]> sequence;
    private final ServerOptions options;

    /**
     * Over a model's tokenizer.
     *
     * @param plain    ids of a text by itself
     * @param sequence with the tokens that the model wants around it
     */
    TokenRoutes(Tokenizer tokenizer, Function<String, int[]> plain, Function<String, int[]> sequence, ServerOptions options) {
        this.tokenizer = tokenizer;
        this.plain = plain;
        this.sequence = sequence;
        this.options = options;
    }

    void add(Listener on, HttpRouting.Builder routing) {
        routing.post("/tokenize", on.handler("tokenize", options.keys(), (request, response, exchange) -> tokenize(exchange, response)))
                .post("/detokenize", on.handler("detokenize", options.keys(), (request, response, exchange) -> detokenize(exchange, response)));
    }

    /** Ids of a text, without any that would be put before it. */
    private void tokenize(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        Caller caller = exchange.caller(options.requestSeconds());
        String text = body.required(Stream.of("text", "content", "prompt").filter(body::has).findFirst().orElse("text"));
        int[] ids = body.flag("add_special", false) ? sequence.apply(text) : plain.apply(text);
        caller.check();
        ObjectNode tree = Json.object();
        ArrayNode tokens = tree.putArray("tokens");
        Arrays.stream(ids).forEach(tokens::add);
        tree.put("count", ids.length);
        Listener.send(response, exchange.connection(), tree);
    }

    /** The text of ids. */
    private void detokenize(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        List<JsonNode> nodes = body.list("tokens", MOST_TOKENS);
        int[] ids = new int[nodes.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode node = nodes.get(i);
            if (!node.isIntegralNumber() || !node.canConvertToInt() || !tokenizer.has(node.intValue())) {
                throw body.wrong("tokens", "must hold ids of the model's tokens, found " + Json.shortened(node.toString()));
            }
            ids[i] = node.intValue();
        }
        Listener.send(response, exchange.connection(), Json.object().put("text", tokenizer.decode(ids)).put("content", tokenizer.decode(ids)));
    }
}
