package dev.zhulong.data.clean;

import java.util.List;

/**
 * Payment card numbers: a prefix and length of a known network (ISO/IEC 7812; Visa, Mastercard, American Express, Discover, Diners, JCB,
 * UnionPay), the Luhn checksum, and the usual grouping if there are separators. A bare number in code needs quotes or a word that speaks
 * of cards, because one number in ten satisfies the checksum.
 */
final class PaymentCard {

    private static final List<String> WORDS = List.of("card", "credit", "debit", "visa", "amex", "卡号", "银行卡", "信用卡");

    private PaymentCard() {
    }

    static Match find(String text, DigitGroups groups, boolean code) {
        int n = 0;
        if (groups.length(0) >= 13 && groups.length(0) <= 19) {
            n = 1;
        } else if (groups.separator(0) == '.') {
            return null;
        } else if (groups.haveLengths(0, 4, 4, 4, 4)) {
            n = groups.count() > 4 && groups.length(4) <= 3 && groups.separator(3) == groups.separator(0) ? 5 : 4;
        } else if (groups.haveLengths(0, 4, 6, 5) || groups.haveLengths(0, 4, 6, 4)) {
            n = 3;
        }
        while (n > 0) {
            int start = groups.start(0);
            int end = groups.end(n - 1);
            if (Around.endsNumber(text, end) && isValid(groups.digits(0, n))
                    && (!code || n > 1 || Around.isQuoted(text, start, end) || Around.mentionedBefore(text, start, WORDS))) {
                return new Match(PersonalData.PAYMENT_CARD, start, end);
            }
            n = n == 5 ? 4 : 0;
        }
        return null;
    }

    static boolean isValid(String digits) {
        return isIssued(digits) && luhn(digits) && !digits.chars().allMatch(c -> c == digits.charAt(0));
    }

    private static boolean isIssued(String digits) {
        int length = digits.length();
        int four = Integer.parseInt(digits.substring(0, 4));
        int two = four / 100;
        if (four / 1000 == 4) {
            return length == 13 || length == 16 || length == 19;
        }
        if (two >= 51 && two <= 55 || four >= 2221 && four <= 2720) {
            return length == 16;
        }
        if (two == 34 || two == 37) {
            return length == 15;
        }
        if (two == 36 || two == 38 || four / 10 >= 300 && four / 10 <= 305) {
            return length == 14;
        }
        boolean long16 = four == 6011 || four / 10 >= 644 && four / 10 <= 649 || two == 65 || two == 62 || four >= 3528 && four <= 3589;
        return long16 && length >= 16 && length <= 19;
    }

    private static boolean luhn(String digits) {
        int sum = 0;
        for (int i = 0; i < digits.length(); i++) {
            int digit = digits.charAt(digits.length() - 1 - i) - '0';
            int weighted = i % 2 == 0 ? digit : 2 * digit;
            sum += weighted > 9 ? weighted - 9 : weighted;
        }
        return sum % 10 == 0;
    }
}
