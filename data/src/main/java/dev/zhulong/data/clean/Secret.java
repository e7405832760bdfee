package dev.zhulong.data.clean;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Credentials: PEM private keys, tokens with a published prefix (AWS, OpenAI style, Stripe, {@link TokenShape}), JSON Web Tokens
 * (RFC 7519), and random-looking values given to a name that ends in "password", "secret", "token" or "key". Public keys and
 * certificates stay, and so do AWS's own documentation keys, which end in EXAMPLE.
 *
 * <p>One object serves one scan of one text from left to right.
 */
final class Secret {

    private static final int MAX_VALUE = 256;
    private static final int MAX_NAME = 40;
    private static final List<String> DASHED = List.of("sk-", "sk_live_", "rk_live_", "sk_test_", "rk_test_");
    private static final List<String> NAMES = List.of("password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "api_key",
            "api-key", "accesskey", "access_key", "access-key", "secretkey", "secret_key", "secret-key", "privatekey", "private_key",
            "private-key", "authkey", "auth_key", "credential", "credentials");
    /** Pairs of characters that tokens begin with. */
    private static final boolean[] BEGINNINGS = new boolean[1 << 14];

    static {
        Stream.of(DASHED.stream(), Stream.of("AKIA", "ASIA", "eyJ"), TokenShape.all().map(TokenShape::prefix)).flatMap(prefixes -> prefixes)
                .forEach(prefix -> BEGINNINGS[prefix.charAt(0) << 7 | prefix.charAt(1)] = true);
    }

    private final String text;
    /**
     * Where the next PEM footer begins, -1 if not yet looked for; found once for all headers before it, or a text of headers is quadratic.
     */
    private int footer = -1;

    Secret(String text) {
        this.text = text;
    }

    /** A PEM private key whose header begins with the dash at {@code at}, or null. */
    Match findPem(int at) {
        if (!text.startsWith("-----BEGIN ", at)) {
            return null;
        }
        int headerEnd = text.indexOf("-----", at + 11);
        if (headerEnd < 0 || headerEnd - at > 60 || !text.substring(at, headerEnd).endsWith("PRIVATE KEY")) {
            return null;
        }
        if (footer < headerEnd) {
            footer = text.indexOf("-----END ", headerEnd);
            footer = footer < 0 ? Integer.MAX_VALUE : footer;
        }
        if (footer == Integer.MAX_VALUE) {
            return null;
        }
        int close = text.indexOf("-----", footer + 9);
        return close < 0 || close - footer > 60 ? null : new Match(PersonalData.SECRET, at, close + 5);
    }

    /** Whether a token with a known prefix may begin with the ASCII character {@code c} at {@code at}: the quick look, made everywhere. */
    static boolean mayBeginToken(String text, int at, char c) {
        if (at + 1 == text.length()) {
            return false;
        }
        char second = text.charAt(at + 1);
        return second < 128 && BEGINNINGS[c << 7 | second] && Around.startsWord(text, at);
    }

    /** A token with a known prefix that begins at {@code at}, where a word does, or null. */
    Match findToken(int at) {
        int end = switch (text.charAt(at)) {
            case 'A' -> aws(at);
            case 's', 'r' -> dashed(at);
            case 'e' -> jwt(at);
            default -> -1;
        };
        for (TokenShape shape : TokenShape.beginningWith(text.charAt(at))) {
            end = end < 0 ? shape.end(text, at) : end;
        }
        return end < 0 ? null : new Match(PersonalData.SECRET, at, end);
    }

    private int aws(int at) {
        if (!text.startsWith("AKIA", at) && !text.startsWith("ASIA", at)) {
            return -1;
        }
        int end = Around.runEnd(text, at, "_");
        return end - at == 20 && isUpper(at, end) && !text.substring(at, end).endsWith("EXAMPLE") ? end : -1;
    }

    private boolean isUpper(int from, int to) {
        for (int i = from; i < to; i++) {
            if (text.charAt(i) >= 'a' && text.charAt(i) <= 'z') {
                return false;
            }
        }
        return true;
    }

    private int dashed(int at) {
        int end = DASHED.stream().anyMatch(prefix -> text.startsWith(prefix, at)) ? Around.runEnd(text, at, "_-") : 0;
        return end - at >= 23 && end - at <= MAX_VALUE && looksRandom(at, end, 3.5, 2) ? end : -1;
    }

    private int jwt(int at) {
        if (!text.startsWith("eyJ", at)) {
            return -1;
        }
        int header = Around.runEnd(text, at, "_-");
        if (header - at < 12 || !text.startsWith(".eyJ", header)) {
            return -1;
        }
        int payload = Around.runEnd(text, header + 1, "_-");
        if (payload - header < 12 || payload >= text.length() || text.charAt(payload) != '.') {
            return -1;
        }
        int signature = Around.runEnd(text, payload + 1, "_-");
        return signature - payload >= 12 ? signature : -1;
    }

    /** The value of an assignment whose {@code =} or {@code :} stands at {@code at}, when its name speaks of a secret; else null. */
    Match findAssigned(int at) {
        if (!isSecretName(at)) {
            return null;
        }
        int start = at + 1;
        if (start < text.length() && (text.charAt(start) == '>' || text.charAt(at) == ':' && text.charAt(start) == '=')) {
            start++;
        }
        for (int i = 0; i < 4 && start < text.length() && (text.charAt(start) == ' ' || text.charAt(start) == '\t'); i++) {
            start++;
        }
        char quote = start < text.length() && Around.isQuote(text.charAt(start)) ? text.charAt(start) : 0;
        start += quote == 0 ? 0 : 1;
        int end = start;
        while (end < text.length() && end - start <= MAX_VALUE && (Around.isAlphanumeric(text.charAt(end))
                || "+/=_~!@#$%^&*-".indexOf(text.charAt(end)) >= 0)) {
            end++;
        }
        boolean closed = quote == 0
                ? end == text.length() || text.charAt(end) <= ' ' || text.charAt(end) == ',' || text.charAt(end) == ';'
                : end < text.length() && text.charAt(end) == quote;
        int least = quote == 0 ? 16 : 12;
        if (!closed || end - start < least || end - start > MAX_VALUE) {
            return null;
        }
        return looksRandom(start, end, quote == 0 ? 3.5 : 3.0, quote == 0 ? 2 : 1) ? new Match(PersonalData.SECRET, start, end) : null;
    }

    private boolean isSecretName(int at) {
        int end = at;
        if (end > 0 && text.charAt(end - 1) == ':') {
            end--;
        }
        for (int i = 0; i < 4 && end > 0 && text.charAt(end - 1) == ' '; i++) {
            end--;
        }
        if (end > 0 && Around.isQuote(text.charAt(end - 1))) {
            end--;
        }
        // Every name ends in one of these letters: most assignments stop here.
        if (end < 3 || "dDeEtTnNyYlLsS".indexOf(text.charAt(end - 1)) < 0) {
            return false;
        }
        int start = end;
        while (start > 0 && end - start < MAX_NAME && (Around.isAlphanumeric(text.charAt(start - 1))
                || "_-".indexOf(text.charAt(start - 1)) >= 0)) {
            start--;
        }
        String name = text.substring(start, end).toLowerCase(Locale.ROOT);
        for (String secret : NAMES) {
            if (name.endsWith(secret)) {
                return true;
            }
        }
        return false;
    }

    /** True for a name made of words, such as {@code base64_encoded_salt}: two pieces or more of three letters or more and nothing else. */
    private boolean looksNamed(int from, int to) {
        int wordPieces = 0;
        int letters = 0;
        int length = 0;
        for (int i = from; i <= to; i++) {
            if (i == to || text.charAt(i) == '_' || text.charAt(i) == '-') {
                wordPieces += letters == length && length >= 3 ? 1 : 0;
                letters = 0;
                length = 0;
            } else {
                length++;
                letters += Character.isLetter(text.charAt(i)) ? 1 : 0;
            }
        }
        return wordPieces >= 2;
    }

    /** Letters and digits mixed, and Shannon entropy of the characters of at least so many bits each. */
    private boolean looksRandom(int from, int to, double bits, int digits) {
        if (looksNamed(from, to)) {
            return false;
        }
        int[] counts = new int[128];
        int found = 0;
        int letters = 0;
        for (int i = from; i < to; i++) {
            char c = text.charAt(i);
            counts[c]++;
            found += Around.isDigit(c) ? 1 : 0;
            letters += c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ? 1 : 0;
        }
        if (found < digits || letters == 0) {
            return false;
        }
        double entropy = 0;
        double n = to - from;
        for (int count : counts) {
            entropy -= count == 0 ? 0 : count / n * StrictMath.log(count / n) / StrictMath.log(2);
        }
        return entropy >= bits;
    }
}
