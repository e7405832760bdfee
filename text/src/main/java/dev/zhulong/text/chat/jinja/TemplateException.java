package dev.zhulong.text.chat.jinja;

/** A template that cannot be parsed or rendered; the message is one line and names the template's line. */
public final class TemplateException extends IllegalArgumentException {
    private static final int LONGEST = 500;

    private final boolean located;

    TemplateException(String message) {
        super(oneLine(message));
        located = false;
    }

    private TemplateException(int line, TemplateException cause) {
        super("template, line " + line + ": " + cause.getMessage(), cause);
        located = true;
    }

    /** This error, said to have happened at {@code line}, unless it knows its line. */
    TemplateException at(int line) {
        return located ? this : new TemplateException(line, this);
    }

    private static String oneLine(String text) {
        String line = text.lines().map(String::strip).filter(s -> !s.isEmpty()).reduce((a, b) -> a + " " + b).orElse("");
        return line.length() <= LONGEST ? line : line.substring(0, line.offsetByCodePoints(0, line.codePointCount(0, LONGEST))) + " …";
    }
}
