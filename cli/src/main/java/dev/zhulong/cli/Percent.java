package dev.zhulong.cli;

/** A share as people write it. */
final class Percent {
    private Percent() {}

    /**
     * Reads {@code 90%} or {@code 90}.
     *
     * @return the share of 1
     * @throws NumberFormatException where it is no number
     */
    static double of(String text) {
        return Double.parseDouble(text.endsWith("%") ? text.substring(0, text.length() - 1) : text) / 100;
    }
}
