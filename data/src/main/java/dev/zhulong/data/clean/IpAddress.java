package dev.zhulong.data.clean;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Public unicast IPv4 and IPv6 addresses. Left alone, since they name nobody: private, loopback, link-local, shared, documentation,
 * multicast and reserved ranges (IANA special-purpose registries, RFC 6890) and the best-known public resolvers. Dotted numbers after a
 * word such as "version" or "section", of single digits only, or with two single digits and nothing that speaks of an address beside
 * them (a scheme, a port, a prefix's length, a word such as "host") are no addresses; in code an address must be quoted or stand after a
 * word such as "host".
 */
final class IpAddress {

    private static final Set<String> NUMBERED = Set.of("version", "versions", "ver", "v", "release", "releases", "rev", "revision",
            "build", "firmware", "kernel", "driver", "patch", "update", "upgrade", "assembly", "section", "sections", "sec", "§", "§§", "chapter", "clause", "appendix", "jls", "jvms", "rfc", "oid",
            "table", "figure", "rule", "版本", "第", "章", "节");
    private static final List<String> HOSTS = List.of("host", "server", "addr", "ip", "://", "ping", "dns", "gateway", "inet", "地址");
    private static final Set<String> ADDRESS_NAMES = Set.of("ip", "ips", "ipv4", "host", "hosts", "address", "addresses", "addr", "ping", "dns",
            "nameserver", "gateway", "inet", "peer", "地址");
    private static final Set<String> RESOLVERS = Set.of("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "114.114.114.114",
            "223.5.5.5");

    private IpAddress() {
    }

    static Match findV4(String text, int start, boolean code) {
        int[] parts = new int[4];
        int at = start;
        for (int p = 0; p < 4; p++) {
            int digits = 0;
            int value = 0;
            while (at < text.length() && digits < 4 && Around.isDigit(text.charAt(at))) {
                value = 10 * value + text.charAt(at++) - '0';
                digits++;
            }
            if (digits == 0 || digits > 3 || value > 255 || digits > 1 && text.charAt(at - digits) == '0') {
                return null;
            }
            parts[p] = value;
            if (p < 3 && (at >= text.length() || text.charAt(at++) != '.')) {
                return null;
            }
        }
        boolean network = at + 1 < text.length() && text.charAt(at) == '/' && Around.isDigit(text.charAt(at + 1));
        boolean url = at < text.length() && text.charAt(at) == '/';
        if (!network && !url && !Around.endsNumber(text, at)) {
            return null;
        }
        // X.500 attribute types and certificate extensions, the object identifiers that look most like addresses.
        boolean oid = parts[0] == 2 && parts[1] == 5 && (parts[2] == 4 || parts[2] == 29);
        boolean singleDigits = parts[0] < 10 && parts[1] < 10 && parts[2] < 10 && parts[3] < 10;
        if (singleDigits || oid || isSpecial(parts) || RESOLVERS.contains(text.substring(start, at))
                || NUMBERED.contains(Around.wordBefore(text, start))) {
            return null;
        }
        boolean port = at + 1 < text.length() && text.charAt(at) == ':' && Around.isDigit(text.charAt(at + 1));
        boolean named = network || port || text.startsWith("://", Math.max(0, start - 3)) || Around.namedBefore(text, start, ADDRESS_NAMES);
        if (looksLikeVersion(parts) && !named) {
            return null;
        }
        boolean shown = !code || Around.isQuoted(text, start, at) || Around.mentionedBefore(text, start, HOSTS);
        return shown ? new Match(PersonalData.IP_ADDRESS, start, at) : null;
    }

    /** Two numbers of one digit and more are rare in addresses and usual in versions. */
    private static boolean looksLikeVersion(int[] parts) {
        return Arrays.stream(parts).filter(part -> part < 10).count() > 1;
    }

    private static boolean isSpecial(int[] p) {
        return p[0] == 0 || p[0] == 10 || p[0] == 127 || p[0] >= 224
                || p[0] == 100 && p[1] >= 64 && p[1] < 128
                || p[0] == 169 && p[1] == 254
                || p[0] == 172 && p[1] >= 16 && p[1] < 32
                || p[0] == 192 && (p[1] == 168 || p[1] == 0 && (p[2] == 0 || p[2] == 2))
                || p[0] == 198 && (p[1] == 18 || p[1] == 19 || p[1] == 51 && p[2] == 100)
                || p[0] == 203 && p[1] == 0 && p[2] == 113;
    }

    /** A global unicast address (2000::/3) with its first group written in full. */
    static Match findV6(String text, int start) {
        int groups = 0;
        int gap = -1;
        int at = start;
        while (groups < 8) {
            int from = at;
            while (at < text.length() && at - from < 5 && Character.digit(text.charAt(at), 16) >= 0 && text.charAt(at) < 0x80) {
                at++;
            }
            if (at == from) {
                break;
            }
            if (at - from > 4 || groups == 0 && at - from != 4) {
                return null;
            }
            groups++;
            if (at >= text.length() || text.charAt(at) != ':' || groups == 8) {
                break;
            }
            if (text.startsWith("::", at)) {
                if (gap >= 0) {
                    return null;
                }
                gap = groups;
                at += 2;
            } else if (at + 1 < text.length() && Character.digit(text.charAt(at + 1), 16) >= 0) {
                at++;
            } else {
                break;
            }
        }
        boolean complete = groups == 8 && gap < 0 || gap > 0 && groups >= 2 && groups < 8;
        if (!complete || at < text.length() && (Around.isAlphanumeric(text.charAt(at)) || text.charAt(at) == '_')) {
            return null;
        }
        String address = text.substring(start, at).toLowerCase(Locale.ROOT);
        boolean documentation = address.startsWith("2001:db8:") || address.startsWith("2001:0db8:") || address.startsWith("3fff:");
        return documentation ? null : new Match(PersonalData.IP_ADDRESS, start, at);
    }
}
