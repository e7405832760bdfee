package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;

/** What an administrator may do, on a port and with a key of its own. */
final class AdminRoutes {
    private final ServedModel model;
    private final ServerOptions options;

    AdminRoutes(ServedModel model, ServerOptions options) {
        this.model = model;
        this.options = options;
    }

    void add(Listener on, HttpRouting.Builder routing) {
        ApiKeys keys = options.admin().keys();
        routing.get("/admin/status", on.handler("admin", keys, (request, response, exchange) -> status(exchange, response)))
                .post("/admin/guard/reload", on.handler("admin", keys, (request, response, exchange) -> reload(exchange, response)));
    }

    private void status(Exchange exchange, ServerResponse response) {
        ObjectNode tree = Json.object().put("model", model.name());
        var lanes = tree.putArray("lanes");
        model.lanes().forEach(lane -> {
            var stats = lane.scheduler().stats();
            lanes.addObject().put("precision", lane.precision().label()).put("engine", lane.engine()).put("waiting", stats.waiting()).put("running", stats.running())
                    .put("kv_tokens", stats.tokensHeld()).put("finished", stats.finished()).put("failed", stats.failed());
        });
        if (options.guard() != null) {
            tree.put("policy", options.guard().version());
        }
        Listener.send(response, exchange.connection(), tree);
    }

    private void reload(Exchange exchange, ServerResponse response) {
        if (options.guard() == null) {
            throw ApiException.of(404, "invalid_request_error", "no_rules", "this server has no rules: start it with --rules");
        }
        try {
            Listener.send(response, exchange.connection(), Json.object().put("policy", options.guard().reload()));
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(null, "broken_rules", "the rules stay as they were: " + e.getMessage());
        }
    }
}
