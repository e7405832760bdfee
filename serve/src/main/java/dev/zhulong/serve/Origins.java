package dev.zhulong.serve;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.net.URI;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;

/** Which pages may call, as browsers keep it (Fetch standard, CORS): those of this server, and those of sites that were named. */
record Origins(Set<String> allowed, Hosts hosts) {
    private static final HeaderName ALLOW_PRIVATE_NETWORK = HeaderNames.create("Access-Control-Allow-Private-Network");
    private static final HeaderName REQUEST_PRIVATE_NETWORK = HeaderNames.create("Access-Control-Request-Private-Network");
    private static final String TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
    private static final Pattern TOKENS = Pattern.compile(TOKEN + "(?:[ \\t]*,[ \\t]*" + TOKEN + ")*");

    /** A page of another site may not call, whatever its user's browser thinks of it. */
    void check(ServerRequest request, ServerResponse response) {
        String origin = request.headers().value(HeaderNames.ORIGIN).orElse(null);
        allow(origin, response::header);
        if (origin != null && !allowed.contains(origin) && !isOwn(origin, request)) {
            String site = Json.shortened(origin);
            throw ApiException.of(403, "invalid_request_error", "cors", "requests from origin " + site + " are blocked: allow it with --allow-origin " + site
                    + ", or with --allow-host if it is this server's own name");
        }
    }

    /** Lets the pages of an allowed site read an answer, an error too. */
    void allow(String origin, BiConsumer<HeaderName, String> header) {
        if (!allowed.isEmpty()) {
            header.accept(HeaderNames.VARY, "Origin");
        }
        if (origin != null && allowed.contains(origin)) {
            header.accept(HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            header.accept(HeaderNames.ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After");
        }
    }

    private boolean isOwn(String origin, ServerRequest request) {
        try {
            String authority = URI.create(origin).getRawAuthority();
            return authority != null && hosts.isOwn(authority, request);
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** Answers a browser that asks before it sends: whatever headers a client of an allowed site puts into its requests may come. */
    void preflight(ServerRequest request, ServerResponse response) {
        if (allowed.contains(request.headers().value(HeaderNames.ORIGIN).orElse(""))) {
            String wanted = String.join(", ", request.headers().all(HeaderNames.ACCESS_CONTROL_REQUEST_HEADERS, List::of));
            response.header(HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, request.headers().get(HeaderNames.ORIGIN).get());
            response.header(HeaderNames.ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, DELETE");
            response.header(HeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, TOKENS.matcher(wanted).matches() ? wanted : "Authorization, Content-Type");
            response.header(HeaderNames.ACCESS_CONTROL_MAX_AGE, "600");
            if (request.headers().contains(REQUEST_PRIVATE_NETWORK)) {
                response.header(ALLOW_PRIVATE_NETWORK, "true");
            }
        }
        response.header(HeaderNames.VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Private-Network");
        response.status(Status.NO_CONTENT_204).send();
    }
}
