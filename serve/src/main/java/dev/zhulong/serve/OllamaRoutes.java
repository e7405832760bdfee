package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.text.GapTokens;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Ollama's API: what it says of models is said here, what it asks of them goes to the routes that answer it. */
final class OllamaRoutes {
    private final ServedModel model;
    private final TextRoutes text;
    private final ModelRoutes about;
    private final ServerOptions options;
    private final Instant since = Instant.now();
    private final String version;

    OllamaRoutes(ServedModel model, TextRoutes text, ModelRoutes about, ServerOptions options) {
        this.model = model;
        this.text = text;
        this.about = about;
        this.options = options;
        try (InputStream in = OllamaRoutes.class.getResourceAsStream("openapi.json")) {
            version = Json.body(in.readAllBytes()).at("/info/version").textValue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void add(Listener on, HttpRouting.Builder routing) {
        routing.post("/api/chat", on.handler("ollama_chat", options.keys(), OllamaShape::error, (request, response, exchange) -> text.ollamaChat(exchange, response)))
                .post("/api/generate", on.handler("ollama_generate", options.keys(), OllamaShape::error, (request, response, exchange) -> text.ollamaGenerate(exchange, response)))
                .post("/api/embed", on.handler("ollama_embed", options.keys(), OllamaShape::error, (request, response, exchange) -> about.ollamaEmbed(exchange, response)))
                .post("/api/show", on.handler("ollama_show", options.keys(), OllamaShape::error, (request, response, exchange) -> show(exchange, response)));
        Listener.get(routing, "/api/tags", on.handler("ollama_tags", options.keys(), OllamaShape::error, (request, response, exchange) -> tags(exchange, response)));
        Listener.get(routing, "/api/version", on.handler("ollama_version", options.keys(), OllamaShape::error, (request, response, exchange) ->
                Listener.send(response, exchange.connection(), Json.object().put("version", version))));
    }

    private void tags(Exchange exchange, ServerResponse response) {
        ObjectNode tree = Json.object();
        ArrayNode models = tree.putArray("models");
        Stream.concat(Stream.of(model.name()), model.adapters().stream()).forEach(name -> {
            ObjectNode each = models.addObject().put("name", name).put("model", name).put("modified_at", since.toString())
                    .put("digest", HexFormat.of().formatHex(ApiKeys.sha256(model.fingerprint() + '\n' + name)));
            each.set("details", details(name));
        });
        Listener.send(response, exchange.connection(), tree);
    }

    private ObjectNode details(String name) {
        String family = spec().family().modelType();
        ObjectNode tree = Json.object().put("parent_model", name.equals(model.name()) ? "" : model.name()).put("family", family);
        tree.putArray("families").add(family);
        return tree.put("quantization_level", model.lanes().getLast().engine());
    }

    private DecoderSpec spec() {
        return model.lanes().getFirst().model().spec();
    }

    private void show(Exchange exchange, ServerResponse response) {
        NamedAdapter named = model.named(OllamaRequest.model(exchange.body()));
        ObjectNode tree = Json.object().put("template", named.encoder().template().source()).put("modified_at", since.toString());
        tree.set("details", details(named.name()));
        String family = spec().family().modelType();
        tree.putObject("model_info").put("general.architecture", family).put(family + ".context_length", model.lanes().getFirst().mostTokens())
                .put(family + ".embedding_length", spec().hiddenSize()).put(family + ".block_count", spec().layers());
        ArrayNode able = tree.putArray("capabilities");
        List.of("completion", "tools", "embedding").forEach(able::add);
        if (GapTokens.of(model.tokenizer()).isPresent()) {
            able.add("insert");
        }
        Listener.send(response, exchange.connection(), tree);
    }
}
