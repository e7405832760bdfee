package dev.zhulong.text.chat.jinja;

/**
 * Bounds of one rendering: the work done, the size of one string or list, and how deep evaluation nests. Work counts evaluated nodes, list
 * elements and, eight to a unit, characters written, so that it bounds time and memory alike.
 */
final class Limits {
    static final int LONGEST_TEXT = 1 << 24;
    static final int LONGEST_LIST = 1_000_000;
    static final int DEEPEST = 300;
    private static final long WORK = 20_000_000;

    private long left;
    private int depth;

    /** @param input characters of what is rendered, which has a right to some work */
    Limits(long input) {
        left = WORK + 4 * input;
    }

    void work(long units) {
        left -= units;
        if (left < 0) {
            throw new TemplateException("the template does more work than any conversation needs (an endless loop?)");
        }
    }

    /** Charged before {@code n} characters are added to a text that then has {@code total}. */
    void text(long n, long total) {
        if (total > LONGEST_TEXT) {
            throw new TemplateException("a text of more than " + LONGEST_TEXT + " characters");
        }
        work((n >> 3) + 1);
    }

    /** Charged before a list of {@code n} elements is made. */
    void list(long n) {
        if (n > LONGEST_LIST) {
            throw new TemplateException("a list of " + n + " elements; at most " + LONGEST_LIST + " are allowed");
        }
        work(n + 1);
    }

    /** Charged before {@code needle} characters are looked for among {@code hay}; both may be chosen to be found late. */
    void search(long hay, long needle) {
        work((hay * Math.max(1, needle) >> 6) + 1);
    }

    void enter() {
        if (++depth > DEEPEST) {
            throw new TemplateException("nested more than " + DEEPEST + " deep (endless recursion?)");
        }
    }

    void leave() {
        depth--;
    }
}
