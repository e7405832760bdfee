package dev.zhulong.formats;

import java.nio.file.Path;

/** A file that does not keep its format; the message is one line: the file, the place in it, expected and found. */
public final class FormatException extends RuntimeException {

    private static final int LONGEST_QUOTE = 120;

    private final transient Path file;

    /** Says {@code what} is wrong with {@code file}. */
    public FormatException(Path file, String what) {
        this(file, what, null);
    }

    /** Says {@code what} is wrong with {@code file}, and why. */
    public FormatException(Path file, String what, Throwable cause) {
        super(file + ": " + what, cause);
        this.file = file;
    }

    /** One line: the place in {@code file}, what was expected there and what was found. */
    public static FormatException at(Path file, String place, String expected, Object found) {
        return new FormatException(file, place + ": expected " + expected + ", found " + found);
    }

    /** The file at fault. */
    public Path file() {
        return file;
    }

    /** Text from a file made safe to print: in quotes, on one line, of bounded length. */
    public static String quote(String text) {
        var quoted = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            if (i == LONGEST_QUOTE) {
                return quoted.append("...\"").toString();
            }
            char c = text.charAt(i);
            if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029' || Character.getType(c) == Character.FORMAT) {
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
