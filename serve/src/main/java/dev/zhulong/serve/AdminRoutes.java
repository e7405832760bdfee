package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.FormatException;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import java.io.UncheckedIOException;
import java.util.function.Supplier;

/** What an administrator may do, on a port and with a key of its own. */
final class AdminRoutes {
    private final Supplier<ObjectNode> status;
    /** Null where the model takes no adapters. */
    private final ServedModel model;
    private final ServerOptions options;

    /** @param model that adapters can be added to; null for none */
    AdminRoutes(Supplier<ObjectNode> status, ServedModel model, ServerOptions options) {
        this.status = status;
        this.model = model;
        this.options = options;
    }

    void add(Listener on, HttpRouting.Builder routing) {
        ApiKeys keys = options.admin().keys();
        if (model != null) {
            routing.post("/admin/adapters", on.handler("admin", keys, (request, response, exchange) -> addAdapter(exchange, response)))
                    .delete("/admin/adapters/{name}", on.handler("admin", keys, (request, response, exchange) -> removeAdapter(exchange, response,
                            request.path().pathParameters().get("name"))));
        }
        routing.post("/admin/guard/reload", on.handler("admin", keys, (request, response, exchange) -> reload(exchange, response)));
        Listener.get(routing, "/admin/status", on.handler("admin", keys, (request, response, exchange) -> status(exchange, response)));
    }

    private void status(Exchange exchange, ServerResponse response) {
        ObjectNode tree = status.get();
        if (options.guard() != null) {
            tree.put("policy", options.guard().version());
        }
        Listener.send(response, exchange.connection(), tree);
    }

    /** Of the directory of adapters, one; a request names it and no path. */
    private void addAdapter(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        String name = body.required("name");
        String directory = body.text("directory", name);
        if (options.admin().adapters() == null) {
            throw ApiException.of(404, "invalid_request_error", "no_adapters", "this server cannot add adapters while it runs: start it with --adapter-dir");
        }
        if (!directory.matches("[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")) {
            throw body.wrong("directory", "must be the name of a directory inside the server's --adapter-dir");
        }
        try {
            model.checkAdapterName(name);
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid("name", "the adapter was not loaded: " + e.getMessage());
        }
        try {
            model.addAdapter(name, options.admin().adapters().resolve(directory));
        } catch (IllegalArgumentException | FormatException | UncheckedIOException e) {
            throw ApiException.invalid("directory", "the adapter was not loaded: " + e.getMessage());
        }
        Listener.send(response, exchange.connection(), Json.object().put("name", name));
    }

    private void removeAdapter(Exchange exchange, ServerResponse response, String name) {
        if (!model.removeAdapter(name)) {
            throw ApiException.noSuchModel(name);
        }
        Listener.send(response, exchange.connection(), Json.object().put("name", name));
    }

    private void reload(Exchange exchange, ServerResponse response) {
        if (options.guard() == null) {
            throw ApiException.of(404, "invalid_request_error", "no_rules", "this server has no rules: start it with --rules");
        }
        try {
            Listener.send(response, exchange.connection(), Json.object().put("policy", options.guard().reload()));
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(null, "broken_rules", "the rules were not changed: " + e.getMessage());
        }
    }
}
