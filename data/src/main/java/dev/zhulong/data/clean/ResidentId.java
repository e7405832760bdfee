package dev.zhulong.data.clean;

import java.time.DateTimeException;
import java.time.LocalDate;

/**
 * Chinese resident identity numbers (GB 11643-1999): province, date of birth, and the check character of ISO 7064 MOD 11-2 must all hold.
 */
final class ResidentId {

    private static final int[] WEIGHTS = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    private static final String CHECK = "10X98765432";
    private static final String PROVINCES = " 11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65"
            + " 71 81 82 83 91 ";

    private ResidentId() {
    }

    static Match find(String text, DigitGroups groups) {
        int start = groups.start(0);
        int end = groups.end(0);
        if (groups.length(0) == 17 && end < text.length() && (text.charAt(end) == 'X' || text.charAt(end) == 'x')) {
            end++;
        }
        return end - start == 18 && Around.endsNumber(text, end) && isValid(text.substring(start, end))
                ? new Match(PersonalData.RESIDENT_ID, start, end) : null;
    }

    static boolean isValid(String id) {
        if (!PROVINCES.contains(" " + id.substring(0, 2) + " ")) {
            return false;
        }
        int sum = 0;
        for (int i = 0; i < WEIGHTS.length; i++) {
            sum += WEIGHTS[i] * (id.charAt(i) - '0');
        }
        if (CHECK.charAt(sum % 11) != Character.toUpperCase(id.charAt(17))) {
            return false;
        }
        int year = Integer.parseInt(id.substring(6, 10));
        try {
            LocalDate.of(year, Integer.parseInt(id.substring(10, 12)), Integer.parseInt(id.substring(12, 14)));
        } catch (DateTimeException e) {
            return false;
        }
        return year >= 1900 && year < 2100;
    }
}
