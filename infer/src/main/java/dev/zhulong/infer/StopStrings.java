package dev.zhulong.infer;

import java.util.List;

/**
 * Finds stop strings in text that arrives in pieces, and holds back what could still become one, so that no part of a stop string is ever
 * let through. The result does not depend on how the text is cut: the stop that ends first wins, of those the longest.
 */
final class StopStrings {
    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    /** The stop that was found; null before. */
    private String which;

    StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /** Takes more text and gives what can be let through; after a stop was found, nothing. */
    String push(String piece) {
        if (which != null) {
            return "";
        }
        int from = held.length();
        held.append(piece);
        for (int end = from + 1; end <= held.length(); end++) {
            int start = stopEndingAt(end);
            if (start >= 0) {
                which = held.substring(start, end);
                return take(start);
            }
        }
        return take(held.length() - partial());
    }

    /** What was held back, at the end of the text; nothing after a stop was found. */
    String flush() {
        return which != null ? "" : take(held.length());
    }

    boolean found() {
        return which != null;
    }

    /** The stop that was found; null for none. */
    String which() {
        return which;
    }

    private String take(int length) {
        String text = held.substring(0, length);
        held.delete(0, length);
        return text;
    }

    private int stopEndingAt(int end) {
        int start = -1;
        for (String stop : stops) {
            int at = end - stop.length();
            if (at >= 0 && (start < 0 || at < start) && matches(stop, at, stop.length())) {
                start = at;
            }
        }
        return start;
    }

    /** Length of the longest ending of the held text that begins a stop string. */
    private int partial() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, held.length()); length > longest; length--) {
                if (matches(stop, held.length() - length, length)) {
                    longest = length;
                }
            }
        }
        return longest;
    }

    private boolean matches(String stop, int at, int length) {
        for (int i = 0; i < length; i++) {
            if (held.charAt(at + i) != stop.charAt(i)) {
                return false;
            }
        }
        return true;
    }
}
