package dev.zhulong.formats.yaml;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A YAML document as written: text that has no type yet, and where each piece stands. */
sealed interface Yaml {

    /** {@code file:line:column}, or the override it comes from. */
    String place();

    /** What stands here, for a message that says what was expected instead. */
    String found();

    /** One value. @param plain not quoted, so that {@code null} and nothing at all mean what YAML says */
    record Scalar(String place, String text, boolean plain) implements Yaml {

        boolean isNull() {
            return plain && (text.equals("null") || text.equals("~"));
        }

        boolean isNothing() {
            return plain && text.isEmpty();
        }

        @Override
        public String found() {
            String shown = text.length() > 60 ? text.substring(0, 60) + "..." : text;
            return isNull() ? "null" : isNothing() ? "nothing"
                    : '"' + shown.replace("\n", "\\n").replaceAll("\\p{Cntrl}", "?") + '"';
        }
    }

    /** A value of {@code field=value} on the command line; text, or YAML in flow style where a list or a section is expected. */
    record Setting(String place, String text) implements Yaml {

        /** Read as one plain value. */
        Scalar scalar() {
            return new Scalar(place, text, true);
        }

        /** Read as YAML. */
        Yaml parsed() {
            return YamlTree.parse(text, place, false);
        }

        @Override
        public String found() {
            return scalar().found();
        }
    }

    /** A list. */
    record Sequence(String place, List<Yaml> items) implements Yaml {
        @Override
        public String found() {
            return "a list";
        }
    }

    /** A section. Mutable, since overrides are laid over it. */
    record Mapping(String place, Map<String, Field> fields) implements Yaml {

        /** @param place of the field's name */
        record Field(String place, Yaml value) {}

        static Mapping empty(String place) {
            return new Mapping(place, new LinkedHashMap<>());
        }

        @Override
        public String found() {
            return "a section with fields " + new ArrayList<>(fields.keySet());
        }
    }
}
