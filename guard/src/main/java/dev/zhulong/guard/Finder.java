package dev.zhulong.guard;

import java.util.List;

/** Looks through a folded text, a character at a time. */
interface Finder {
    /**
     * What a rule has found.
     *
     * @param rule  its id
     * @param begin in the folded text
     * @param end   behind it
     */
    record Found(String rule, int begin, int end) {}

    /** Looks at the next character; adds what is certain now. */
    void next(List<Found> found);

    /** There is no next; adds what is certain now. */
    void finish(List<Found> found);

    /** Where the first thing begins that may still be found; behind all that was looked at where there is none. */
    int open();
}
