package dev.zhulong.data.clean;

import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** A kind of personal data or secret that {@link RedactPersonalData} replaces, with its placeholder. */
public enum PersonalData {
    EMAIL("<EMAIL>", "e-mail address", "e-mail addresses"),
    PHONE("<PHONE>", "phone number", "phone numbers"),
    RESIDENT_ID("<RESIDENT_ID>", "resident id", "resident ids"),
    PAYMENT_CARD("<PAYMENT_CARD>", "payment card", "payment cards"),
    IP_ADDRESS("<IP_ADDRESS>", "IP address", "IP addresses"),
    SECRET("<SECRET>", "secret", "secrets");

    private final String placeholder;
    private final String one;
    private final String many;

    PersonalData(String placeholder, String one, String many) {
        this.placeholder = placeholder;
        this.one = one;
        this.many = many;
    }

    public String placeholder() {
        return placeholder;
    }

    String counted(int count) {
        return count + " " + (count == 1 ? one : many);
    }

    /** From the names used in recipes: {@code email, phone, resident-id, payment-card, ip-address, secret}. */
    static Set<PersonalData> parse(Collection<String> names) {
        List<String> known = Arrays.stream(values()).map(kind -> kind.name().toLowerCase(Locale.ROOT).replace('_', '-')).toList();
        Set<PersonalData> kinds = EnumSet.noneOf(PersonalData.class);
        for (String name : names) {
            int at = known.indexOf(name.toLowerCase(Locale.ROOT).replace('_', '-'));
            if (at < 0) {
                throw new IllegalArgumentException(Steps.unknown("kind of personal data", name, known));
            }
            kinds.add(values()[at]);
        }
        return kinds;
    }
}
