package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;

/** Which of the families an unknown one resembles: where a port of it would start. */
final class NearestRelative {
    private NearestRelative() {}

    /** Such as {@code qwen3 (by its name)}. */
    static Optional<String> of(String modelType, JsonFields config) {
        return byName(modelType).map(family -> family.modelType() + " (by its name)")
                .or(() -> byFields(config).map(family -> family.modelType() + " (by its fields)"));
    }

    /** The one with the most letters in common, the latest of several, of those whose name without its number the unknown one begins with. */
    private static Optional<Family> byName(String modelType) {
        Family nearest = null;
        for (Family family : Families.all()) {
            String stem = family.modelType().replaceFirst("[^a-z].*", "");
            boolean alike = modelType.startsWith(stem.length() < 3 ? family.modelType() : stem);
            if (alike && (nearest == null || common(family.modelType(), modelType) >= common(nearest.modelType(), modelType))) {
                nearest = family;
            }
        }
        return Optional.ofNullable(nearest);
    }

    private static int common(String one, String other) {
        int length = 0;
        while (length < Math.min(one.length(), other.length()) && one.charAt(length) == other.charAt(length)) {
            length++;
        }
        return (int) one.substring(0, length).chars().filter(Character::isLetterOrDigit).count();
    }

    /** The one that would write most of the fields that are there, of those that can read them. */
    private static Optional<Family> byFields(JsonFields config) {
        Family nearest = null;
        long most = 0;
        for (Family family : Families.all()) {
            long fields = fields(family, config);
            if (fields > most) {
                most = fields;
                nearest = family;
            }
        }
        return Optional.ofNullable(nearest);
    }

    private static long fields(Family family, JsonFields config) {
        ObjectNode written = JsonNodeFactory.instance.objectNode();
        try {
            family.write(family.read(config), written);
        } catch (FormatException | IllegalArgumentException e) {
            return 0;
        }
        return written.properties().stream().filter(field -> config.isSet(field.getKey())).count();
    }
}
