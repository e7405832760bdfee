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

    /** Without two hyphens together, which stand for letters of other scripts. */
    private static final String NAME = "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,30}";
    private static final String HOST = NAME + "(?:\\." + NAME + "){0,3}";
    private static final String HEX = "[0-9A-Fa-f]{1,4}";
    /** One run of zeros left out, or none. */
    private static final String IPV6 = "(?:(?:" + HEX + ":){7}" + HEX + "|(?:" + HEX + ":){1,7}:|(?:" + HEX + ":){1,6}:" + HEX + "|(?:" + HEX + ":){1,5}(?::" + HEX + "){1,2}|(?:" + HEX
            + ":){1,4}(?::" + HEX + "){1,3}|(?:" + HEX + ":){1,3}(?::" + HEX + "){1,4}|(?:" + HEX + ":){1,2}(?::" + HEX + "){1,5}|" + HEX + ":(?::" + HEX + "){1,6}|:(?:(?::" + HEX
            + "){1,7}|:))";
    private static final String NUMBER = "\\d{1,9}";
    private static final String DURATION_TIME = "T(?:" + NUMBER + "H(?:" + NUMBER + "M(?:" + NUMBER + "S)?)?|" + NUMBER + "M(?:" + NUMBER + "S)?|" + NUMBER + "S)";
    /** RFC 3339, appendix A: units follow each other without a gap. */
    private static final String DURATION = "P(?:(?:" + NUMBER + "D|" + NUMBER + "M(?:" + NUMBER + "D)?|" + NUMBER + "Y(?:" + NUMBER + "M(?:" + NUMBER + "D)?)?)(?:" + DURATION_TIME + ")?|"
            + DURATION_TIME + "|" + NUMBER + "W)";
    private static final String LETTER = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
    /** With an authority that is a host, or without one. */
    private static final String URI = "[A-Za-z][A-Za-z0-9+.-]{0,15}:(?://" + HOST + "(?::\\d{1,4})?(?:/" + LETTER + "*)*|" + LETTER + "+(?:/" + LETTER + "*)*)(?:\\?(?:" + LETTER
            + "|[/?])*)?(?:#(?:" + LETTER + "|[/?])*)?";

    private static final Map<String, String> PATTERNS = new TreeMap<>(Map.of(
            "date", DATE,
            "time", TIME,
            "date-time", DATE + "T" + TIME,
            "uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
            "duration", DURATION,
            "hostname", HOST,
            "ipv6", IPV6,
            "uri", URI,
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
