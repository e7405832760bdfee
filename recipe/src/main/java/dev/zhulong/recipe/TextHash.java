package dev.zhulong.recipe;

import dev.zhulong.data.document.Document;
import java.util.function.Predicate;

/** Choices that depend on a document's text and a seed, not on order or on other documents. */
public final class TextHash {
    private TextHash() {}

    /** 64 bits of {@code text} and {@code salt}: a polynomial over its characters, finished as in SplitMix64. */
    public static long of(String text, long salt) {
        long x = salt * 0x9E3779B97F4A7C15L + 1;
        for (int i = 0; i < text.length(); i++) {
            x = x * 0x100000001B3L + text.charAt(i);
        }
        x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }

    /** Evenly in [0, 1). */
    public static double place(String text, long salt) {
        return (of(text, salt) >>> 11) * 0x1p-53;
    }

    /** Documents that together are about {@code share} of all. */
    public static Predicate<Document> share(double share, long salt) {
        return document -> place(document.text(), salt) < share;
    }
}
