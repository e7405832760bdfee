package dev.zhulong.guard;

import java.util.Locale;

/** What is done about what a rule has found. */
public enum Action {
    /** Nothing of the text is told from there on. */
    BLOCK,
    /** Each of its characters becomes a star. */
    MASK,
    /** It becomes another text. */
    REPLACE,
    /** It stays; a note is told at the text's end, once. */
    ANNOTATE,
    /** The text is to be written again; where that cannot be, it is blocked. */
    REWRITE;

    static Action of(String name) {
        for (Action each : values()) {
            if (each.label().equals(name)) {
                return each;
            }
        }
        throw new IllegalArgumentException("there is no action '" + name + "'; expected block, mask, replace, annotate or rewrite");
    }

    /** The word in rules and logs. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
