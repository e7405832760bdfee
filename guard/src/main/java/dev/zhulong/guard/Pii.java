package dev.zhulong.guard;

import dev.zhulong.guard.PatternMatcher.Check;
import dev.zhulong.guard.PatternMatcher.Edge;
import java.util.Arrays;
import java.util.Locale;

/**
 * Patterns of what tells who somebody is, over folded text. Digits beside a number make it another one; letters do not. Between groups, where {@code ~} stands,
 * there may be nothing, a space, or a point, a dash or a slash with or without spaces around it.
 */
enum Pii {
    EMAIL("[\\w.+-]+@[a-z0-9-]+(\\.[a-z0-9-]+)+", Edge.ANY, Edge.ANY, null),
    /** Mobile numbers of the People's Republic of China: 11 digits, written in one, as 3-4-4, 4-3-4 or 5-6. */
    PHONE_CN("((\\+|00)?86~)?1[3-9](\\d~\\d{4}~\\d{4}|\\d{2}~\\d{3}~\\d{4}|\\d{3}~\\d{6})", Edge.NUMBER, Edge.NUMBER, Numbers::isOutsideHash),
    /** With the country's code (E.164), in groups of any length, with or without an area's code in brackets. */
    PHONE("(\\+ ?|00)\\(?[1-9](~(\\)~)?\\(?\\d){5,15}", Edge.ANY, Edge.NUMBER, Numbers::isPhone),
    CREDIT_CARD("\\d(~\\d){12,18}", Edge.NUMBER, Edge.NUMBER, Numbers::isCard),
    IBAN("[a-z]{2}\\d{2}(~[a-z0-9]{4}){2,7}(~[a-z0-9]{1,3})?", Edge.ANY, Edge.ANY, Numbers::isAccount),
    ID_CARD_CN("[1-9]\\d{5}~(18|19|20)\\d{2}~(0[1-9]|1[0-2])~(0[1-9]|[12]\\d|3[01])~\\d{3}~[\\dx]", Edge.NUMBER, Edge.NUMBER,
            (text, begin, end) -> Checks.idCard(text.substring(begin, end))),
    IP("\\d{1,3}(\\.\\d{1,3}){3,4}|[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:]{0,39}(\\d{1,3}(\\.\\d{1,3}){3})?(%[0-9a-z_-]{1,16})?", Edge.ANY, Edge.ANY, IpAddresses::isAddress);

    private static final String SEPARATOR = "( |[./-] ?| [./-] )?";

    private final String pattern;
    private final Edge before;
    private final Edge behind;
    private final Check check;

    Pii(String pattern, Edge before, Edge behind, Check check) {
        this.pattern = pattern.replace("~", SEPARATOR);
        this.before = before;
        this.behind = behind;
        this.check = check;
    }

    /** By the name that rules call it, such as {@code credit-card}. */
    static Pii of(String name) {
        for (Pii each : values()) {
            if (each.label().equals(name)) {
                return each;
            }
        }
        throw new IllegalArgumentException("there is no pii '" + name + "'; expected one of " + Arrays.stream(values()).map(Pii::label).toList());
    }

    String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    PatternMatcher matcher(String rule) {
        return new PatternMatcher(rule, pattern, before, behind, check);
    }
}
