package dev.zhulong.formats;

/** Text of a model or of a file as it may be shown on a terminal or a page: it can hold anything. */
public final class Visible {
    private Visible() {}

    /** Line ends and tabs stay; other control characters, which could move the cursor, become U+FFFD, as do halves of surrogate pairs. */
    public static String text(String text) {
        var shown = new StringBuilder(text.length());
        text.codePoints().forEach(c -> shown.appendCodePoint(Character.isISOControl(c) && c != '\n' && c != '\t'
                || c >= 0xd800 && c <= 0xdfff ? 0xfffd : c));
        return shown.toString();
    }

    /** Text as it stands in an HTML page, in an element or in an attribute in double quotes. Control characters are not looked at. */
    public static String html(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
