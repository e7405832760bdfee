package dev.zhulong.recipe.quickstart;

/** Text of a model as it may be shown: it can hold anything. */
final class Visible {
    private Visible() {}

    /** Line ends and tabs stay; other control characters, which could move the cursor, become U+FFFD. */
    static String text(String text) {
        var shown = new StringBuilder(text.length());
        text.codePoints().forEach(c -> shown.appendCodePoint(Character.isISOControl(c) && c != '\n' && c != '\t'
                || c >= 0xd800 && c <= 0xdfff ? 0xfffd : c));
        return shown.toString();
    }
}
