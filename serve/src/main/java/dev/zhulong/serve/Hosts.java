package dev.zhulong.serve;

import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of this server. A stranger's page can have its own name lead to this machine (DNS rebinding), whereupon the browser takes the server for a part of
 * that page's site; what it cannot do is to have the browser send another {@code Host} than that name. So a server of this machine alone answers to no other
 * name than its own, and none takes a page for its own because the page's name is in {@code Host}. An address is nobody's name.
 */
final class Hosts {
    private static final Pattern HOST = Pattern.compile("([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+])(?::[0-9]{0,5})?");

    private static final Pattern IPV4 = Pattern.compile("[0-9]{1,3}(?:\\.[0-9]{1,3}){3}");

    private final boolean loopback;
    private final Set<String> names = new HashSet<>(Set.of("localhost"));

    /**
     * @param address listened on
     * @param further names, as {@link #name} gives them
     */
    Hosts(String address, Set<String> further) {
        InetAddress bound = new InetSocketAddress(address, 0).getAddress();
        loopback = bound != null && bound.isLoopbackAddress();
        if (bound == null || !bound.isAnyLocalAddress()) {
            names.add(canonical(address));
        }
        names.addAll(further);
    }

    /**
     * A name as it is compared.
     *
     * @param name a host's name or address, without a port
     * @throws IllegalArgumentException where it is neither
     */
    static String name(String name) {
        String host = name.indexOf(':') < 0 || name.startsWith("[") ? name : "[" + name + "]";
        Matcher parts = HOST.matcher(host);
        if (!parts.matches() || !parts.group(1).equals(host)) {
            throw new IllegalArgumentException("\"" + name + "\" is no host name: give it without scheme, port and path, such as llm.example");
        }
        return canonical(host);
    }

    private static String canonical(String host) {
        String name = host.toLowerCase(Locale.ROOT);
        name = name.startsWith("[") ? name.substring(1, name.length() - 1) : name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
        InetAddress address = address(name);
        return address == null ? name : address.getHostAddress();
    }

    /** Null where {@code name} is no address. */
    private static InetAddress address(String name) {
        if (name.indexOf(':') < 0 && !IPV4.matcher(name).matches()) {
            return null;
        }
        try {
            return InetAddress.ofLiteral(name);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /**
     * Refuses requests that are for another server.
     *
     * @param old whether it is HTTP/1.0, which knows no {@code Host}
     */
    void check(ServerRequest request, boolean old) {
        List<String> all = request.headers().all(HeaderNames.HOST, List::of);
        if (all.isEmpty() && old) {
            return;
        }
        if (all.size() != 1) {
            throw ApiException.of(400, "invalid_request_error", "invalid_host", all.isEmpty() ? "the Host header is missing" : "there is more than one Host header");
        }
        String host = host(all.getFirst());
        if (host == null) {
            throw ApiException.of(400, "invalid_request_error", "invalid_host", "the Host header is no host name: " + Json.shortened(all.getFirst()));
        }
        String target = request.path().rawPath();
        if (!target.startsWith("/") && !target.equals("*")) {
            throw ApiException.of(400, "invalid_request_error", "invalid_target", "the request target contains a server name: send only the path");
        }
        if (loopback && !isOwn(host)) {
            throw ApiException.of(403, "invalid_request_error", "host_not_allowed", "requests for host " + Json.shortened(host) + " are not answered here: start the server with --allow-host "
                    + Json.shortened(host));
        }
    }

    /** The name in a {@code Host} header; null where there is none. */
    private static String host(String header) {
        Matcher parts = HOST.matcher(header);
        return parts.matches() ? canonical(parts.group(1)) : null;
    }

    /** Whether a page at {@code authority} came from this server, which was asked for under the same. */
    boolean isOwn(String authority, ServerRequest request) {
        String host = host(authority);
        return host != null && isOwn(host) && authority.equalsIgnoreCase(request.headers().value(HeaderNames.HOST).orElse(""));
    }

    private boolean isOwn(String host) {
        InetAddress address = address(host);
        return names.contains(host) || address != null && (!loopback || address.isLoopbackAddress());
    }
}
