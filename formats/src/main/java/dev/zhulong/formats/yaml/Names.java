package dev.zhulong.formats.yaml;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** How Java's names are written in a recipe, and which known name a misspelt one is nearest to. */
final class Names {

    private Names() {}

    /** {@code maxNewTokens} to {@code max_new_tokens}, {@code finalLR} to {@code final_lr}. */
    static String field(String component) {
        return component.replaceAll("([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", "$1$3_$2$4").toLowerCase(Locale.ROOT);
    }

    /** {@code ONE_MINUS_SQRT} to {@code one-minus-sqrt}. */
    static String constant(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The nearest name within two slips, or a third of its length; case, dashes and underscores don't count. */
    static Optional<String> nearest(String name, Collection<String> known) {
        String plain = plain(name);
        return known.stream()
                .filter(k -> distance(plain, plain(k)) <= Math.min(Math.max(2, k.length() / 3), k.length() - 1))
                .min(Comparator.comparingInt((String k) -> distance(plain, plain(k))).thenComparing(k -> k));
    }

    private static String plain(String name) {
        return name.replaceAll("[-_ ]", "").toLowerCase(Locale.ROOT);
    }

    /** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours (Damerau 1964, Levenshtein 1966). */
    static int distance(String a, String b) {
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int replaced = d[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                d[i][j] = Math.min(replaced, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
