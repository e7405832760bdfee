package dev.zhulong.formats;

import java.util.Locale;

/** Numbers of bytes for people: in units of a thousand, as disks and memory limits are sold, with three digits. */
public final class Sizes {
    private static final String[] UNITS = {"bytes", "kB", "MB", "GB", "TB"};

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

    /** The same in MB at least: memory of tiny models is compared with that of others. */
    public static String memory(long bytes) {
        return bytes < 1_000_000 ? String.format(Locale.ROOT, "%.1f MB", bytes * 1e-6) : of(bytes);
    }
}
