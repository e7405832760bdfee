package dev.zhulong.guard;

import java.math.BigInteger;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/** What tells numbers of people and accounts from others: their check digits. */
final class Checks {
    /** By the name that rules call them. */
    static final Map<String, Predicate<String>> ALL = Map.of("luhn", Checks::luhn, "iban", Checks::iban, "id-card-cn", Checks::idCard, "ip", Checks::ip);

    private static final int[] ID_WEIGHTS = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};

    private Checks() {}

    /** Payment cards (ISO/IEC 7812-1, Luhn). */
    static boolean luhn(String text) {
        String digits = text.replaceAll("[^0-9]", "");
        int sum = 0;
        for (int i = 0; i < digits.length(); i++) {
            int digit = digits.charAt(digits.length() - 1 - i) - '0';
            int counted = i % 2 == 0 ? digit : 2 * digit;
            sum += counted > 9 ? counted - 9 : counted;
        }
        return sum % 10 == 0 && digits.chars().anyMatch(c -> c != '0');
    }

    /** Account numbers (ISO 13616): the remainder by 97 is 1. */
    static boolean iban(String text) {
        String plain = text.replace(" ", "");
        var digits = new StringBuilder();
        (plain.substring(4) + plain.substring(0, 4)).chars().forEach(c -> digits.append(Character.digit(c, 36)));
        return new BigInteger(digits.toString()).mod(BigInteger.valueOf(97)).intValue() == 1;
    }

    /** Chinese resident identity numbers (GB 11643-1999, ISO 7064 MOD 11-2). */
    static boolean idCard(String text) {
        int sum = IntStream.range(0, ID_WEIGHTS.length).map(i -> ID_WEIGHTS[i] * (text.charAt(i) - '0')).sum();
        return text.charAt(17) == "10x98765432".charAt(sum % 11);
    }

    /** Four numbers up to 255. */
    static boolean ip(String text) {
        for (String part : text.split("\\.")) {
            if (Integer.parseInt(part) > 255) {
                return false;
            }
        }
        return true;
    }
}
