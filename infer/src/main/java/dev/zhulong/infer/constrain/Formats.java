package dev.zhulong.infer.constrain;

import java.util.Map;
import java.util.TreeMap;

/** The values of {@code format} whose texts an automaton can tell; each allows valid texts only, not always all of them. */
final class Formats {
    private static final String YEARS = "(?:\\d{3}[1-9]|\\d{2}[1-9]0|\\d[1-9]00|[1-9]000)";
    private static final String LEAP_YEARS = "(?:\\d{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)";
    private static final String DATE = "(?:" + YEARS + "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)"
            + "|02-(?:0[1-9]|1\\d|2[0-8]))|" + LEAP_YEARS + "-02-29)";
    /** No leap seconds, which depend on the date; offsets in use. */
    private static final String TIME = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?"
            + "(?:Z|\\+(?:0\\d|1[0-3]):[0-5]\\d|-(?:0[1-9]|1[0-2]):[0-5]\\d)";
    private static final String BYTE = "(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])";
    private static final String LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?";
    private static final String ATOM = "[A-Za-z0-9_+-]";

    private static final Map<String, String> PATTERNS = new TreeMap<>(Map.of(
            "date", DATE,
            "time", TIME,
            "date-time", DATE + "T" + TIME,
            "uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
            "ipv4", BYTE + "(?:\\." + BYTE + "){3}",
            "email", ATOM + "{1,31}(?:\\." + ATOM + "{1,31})?@" + LABEL + "(?:\\." + LABEL + ")?\\.[A-Za-z]{2,6}"));

    private Formats() {}

    /** The format's texts; null if it is not supported. */
    static TextAutomaton of(String format) {
        String pattern = PATTERNS.get(format);
        return pattern == null ? null : TextAutomaton.of(RegexParser.whole(pattern));
    }

    static String names() {
        return String.join(", ", PATTERNS.keySet());
    }
}
