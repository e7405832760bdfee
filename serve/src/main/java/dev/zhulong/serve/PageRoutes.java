package dev.zhulong.serve;

import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.HttpRouting;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The chat page and the API's description: files by their names, all of them in memory, so that no path of a request leads to a file system. The page may
 * load and call nothing but this server.
 */
final class PageRoutes {
    private static final String JARS = "/META-INF/resources/webjars/";
    private static final String IMPORTS = "<script type=\"importmap\">";
    /** Lit, without a build: what its modules import each other as, the page's import map knows. */
    private static final Map<String, String> LIT = Map.of("lit", "lit/3.3.1/index.js", "reactive-element", "lit__reactive-element/2.1.2/reactive-element.js", "css-tag",
            "lit__reactive-element/2.1.2/css-tag.js", "lit-html", "lit-html/3.3.2/lit-html.js", "is-server", "lit-html/3.3.2/is-server.js", "lit-element",
            "lit-element/4.2.2/lit-element.js");

    /** A file. */
    private record File(String type, byte[] bytes) {}

    private final Map<String, File> files = new LinkedHashMap<>();
    private final String policy;

    PageRoutes() {
        add("/openapi", "application/json", "openapi.json");
        add("/", "text/html; charset=utf-8", "page/index.html");
        add("/page/style.css", "text/css; charset=utf-8", "page/style.css");
        add("/page/icon.svg", "image/svg+xml", "page/icon.svg");
        for (String name : new String[] {"chat", "api", "words"}) {
            add("/page/" + name + ".js", "text/javascript; charset=utf-8", "page/" + name + ".js");
        }
        LIT.forEach((name, path) -> add("/page/lit/" + name + ".js", "text/javascript; charset=utf-8", JARS + path));
        String index = new String(files.get("/").bytes, StandardCharsets.UTF_8);
        int begin = index.indexOf(IMPORTS) + IMPORTS.length();
        byte[] hash = ApiKeys.sha256(index.substring(begin, index.indexOf("</script>", begin)));
        policy = "default-src 'none'; script-src 'self' 'sha256-" + Base64.getEncoder().encodeToString(hash) + "'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
                + " form-action 'none'; frame-ancestors 'none'";
    }

    private void add(String path, String type, String resource) {
        try (InputStream in = PageRoutes.class.getResourceAsStream(resource)) {
            files.put(path, new File(type, in.readAllBytes()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void add(Listener on, HttpRouting.Builder routing) {
        files.forEach((path, file) -> Listener.get(routing, path, on.handler("files", null, (request, response, exchange) -> {
            response.header(HeaderNames.create("Content-Security-Policy"), policy).header(HeaderNames.create("X-Content-Type-Options"), "nosniff")
                    .header(HeaderNames.create("Referrer-Policy"), "no-referrer").header(HeaderNames.CACHE_CONTROL, "no-cache");
            Listener.send(response, exchange.connection(), file.type, file.bytes);
        })));
    }
}
