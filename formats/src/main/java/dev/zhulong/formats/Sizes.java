package dev.zhulong.formats;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Numbers of bytes for people: in units of a thousand, as disks and memory limits are sold, with three digits. */
public final class Sizes {
    private static final String[] UNITS = {"bytes", "kB", "MB", "GB", "TB"};
    private static final Pattern SIZE = Pattern.compile("([0-9]{1,15}(?:\\.[0-9]{1,12})?) ?([kmgt])?(?:b|bytes)?");

    private Sizes() {}

    /** Such as {@code 512 bytes}, {@code 12.3 MB} or {@code 1.5 GB}. */
    public static String of(long bytes) {
        double value = bytes;
        int u = 0;
        while (value >= 999.5 && u < UNITS.length - 1) {
            value /= 1000;
            u++;
        }
        return String.format(Locale.ROOT, u == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, UNITS[u]);
    }

    /**
     * Reads what people write: {@code 800MB}, {@code 1.5 GB}, {@code 1200000}.
     *
     * @throws IllegalArgumentException for anything else
     */
    public static long parse(String text) {
        Matcher matcher = SIZE.matcher(text.strip().toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new IllegalArgumentException("expected a number of bytes such as 800MB, 1.5GB or 1200000, found '" + text + "'");
        }
        int unit = matcher.group(2) == null ? 0 : " kmgt".indexOf(matcher.group(2));
        return new BigDecimal(matcher.group(1)).movePointRight(3 * unit).toBigInteger().longValueExact();
    }

    /** The same in MB at least: memory of tiny models is compared with that of others. */
    public static String memory(long bytes) {
        return bytes < 1_000_000 ? String.format(Locale.ROOT, "%.1f MB", bytes * 1e-6) : of(bytes);
    }
}
