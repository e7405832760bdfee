package dev.zhulong.data.clean;

import java.util.List;

/**
 * Phone numbers: international with {@code +} (ITU-T E.164), Chinese mobile and landline, North American. Code is full of numbers, so
 * there a phone number must stand in quotes or after a word such as "phone". Left alone: North American numbers reserved for fiction
 * (555-0100 to 555-0199).
 */
final class PhoneNumber {

    private static final List<String> WORDS = List.of("phone", "tel", "mobile", "cell", "fax", "call", "whatsapp", "hotline", "电话", "手机",
            "联系", "传真", "热线", "電話", "手機");

    private PhoneNumber() {
    }

    /** A number without {@code +}, whose first digit group begins the groups. */
    static Match find(String text, DigitGroups groups, boolean code) {
        int end = chinese(groups);
        if (end < 0) {
            end = northAmerican(text, groups);
        }
        int start = groups.start(0);
        boolean found = end > 0 && Around.endsNumber(text, end) && (!code || inContext(text, start, end));
        return found ? new Match(PersonalData.PHONE, start, end) : null;
    }

    private static boolean inContext(String text, int start, int end) {
        return Around.isQuoted(text, start, end) || Around.mentionedBefore(text, start, WORDS);
    }

    private static int chinese(DigitGroups groups) {
        String first = groups.length(0) <= 4 ? groups.digits(0, 1) : "";
        int g = (first.equals("86") || first.equals("0086")) && groups.count() > 1 ? 1 : 0;
        if (groups.length(g) == 11 && isMobile(groups.digits(g, 1))) {
            return groups.end(g);
        }
        if (groups.haveLengths(g, 3, 4, 4) && groups.separator(g) != '.' && isMobile(groups.digits(g, 3))) {
            return groups.end(g + 2);
        }
        boolean area = groups.count() > 1 && groups.separator(0) == '-' && (groups.length(0) == 3 || groups.length(0) == 4)
                && first.charAt(0) == '0' && first.charAt(1) != '0';
        return area && (groups.length(1) == 8 || groups.length(1) == 7 && first.length() == 4) ? groups.end(1) : -1;
    }

    /** Prefixes 13x to 19x, the numbering plan for mobile networks. */
    private static boolean isMobile(String digits) {
        return digits.charAt(0) == '1' && digits.charAt(1) >= '3';
    }

    private static int northAmerican(String text, DigitGroups groups) {
        int g = groups.length(0) == 1 && groups.digits(0, 1).equals("1") ? 1 : 0;
        if (!groups.haveLengths(g, 3, 3, 4) || groups.separator(g) == ' ' && !Around.mentionedBefore(text, groups.start(0), WORDS)) {
            return -1;
        }
        return isNorthAmerican(groups.digits(g, 3)) ? groups.end(g + 2) : -1;
    }

    private static boolean isNorthAmerican(String digits) {
        return digits.charAt(0) >= '2' && digits.charAt(3) >= '2' && !digits.startsWith("55501", 3);
    }

    /** {@code (415) 555-2671}, from the parenthesis. */
    static Match findParenthesized(String text, int open, boolean code) {
        if (open + 5 >= text.length() || !digits(text, open + 1, 3) || text.charAt(open + 4) != ')' || !Around.startsNumber(text, open)) {
            return null;
        }
        int at = open + (text.charAt(open + 5) == ' ' ? 6 : 5);
        int end = at + 8;
        if (end > text.length() || !digits(text, at, 3) || "-. ".indexOf(text.charAt(at + 3)) < 0 || !digits(text, at + 4, 4)) {
            return null;
        }
        String number = text.substring(open + 1, open + 4) + text.substring(at, at + 3) + text.substring(at + 4, end);
        return isNorthAmerican(number) && Around.endsNumber(text, end) && (!code || inContext(text, open, end))
                ? new Match(PersonalData.PHONE, open, end) : null;
    }

    private static boolean digits(String text, int from, int n) {
        if (from + n > text.length()) {
            return false;
        }
        for (int i = from; i < from + n; i++) {
            if (!Around.isDigit(text.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    /** {@code +49 30 1234567}, from the plus: 8 to 15 digits, separators between them. */
    static Match findInternational(String text, int plus, boolean code) {
        if (plus > 0 && (Around.isAlphanumeric(text.charAt(plus - 1)) || "+)]_".indexOf(text.charAt(plus - 1)) >= 0)) {
            return null;
        }
        int digits = 0;
        int firstGroup = 0;
        int end = plus + 1;
        boolean open = false;
        for (int i = plus + 1; i < text.length() && digits < 16; i++) {
            char c = text.charAt(i);
            if (Around.isDigit(c)) {
                digits++;
                firstGroup += i == plus + digits ? 1 : 0;
                end = i + 1;
                boolean complete = digits == 11 && text.charAt(plus + 1) == '1' || digits == 13 && text.startsWith("86", plus + 1);
                if (complete && (end == text.length() || !Around.isDigit(text.charAt(end)))) {
                    break;
                }
            } else if (c == '(' && !open && digits > 0) {
                open = true;
            } else if (" -.)".indexOf(c) < 0 || i > end && !(text.charAt(i - 1) == ')' && c == ' ')) {
                break;
            }
        }
        // A group as long as that is a number by itself, or the year of a date far away (+999999999-12-31).
        boolean grouped = firstGroup == digits || firstGroup <= 7;
        boolean good = grouped && digits >= 8 && digits <= 15 && text.charAt(plus + 1) >= '1' && text.charAt(plus + 1) <= '9'
                && Around.endsNumber(text, end);
        boolean fiction = good && text.charAt(plus + 1) == '1' && digits == 11 && text.startsWith("555-01", Math.max(0, end - 8));
        return good && !fiction && (!code || inContext(text, plus, end)) ? new Match(PersonalData.PHONE, plus, end) : null;
    }
}
