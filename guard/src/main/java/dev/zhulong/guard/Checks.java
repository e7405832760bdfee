package dev.zhulong.guard;

import dev.zhulong.guard.PatternMatcher.Check;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/** What tells numbers of people and accounts from others: their check digits. */
final class Checks {
    /** By the name that rules call them. */
    static final Map<String, Check> ALL = Map.of("luhn", of(Checks::luhn), "iban", of(Checks::iban), "id-card-cn", of(Checks::idCard), "ip", IpAddresses::isAddress);

    private static final int[] ID_WEIGHTS = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};

    private Checks() {}

    private static Check of(Predicate<String> check) {
        return (text, begin, end) -> check.test(text.substring(begin, end));
    }

    /** Payment cards (ISO/IEC 7812-1, Luhn), whatever stands between the digits. */
    static boolean luhn(String text) {
        int sum = 0;
        int digits = 0;
        boolean other = false;
        for (int i = text.length() - 1; i >= 0; i--) {
            int digit = text.charAt(i) - '0';
            if (digit >= 0 && digit <= 9) {
                int counted = digits++ % 2 == 0 ? digit : 2 * digit;
                sum += counted > 9 ? counted - 9 : counted;
                other |= digit > 0;
            }
        }
        return sum % 10 == 0 && other;
    }

    /** Account numbers (ISO 13616): the remainder by 97 is 1. */
    static boolean iban(String text) {
        String plain = lettersAndDigits(text);
        if (plain.length() < 5) {
            return false;
        }
        int remainder = 0;
        for (int i = 0; i < plain.length(); i++) {
            int value = Character.digit(plain.charAt((i + 4) % plain.length()), 36);
            remainder = (remainder * (value < 10 ? 10 : 100) + value) % 97;
        }
        return remainder == 1;
    }

    /** Chinese resident identity numbers (GB 11643-1999, ISO 7064 MOD 11-2). */
    static boolean idCard(String text) {
        String plain = lettersAndDigits(text);
        if (!plain.matches("[0-9]{17}[0-9x]")) {
            return false;
        }
        int sum = IntStream.range(0, ID_WEIGHTS.length).map(i -> ID_WEIGHTS[i] * (plain.charAt(i) - '0')).sum();
        return plain.charAt(17) == "10x98765432".charAt(sum % 11);
    }

    static String lettersAndDigits(String text) {
        var plain = new StringBuilder();
        text.chars().filter(c -> c >= '0' && c <= '9' || c >= 'a' && c <= 'z').forEach(c -> plain.append((char) c));
        return plain.toString();
    }
}
