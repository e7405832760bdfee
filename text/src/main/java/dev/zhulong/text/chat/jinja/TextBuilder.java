package dev.zhulong.text.chat.jinja;

import java.util.Arrays;

/** Builds a {@link Text} piece by piece, within the limits. */
final class TextBuilder {
    private final Limits limits;
    private final StringBuilder chars = new StringBuilder();
    private byte[] marks;

    TextBuilder(Limits limits) {
        this.limits = limits;
    }

    TextBuilder append(Text text) {
        return append(text, 0, text.units());
    }

    TextBuilder append(Text text, int from, int to) {
        int n = to - from;
        if (n <= 0) {
            return this;
        }
        int at = chars.length();
        limits.text(n, (long) at + n);
        chars.append(text.toString(), from, to);
        for (int i = 0; i < n; i++) {
            byte mark = text.mark(from + i);
            if (mark != 0) {
                mark(at + i, mark);
            }
        }
        return this;
    }

    /** Adds characters of the template's own. */
    TextBuilder append(String text) {
        limits.text(text.length(), (long) chars.length() + text.length());
        chars.append(text);
        return this;
    }

    TextBuilder repeat(String text, long times) {
        long n = Math.max(0, times) * text.length();
        limits.text(n, chars.length() + n);
        for (long i = 0; i < times; i++) {
            chars.append(text);
        }
        return this;
    }

    private void mark(int at, byte mark) {
        if (marks == null || marks.length <= at) {
            int size = Math.max(chars.length(), marks == null ? 0 : marks.length * 2);
            marks = marks == null ? new byte[size] : Arrays.copyOf(marks, size);
        }
        marks[at] = mark;
    }

    Text toText() {
        return chars.isEmpty() ? Text.EMPTY : new Text(chars.toString(), marks == null ? null : Arrays.copyOf(marks, chars.length()));
    }
}
