package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;

/** What is known of the terminal, if there is one. */
final class Terminal {
    private Terminal() {}

    /** Whether somebody sits before it and it can rewrite a line. */
    static boolean interactive() {
        return ProgressLine.isTerminal();
    }

    /** Text a model wrote, safe for a terminal: control characters, which could move the cursor or worse, become U+FFFD. */
    static String printable(String text) {
        var safe = new StringBuilder(text.length());
        text.codePoints().forEach(c -> safe.appendCodePoint(Character.isISOControl(c) && c != '\n' && c != '\t' && c != '\r' ? 0xfffd : c));
        return safe.toString();
    }
}
