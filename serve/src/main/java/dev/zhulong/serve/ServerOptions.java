package dev.zhulong.serve;

import io.helidon.common.tls.Tls;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How a server listens and what it takes.
 *
 * @param host           address to listen on
 * @param port           0 for one that is free
 * @param tls            null for none
 * @param bodyBytes      most of a request
 * @param patience       seconds in which a client must have sent its request, or taken a piece of the answer
 * @param requestSeconds after which a request is given up
 * @param origins        of other sites whose pages may call; empty for none
 * @param hosts          names this server is called by besides localhost and its addresses
 * @param keys           who may call; null for everyone
 * @param log            where a line about every request goes; null for nowhere
 * @param guard          rules for texts; null for none
 * @param admin          null for no administrator
 * @param cache          of whole answers, the caller's; null for none
 */
public record ServerOptions(String host, int port, Tls tls, int bodyBytes, int patience, int requestSeconds, Set<String> origins, Set<String> hosts, ApiKeys keys, PrintWriter log, Guard guard,
        Admin admin, ResponseCache cache) {
    /**
     * The administrator's way in.
     *
     * @param host     to listen on
     * @param port     0 for one that is free
     * @param keys     of administrators
     * @param adapters directory of adapters that may be loaded while the server runs; null for none
     */
    public record Admin(String host, int port, ApiKeys keys, Path adapters) {}

    /** On this machine alone, for everyone on it. */
    public static ServerOptions local(int port) {
        return new ServerOptions("127.0.0.1", port, null, 8 << 20, 30, 600, Set.of(), Set.of(), null, null, null, null, null);
    }

    public ServerOptions withHost(String value) {
        return new ServerOptions(value, port, tls, bodyBytes, patience, requestSeconds, origins, hosts, keys, log, guard, admin, cache);
    }

    public ServerOptions withTls(Tls value) {
        return new ServerOptions(host, port, value, bodyBytes, patience, requestSeconds, origins, hosts, keys, log, guard, admin, cache);
    }

    /** With other limits: bytes of a request, seconds for a client, and for an answer. */
    public ServerOptions withLimits(int bytes, int patienceSeconds, int answerSeconds) {
        return new ServerOptions(host, port, tls, bytes, patienceSeconds, answerSeconds, origins, hosts, keys, log, guard, admin, cache);
    }

    public ServerOptions withOrigins(Set<String> value) {
        return new ServerOptions(host, port, tls, bodyBytes, patience, requestSeconds, value, hosts, keys, log, guard, admin, cache);
    }

    /**
     * With names that requests may be for: a server that listens on this machine alone answers no others.
     *
     * @throws IllegalArgumentException where one is no host's name
     */
    public ServerOptions withHosts(Set<String> value) {
        Set<String> names = value.stream().map(Hosts::name).collect(Collectors.toUnmodifiableSet());
        return new ServerOptions(host, port, tls, bodyBytes, patience, requestSeconds, origins, names, keys, log, guard, admin, cache);
    }

    public ServerOptions withKeys(ApiKeys value) {
        return new ServerOptions(host, port, tls, bodyBytes, patience, requestSeconds, origins, hosts, value, log, guard, admin, cache);
    }

    public ServerOptions withLog(PrintWriter value) {
        return new ServerOptions(host, port, tls, bodyBytes, patience, requestSeconds, origins, hosts, keys, value, guard, admin, cache);
    }

    public ServerOptions withGuard(Guard value) {
        return new ServerOptions(host, port, tls, bodyBytes, patience, requestSeconds, origins, hosts, keys, log, value, admin, cache);
    }

    public ServerOptions withAdmin(Admin value) {
        return new ServerOptions(host, port, tls, bodyBytes, patience, requestSeconds, origins, hosts, keys, log, guard, value, cache);
    }

    public ServerOptions withCache(ResponseCache value) {
        return new ServerOptions(host, port, tls, bodyBytes, patience, requestSeconds, origins, hosts, keys, log, guard, admin, value);
    }

    /** The same for the administrator's port. */
    ServerOptions forAdmin() {
        return new ServerOptions(admin.host, admin.port, tls, bodyBytes, patience, requestSeconds, Set.of(), hosts, admin.keys, log, guard, admin, cache);
    }

    /**
     * Of a certificate chain and its key, in PEM.
     *
     * @throws IllegalArgumentException where nobody could connect with them; says why
     */
    public static Tls tls(Path certificates, Path key) {
        return TlsFiles.read(certificates, key);
    }

    /** Where a server of these options is found. */
    public String url(int boundPort) {
        return (tls == null ? "http://" : "https://") + (host.contains(":") ? "[" + host + "]" : host) + ":" + boundPort;
    }
}
