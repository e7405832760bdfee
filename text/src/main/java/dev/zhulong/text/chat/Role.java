package dev.zhulong.text.chat;

import java.util.Locale;

/** Who speaks. */
public enum Role {
    SYSTEM, USER, ASSISTANT, TOOL;

    /** The name templates and files know it by: {@code system}, {@code user}, {@code assistant}, {@code tool}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
