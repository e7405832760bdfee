package dev.zhulong.formats.yaml;

/** A recipe that can't be used. The message is one line: place, field, what was expected, what was found. */
public final class RecipeException extends IllegalArgumentException {

    RecipeException(String message) {
        super(message);
    }

    RecipeException(String message, Throwable cause) {
        super(message, cause);
    }

    RecipeException(Yaml at, String field, String problem) {
        this(at, field, problem, null);
    }

    RecipeException(Yaml at, String field, String problem, Throwable cause) {
        super(at.place() + ": " + (field.isEmpty() ? "" : field + ": ") + problem, cause);
    }
}
