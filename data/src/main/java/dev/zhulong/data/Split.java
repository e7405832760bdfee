package dev.zhulong.data;

import dev.zhulong.data.dedup.Clusters;
import java.util.Arrays;

/**
 * What becomes of each document: one representative of every cluster stays (the longest, of those the one whose content has the least hash, of equal ones the
 * first) and goes to training or validation by that hash, so that neither order nor other documents move it and nearly equal texts never lie on both sides.
 * With two clusters or more and a fraction above 0 neither side is empty.
 */
final class Split {
    /** What becomes of a document. */
    enum Fate { TRAIN, VALIDATION, EXACT_DUPLICATE, NEAR_DUPLICATE }

    private final Fate[] fates;
    private final int[] representatives;

    Split(Clusters clusters, double validationFraction, long seed) {
        int n = clusters.size();
        fates = new Fate[n];
        representatives = new int[n];
        Arrays.fill(representatives, -1);
        for (int document = 0; document < n; document++) {
            int cluster = clusters.cluster(document);
            int best = representatives[cluster];
            if (best < 0 || clusters.length(document) > clusters.length(best)
                    || clusters.length(document) == clusters.length(best) && clusters.contentHash(document) < clusters.contentHash(best)) {
                representatives[cluster] = document;
            }
        }
        int least = -1;
        int greatest = -1;
        int held = 0;
        int kept = 0;
        for (int document = 0; document < n; document++) {
            int representative = representatives[clusters.cluster(document)];
            if (representative != document) {
                boolean copy = clusters.original(document) != document || clusters.sameText(representative, document);
                fates[document] = copy ? Fate.EXACT_DUPLICATE : Fate.NEAR_DUPLICATE;
                continue;
            }
            double place = place(clusters.contentHash(document), seed);
            boolean out = place < validationFraction;
            fates[document] = out ? Fate.VALIDATION : Fate.TRAIN;
            kept++;
            held += out ? 1 : 0;
            least = least < 0 || place < place(clusters.contentHash(least), seed) ? document : least;
            greatest = greatest < 0 || place > place(clusters.contentHash(greatest), seed) ? document : greatest;
        }
        if (kept >= 2 && validationFraction > 0 && held == 0) {
            fates[least] = Fate.VALIDATION;
        }
        if (kept > 0 && held == kept) {
            fates[greatest] = Fate.TRAIN;
        }
        for (int document = 0; document < n; document++) {
            representatives[document] = representatives[clusters.cluster(document)];
        }
    }

    Fate fate(int document) {
        return fates[document];
    }

    /** Whom {@code document} duplicates, itself when it stays. */
    int representative(int document) {
        return representatives[document];
    }

    /** A number in [0, 1) that depends on content and seed alone. */
    private static double place(long contentHash, long seed) {
        long x = contentHash + (seed + 1) * 0x9E3779B97F4A7C15L;
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return ((x ^ (x >>> 31)) >>> 11) * 0x1p-53;
    }
}
