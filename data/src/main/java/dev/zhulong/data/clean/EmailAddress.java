package dev.zhulong.data.clean;

import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * E-mail addresses in ASCII (RFC 5322 dot-atoms and DNS names). Left alone: the names reserved for documentation (RFC 2606:
 * {@code example.com}, {@code .test}, {@code .invalid} ...), the shared account {@code git@}, and file names such as {@code icon@2x.png}.
 */
final class EmailAddress {

    private static final int MAX_LOCAL = 64;
    private static final int MAX_DOMAIN = 253;
    private static final Set<String> RESERVED_TOP = Set.of("example", "test", "invalid", "localhost", "local");
    private static final List<String> RESERVED = List.of("example.com", "example.org", "example.net");
    /** Endings of files that no domain has. */
    private static final Set<String> FILES = Set.of("png", "jpg", "jpeg", "gif", "svg", "webp", "java", "class", "js", "ts", "css",
            "html", "xml", "json", "jar", "dll");

    private EmailAddress() {
    }

    /** The address around the {@code @} at {@code at}, beginning not before {@code from}, or null. */
    static Match find(String text, int at, int from) {
        int start = at;
        while (start > from && isLocal(text.charAt(start - 1)) && at - start <= MAX_LOCAL) {
            start--;
        }
        while (start < at && !Around.isAlphanumeric(text.charAt(start)) && text.charAt(start) != '_') {
            start++;
        }
        if (start == at || at - start > MAX_LOCAL || text.charAt(at - 1) == '.') {
            return null;
        }
        int end = at + 1;
        int limit = Math.min(text.length(), end + MAX_DOMAIN + 1);
        while (end < limit && (Around.isAlphanumeric(text.charAt(end)) || text.charAt(end) == '-' || text.charAt(end) == '.')) {
            end++;
        }
        if (end - at > MAX_DOMAIN) {
            return null;
        }
        while (end > at + 1 && !Around.isAlphanumeric(text.charAt(end - 1))) {
            end--;
        }
        String domain = text.substring(at + 1, end).toLowerCase(Locale.ROOT);
        int dot = domain.lastIndexOf('.');
        if (dot <= 0 || domain.contains("..") || domain.startsWith("-") || domain.startsWith(".") || !isTop(domain.substring(dot + 1))) {
            return null;
        }
        boolean stays = isReserved(domain, domain.substring(dot + 1)) || text.startsWith("git@", start) && at - start == 3;
        return stays ? null : new Match(PersonalData.EMAIL, start, end);
    }

    private static boolean isLocal(char c) {
        return Around.isAlphanumeric(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
    }

    private static boolean isTop(String top) {
        if (top.length() < 2 || top.length() > 24 || FILES.contains(top)) {
            return false;
        }
        for (int i = 0; i < top.length(); i++) {
            if (Around.isDigit(top.charAt(i)) && !top.startsWith("xn--")) {
                return false;
            }
        }
        return true;
    }

    private static boolean isReserved(String domain, String top) {
        if (RESERVED_TOP.contains(top)) {
            return true;
        }
        for (String name : RESERVED) {
            if (domain.equals(name) || domain.endsWith("." + name)) {
                return true;
            }
        }
        return false;
    }
}
