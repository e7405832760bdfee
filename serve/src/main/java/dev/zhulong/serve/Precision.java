package dev.zhulong.serve;

import java.util.Locale;

/** How exactly a model is wanted to be computed: the routes a server keeps loaded. */
public enum Precision {
    /** Fast: the most compressed weights that are loaded. */
    LOW,
    /** Exact: the least compressed. */
    HIGH;

    /** Null for {@code auto}. */
    static Precision asked(Fields request) {
        return switch (request.text("precision", "auto")) {
            case "auto" -> null;
            case "low" -> LOW;
            case "high" -> HIGH;
            default -> throw request.wrong("precision", "must be \"auto\", \"low\" or \"high\"");
        };
    }

    /** The word in requests and answers. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
