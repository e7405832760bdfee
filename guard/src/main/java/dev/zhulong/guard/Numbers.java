package dev.zhulong.guard;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What tells cards, phones and accounts from other numbers: how their digits are grouped, how many there are, and what stands around. */
final class Numbers {
    /** Hexadecimal digits before a number that make it part of a hash. */
    private static final int HASH = 8;
    /** Groups that cards of other lengths than fours are written in: American Express, Diners, Maestro, UnionPay. */
    private static final Set<List<Integer>> CARD_GROUPS = Set.of(List.of(4, 6, 5), List.of(4, 6, 4), List.of(4, 4, 5), List.of(6, 10), List.of(6, 13));
    private static final int FEWEST_PHONE_DIGITS = 7;
    private static final int MOST_PHONE_DIGITS = 15;
    /** Of a number with a sign that is written like a summand or a decimal number. */
    private static final int FEWEST_DIGITS_OF_NO_QUANTITY = 10;
    /** Digits of a number with the country's code, of countries in which all have as many. */
    private static final Map<Character, Integer> EXACT_PHONE_DIGITS = Map.of('1', 11, '7', 11);
    /** Digits of an account's number by country, as the IBAN registry of ISO 13616 has them. */
    private static final Map<String, Integer> ACCOUNTS = new HashMap<>();

    static {
        String registry = "ad24ae23al28at20az28ba20be16bg22bh22bi27br29by28ch21cr22cy28cz24de22dj27dk18do28ee20eg29es24fi18fk18fo18fr27gb22ge22gi23gl18gr27gt28hn28hr21hu28ie22il23"
                + "iq23is26it27jo30kw30kz20lb28lc32li21lt20lu20lv21ly25mc27md24me22mk19mn20mr27mt31mu30ni28nl18no15om23pk24pl28ps29pt25qa29ro24rs22ru33sa24sc31sd18se24si19sk24sm27"
                + "so23st25sv28tl23tn24tr26ua29va22vg24xk20ye30";
        for (int i = 0; i < registry.length(); i += 4) {
            ACCOUNTS.put(registry.substring(i, i + 2), Integer.parseInt(registry, i + 2, i + 4, 10));
        }
    }

    private Numbers() {}

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    /** Whether a number is no part of a hash in hexadecimal digits. */
    static boolean isOutsideHash(FoldedText text, int begin, int end) {
        int from = begin;
        while (from > 0 && begin - from < HASH && Character.digit(text.charAt(from - 1), 16) >= 0) {
            from--;
        }
        return begin - from < HASH;
    }

    /** Whether a number is what follows the point of another one that is written without groups. */
    private static boolean isFraction(FoldedText text, int begin) {
        return begin > 1 && text.charAt(begin - 1) == '.' && isDigit(text.charAt(begin - 2));
    }

    /** 13 to 19 digits with Luhn's check digit in one, in fours, as a network groups them, or where the number is one that networks give, in equal groups. */
    static boolean isCard(FoldedText text, int begin, int end) {
        String written = text.substring(begin, end);
        if (!Checks.luhn(written) || !isOutsideHash(text, begin, end)) {
            return false;
        }
        List<Integer> groups = groups(written);
        if (groups.size() == 1) {
            return !isFraction(text, begin);
        }
        List<Integer> full = groups.subList(0, groups.size() - 1);
        int last = groups.getLast();
        if (CARD_GROUPS.contains(groups) || groups.size() > 3 && full.stream().allMatch(group -> group == 4) || full.equals(List.of(4, 4)) && last > 4) {
            return true;
        }
        boolean equal = full.stream().allMatch(group -> group.equals(full.getFirst())) && last <= full.getFirst();
        boolean fours = written.indexOf('-') < 0 && full.stream().allMatch(group -> group % 4 == 0);
        return (equal || fours) && separators(written) == 1 && isIssued(Checks.lettersAndDigits(written));
    }

    private static List<Integer> groups(String written) {
        List<Integer> groups = new ArrayList<>();
        for (String group : written.split("[^0-9]+")) {
            groups.add(group.length());
        }
        return groups;
    }

    private static long separators(String written) {
        return Arrays.stream(written.split("[0-9]+")).filter(each -> !each.isEmpty()).distinct().count();
    }

    /** Whether a network gives out numbers that begin so and are as long (ISO/IEC 7812). */
    private static boolean isIssued(String digits) {
        int length = digits.length();
        int four = Integer.parseInt(digits, 0, 4, 10);
        int two = four / 100;
        return switch (four / 1000) {
            case 2 -> length == 16 && (four >= 2200 && four <= 2204 || four >= 2221 && four <= 2720);
            case 3 -> length == 15 && (two == 34 || two == 37) || length >= 16 && two == 35 || length >= 14 && (two == 30 || two == 36 || two == 38 || two == 39);
            case 4 -> length == 13 || length == 16 || length == 19;
            case 5 -> two <= 55 && two > 50 ? length == 16 : two != 59 && length <= 19;
            case 6 -> true;
            case 8 -> two <= 82 && length >= 16;
            case 9 -> four == 9792 && length == 16;
            default -> false;
        };
    }

    /** An international number: as many digits as one has, {@code (0)} left out. */
    static boolean isPhone(FoldedText text, int begin, int end) {
        String written = text.substring(begin, end).replace("(0)", "");
        boolean plus = written.charAt(0) == '+';
        String digits = Checks.lettersAndDigits(written).substring(plus ? 0 : 2);
        boolean sum = begin > 0 && isDigit(text.charAt(begin - 1));
        // zeros are also what other numbers begin with or hold
        boolean grouped = plus || !sum && groups(written).size() > 2;
        boolean nested = written.indexOf('(') != written.lastIndexOf('(');
        if (!grouped || nested || digits.isEmpty() || !plus && !isOutsideHash(text, begin, end)) {
            return false;
        }
        boolean decimal = written.matches("\\+ ?[0-9]+\\.[0-9]+");
        int fewest = sum || decimal ? FEWEST_DIGITS_OF_NO_QUANTITY : FEWEST_PHONE_DIGITS;
        int most = digits.startsWith("86") ? 13 : digits.startsWith("33") ? 11 : MOST_PHONE_DIGITS;
        Integer exact = EXACT_PHONE_DIGITS.get(digits.charAt(0));
        return exact == null ? digits.length() >= fewest && digits.length() <= most : digits.length() == exact;
    }

    /** An account's number with its check digits, as long as its country's are; where the country is unknown it stands by itself. */
    static boolean isAccount(FoldedText text, int begin, int end) {
        String written = text.substring(begin, end);
        int length = Checks.lettersAndDigits(written).length();
        Integer known = ACCOUNTS.get(written.substring(0, 2));
        if (known == null) {
            boolean alone = (begin == 0 || !Folding.isWordCharacter(text.charAt(begin - 1))) && (end == text.length() || !Folding.isWordCharacter(text.charAt(end)));
            return alone && Checks.iban(written);
        }
        return length == known && Checks.iban(written) && (end == text.length() || !isDigit(text.charAt(end)));
    }
}
