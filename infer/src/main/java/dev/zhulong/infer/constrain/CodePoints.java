package dev.zhulong.infer.constrain;

import java.util.Arrays;
import java.util.function.IntPredicate;

/** A set of Unicode scalar values: code points without surrogates, which UTF-8 cannot hold. Immutable. */
final class CodePoints {
    static final CodePoints NONE = new CodePoints(new int[0]);
    static final CodePoints ALL = new CodePoints(new int[] {0, 0xD7FF, 0xE000, Character.MAX_CODE_POINT});

    /** First and last of each run, ascending, with a gap between runs. */
    private final int[] runs;

    private CodePoints(int[] runs) {
        this.runs = runs;
    }

    /** First and last code points of runs, in any order; surrogates among them are left out. */
    static CodePoints of(int... firstsAndLasts) {
        CodePoints set = NONE;
        for (int i = 0; i < firstsAndLasts.length; i += 2) {
            set = set.or(new CodePoints(new int[] {firstsAndLasts[i], firstsAndLasts[i + 1]}));
        }
        return set.and(ALL);
    }

    /** The characters of {@code text}. */
    static CodePoints among(String text) {
        return of(text.codePoints().flatMap(c -> java.util.stream.IntStream.of(c, c)).toArray());
    }

    static CodePoints where(IntPredicate holds) {
        int[] runs = new int[16];
        int count = 0;
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            if ((c < 0xD800 || c > 0xDFFF) && holds.test(c)) {
                if (count > 0 && runs[count - 1] == c - 1) {
                    runs[count - 1] = c;
                } else {
                    runs = count == runs.length ? Arrays.copyOf(runs, count * 2) : runs;
                    runs[count++] = c;
                    runs[count++] = c;
                }
            }
        }
        return new CodePoints(Arrays.copyOf(runs, count));
    }

    CodePoints or(CodePoints other) {
        int[] out = new int[runs.length + other.runs.length];
        int count = 0;
        for (int i = 0, j = 0; i < runs.length || j < other.runs.length; ) {
            boolean mine = j == other.runs.length || i < runs.length && runs[i] <= other.runs[j];
            int first = mine ? runs[i] : other.runs[j];
            int last = mine ? runs[i + 1] : other.runs[j + 1];
            i += mine ? 2 : 0;
            j += mine ? 0 : 2;
            if (count > 0 && first <= out[count - 1] + 1) {
                out[count - 1] = Math.max(out[count - 1], last);
            } else {
                out[count++] = first;
                out[count++] = last;
            }
        }
        return new CodePoints(Arrays.copyOf(out, count));
    }

    CodePoints and(CodePoints other) {
        if (other == ALL && this == ALL) {
            return ALL;
        }
        int[] out = new int[runs.length + other.runs.length];
        int count = 0;
        for (int i = 0, j = 0; i < runs.length && j < other.runs.length; ) {
            int first = Math.max(runs[i], other.runs[j]);
            int last = Math.min(runs[i + 1], other.runs[j + 1]);
            if (first <= last) {
                out[count++] = first;
                out[count++] = last;
            }
            if (runs[i + 1] < other.runs[j + 1]) {
                i += 2;
            } else {
                j += 2;
            }
        }
        return new CodePoints(Arrays.copyOf(out, count));
    }

    CodePoints complement() {
        int[] out = new int[runs.length + 2];
        int count = 0;
        int next = 0;
        for (int i = 0; i < runs.length; i += 2) {
            if (next < runs[i]) {
                out[count++] = next;
                out[count++] = runs[i] - 1;
            }
            next = runs[i + 1] + 1;
        }
        if (next <= Character.MAX_CODE_POINT) {
            out[count++] = next;
            out[count++] = Character.MAX_CODE_POINT;
        }
        return new CodePoints(Arrays.copyOf(out, count)).and(ALL);
    }

    CodePoints without(CodePoints other) {
        return and(other.complement());
    }

    boolean isEmpty() {
        return runs.length == 0;
    }

    boolean contains(int codePoint) {
        int at = Arrays.binarySearch(runs, codePoint);
        return at >= 0 || (-at - 1) % 2 == 1;
    }

    /** The only member, or -1. */
    int single() {
        return runs.length == 2 && runs[0] == runs[1] ? runs[0] : -1;
    }

    int runs() {
        return runs.length / 2;
    }

    int first(int run) {
        return runs[2 * run];
    }

    int last(int run) {
        return runs[2 * run + 1];
    }
}
