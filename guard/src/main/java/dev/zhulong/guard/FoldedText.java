package dev.zhulong.guard;

import java.util.Arrays;

/** A text as it is folded while it comes, each of its characters with the place in the text it came from. */
final class FoldedText {
    private final Folding folding;
    /** Null where escapes stand as they are. */
    private final Escapes escapes;
    private final StringBuilder chars = new StringBuilder();
    private int[] from = new int[64];
    private int[] to = new int[64];
    private int read;
    /** The first half of a character whose second half has not come; 0 for none. */
    private char half;
    /** Units of the text that it takes. */
    private int halfUnits;

    /** @param unescaped whether the escapes of JSON strings are read as what they spell */
    FoldedText(Folding folding, boolean unescaped) {
        this.folding = folding;
        escapes = unescaped ? new Escapes(this::add) : null;
    }

    /** Takes the next UTF-16 unit. */
    void add(char c) {
        if (escapes == null) {
            add(c, 1);
        } else {
            escapes.add(c);
        }
    }

    /** No more comes. */
    void finish() {
        if (escapes != null) {
            escapes.finish();
        }
    }

    private void add(char c, int units) {
        if (half != 0 && !Character.isLowSurrogate(c)) {
            // half a character that stays one
            read += halfUnits;
            half = 0;
        }
        if (Character.isHighSurrogate(c)) {
            half = c;
            halfUnits = units;
        } else if (half != 0) {
            append(Character.toCodePoint(half, c), halfUnits + units);
            half = 0;
        } else {
            append(c, units);
        }
    }

    private void append(int codePoint, int units) {
        String folded = folding.of(codePoint);
        for (int i = 0; i < folded.length(); i++) {
            boolean space = folded.charAt(i) == ' ' && !chars.isEmpty() && chars.charAt(chars.length() - 1) == ' ';
            if (!space) {
                if (chars.length() == from.length) {
                    from = Arrays.copyOf(from, 2 * from.length);
                    to = Arrays.copyOf(to, 2 * to.length);
                }
                from[chars.length()] = read;
                to[chars.length()] = read + units;
                chars.append(folded.charAt(i));
            }
        }
        read += units;
    }

    int length() {
        return chars.length();
    }

    char charAt(int i) {
        return chars.charAt(i);
    }

    String substring(int begin, int end) {
        return chars.substring(begin, end);
    }

    /** Where folded character {@code i} begins in the text; for the end, what has been read. */
    int from(int i) {
        return i < chars.length() ? from[i] : read;
    }

    /** Where folded character {@code i} ends in the text. */
    int to(int i) {
        return to[i];
    }
}
