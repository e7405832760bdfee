package dev.zhulong.data.clean;

/**
 * Groups of digits separated by single spaces, dashes or dots, from a position on: {@code 138 1234 5678}. At most 8 groups of 24 digits.
 */
final class DigitGroups {

    private static final int MAX_GROUPS = 8;
    private static final int MAX_DIGITS = 24;

    private final String text;
    private final int[] starts = new int[MAX_GROUPS];
    private final int[] ends = new int[MAX_GROUPS];
    private int count;

    private DigitGroups(String text) {
        this.text = text;
    }

    static DigitGroups at(String text, int start) {
        var groups = new DigitGroups(text);
        int at = start;
        while (groups.count < MAX_GROUPS) {
            int end = at;
            int limit = Math.min(text.length(), at + MAX_DIGITS + 1);
            while (end < limit && Around.isDigit(text.charAt(end))) {
                end++;
            }
            if (end == at) {
                break;
            }
            groups.starts[groups.count] = at;
            groups.ends[groups.count++] = end;
            if (end - at > MAX_DIGITS || end + 1 >= text.length() || " -.".indexOf(text.charAt(end)) < 0) {
                break;
            }
            at = end + 1;
        }
        return groups;
    }

    int count() {
        return count;
    }

    int start(int group) {
        return starts[group];
    }

    int end(int group) {
        return ends[group];
    }

    int length(int group) {
        return ends[group] - starts[group];
    }

    /** The separator after a group, 0 after the last. */
    char separator(int group) {
        return group + 1 < count ? text.charAt(ends[group]) : 0;
    }

    /** True if the groups from {@code first} on have these lengths and one separator between them all. */
    boolean haveLengths(int first, int... lengths) {
        if (first + lengths.length > count) {
            return false;
        }
        for (int i = 0; i < lengths.length; i++) {
            if (length(first + i) != lengths[i] || i > 0 && i + 1 < lengths.length && separator(first + i) != separator(first)) {
                return false;
            }
        }
        return true;
    }

    /** The digits of {@code n} groups without separators. */
    String digits(int first, int n) {
        var digits = new StringBuilder();
        for (int i = first; i < first + n; i++) {
            digits.append(text, starts[i], ends[i]);
        }
        return digits.toString();
    }
}
