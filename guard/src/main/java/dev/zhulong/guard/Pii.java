package dev.zhulong.guard;

import java.util.Arrays;
import java.util.Locale;

/** Patterns of what tells who somebody is, over folded text. */
enum Pii {
    EMAIL("[\\w.+-]+@[a-z0-9-]+(\\.[a-z0-9-]+)+", null),
    /** Mobile numbers of the People's Republic of China. */
    PHONE_CN("\\b(\\+?86[ -]?)?1[3-9]\\d[ -]?\\d{4}[ -]?\\d{4}\\b", null),
    /** With the country's code (E.164). */
    PHONE("\\+[1-9]\\d{0,2}[ .-]?(\\(\\d{1,4}\\)[ .-]?)?\\d{2,4}([ .-]?\\d{2,4}){1,3}\\b", null),
    CREDIT_CARD("\\b\\d{4}([ -]?\\d{4}){2}[ -]?\\d{1,7}\\b", "luhn"),
    IBAN("\\b[a-z]{2}\\d{2}( ?[a-z0-9]{4}){2,7}( ?[a-z0-9]{1,3})?\\b", "iban"),
    ID_CARD_CN("\\b[1-9]\\d{5}(18|19|20)\\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\\d|3[01])\\d{3}[\\dx]\\b", "id-card-cn"),
    IP("\\b\\d{1,3}(\\.\\d{1,3}){3}\\b", "ip");

    private final String pattern;
    private final String check;

    Pii(String pattern, String check) {
        this.pattern = pattern;
        this.check = check;
    }

    /** By the name that rules call it, such as {@code credit-card}. */
    static Pii of(String name) {
        for (Pii each : values()) {
            if (each.label().equals(name)) {
                return each;
            }
        }
        throw new IllegalArgumentException("there is no pii '" + name + "'; there are " + Arrays.stream(values()).map(Pii::label).toList());
    }

    String label() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    PatternMatcher matcher(String rule) {
        return new PatternMatcher(rule, pattern, check == null ? _ -> true : Checks.ALL.get(check));
    }
}
