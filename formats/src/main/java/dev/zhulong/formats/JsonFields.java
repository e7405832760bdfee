package dev.zhulong.formats;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A JSON object of a file, read field by field. Nothing is coerced, and no field may be named twice; each wrong one is named with what was
 * expected and what was found:
 *
 * <pre>{@code
 * JsonFields config = JsonFields.read(directory.resolve("config.json"));
 * int layers = config.integer("num_hidden_layers", 1, 10_000);
 * }</pre>
 *
 * <p>Every method that reads a field throws {@link FormatException} where the field holds something else. One that takes a value for an absent
 * field, or gives an {@link Optional}, takes null for absent too.
 *
 * @param file   for messages
 * @param prefix of field names in messages: empty, or such as {@code rope_scaling.}
 * @param object the fields
 */
public record JsonFields(Path file, String prefix, ObjectNode object) {

    private static final long LARGEST = 16L << 20;

    /** Refuses a field that is named twice, text after the value, more than 100 levels of nesting, and a number where a text is expected or the other way round. */
    public static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(100).build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .build();

    /**
     * The object a file holds.
     *
     * @throws FormatException when it is missing, too large for a configuration, or no JSON object
     */
    public static JsonFields read(Path file) {
        JsonNode tree = tree(file, "a JSON object");
        if (!(tree instanceof ObjectNode object)) {
            throw FormatException.at(file, "file", "a JSON object", tree.isMissingNode() ? "nothing" : tree.getNodeType());
        }
        return new JsonFields(file, "", object);
    }

    /**
     * The objects of an array that a file holds; messages number them from 0.
     *
     * @throws FormatException when it is missing, too large for a configuration, or no JSON array of objects
     */
    public static List<JsonFields> readArray(Path file) {
        JsonNode tree = tree(file, "a JSON array");
        if (!tree.isArray()) {
            throw FormatException.at(file, "file", "a JSON array", tree.isMissingNode() ? "nothing" : tree.getNodeType());
        }
        var objects = new ArrayList<JsonFields>();
        for (JsonNode each : tree) {
            String place = "[" + objects.size() + "]";
            if (!(each instanceof ObjectNode object)) {
                throw FormatException.at(file, place, "an object", show(each));
            }
            objects.add(new JsonFields(file, place + ".", object));
        }
        return objects;
    }

    /**
     * The object that a text of a file holds.
     *
     * @throws FormatException where it holds none
     */
    public static JsonFields of(String text, Path file) {
        try {
            if (MAPPER.readTree(text) instanceof ObjectNode object) {
                return new JsonFields(file, "", object);
            }
            throw FormatException.at(file, "configuration", "a JSON object", FormatException.quote(text));
        } catch (JsonProcessingException e) {
            throw new FormatException(file, "configuration: expected a JSON object, found " + FormatException.quote(withoutAdvice(String.valueOf(e.getOriginalMessage()))), e);
        }
    }

    private static JsonNode tree(Path file, String expected) {
        try {
            long size = Files.size(file);
            if (size > LARGEST) {
                throw FormatException.at(file, "file", "at most " + LARGEST + " bytes of JSON", size + " bytes");
            }
            return MAPPER.readTree(Files.readAllBytes(file));
        } catch (NoSuchFileException e) {
            throw new FormatException(file, "no such file", e);
        } catch (JsonProcessingException e) {
            var where = e.getLocation();
            throw new FormatException(file, "expected " + expected + ", found at line " + (where == null ? 1 : where.getLineNr()) + ": "
                    + FormatException.quote(withoutAdvice(String.valueOf(e.getOriginalMessage()))), e);
        } catch (java.io.CharConversionException e) {
            throw new FormatException(file, "expected JSON in UTF-8, found " + FormatException.quote(e.getMessage()), e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + AtomicFile.describe(e), e);
        }
    }

    /** What Jackson would have a programmer do about NaN is no help to who has the file. */
    private static String withoutAdvice(String message) {
        int at = message.indexOf(": enable `");
        return at < 0 ? message : message.substring(0, at);
    }

    /** JSON indented by two, with newlines that do not depend on the machine, and one at the end. */
    public static String text(JsonNode tree) {
        var indenter = new DefaultIndenter("  ", "\n");
        var printer = new DefaultPrettyPrinter().withObjectIndenter(indenter).withArrayIndenter(indenter)
                .withSeparators(com.fasterxml.jackson.core.util.Separators.createDefaultInstance()
                        .withObjectFieldValueSpacing(com.fasterxml.jackson.core.util.Separators.Spacing.AFTER));
        try {
            return MAPPER.writer(printer).writeValueAsString(tree) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not writable as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * What to throw where a field of this object is wrong.
     *
     * @param found a node, which is quoted, or words such as {@code "3 of them"}
     */
    public FormatException wrong(String field, String expected, Object found) {
        return FormatException.at(file, prefix + field, expected, found instanceof JsonNode node ? show(node) : found);
    }

    private static String show(JsonNode node) {
        return node.isTextual() ? FormatException.quote(node.textValue()) : node.isMissingNode() ? "no such field" : bare(node);
    }

    private static String bare(JsonNode node) {
        String quoted = FormatException.quote(node.toString());
        return quoted.substring(1, quoted.endsWith("...\"") ? quoted.length() - 4 : quoted.length() - 1);
    }

    /** Whether the field is there; it may be null. */
    public boolean has(String field) {
        return object.has(field);
    }

    /** Whether the field is there and not null. */
    public boolean isSet(String field) {
        return object.hasNonNull(field);
    }

    /** The field as it is; a missing node where it is absent. */
    public JsonNode node(String field) {
        return object.path(field);
    }

    /** The first of {@code names} that is there (null counts as there), else the first. */
    public String named(String... names) {
        for (String name : names) {
            if (object.has(name)) {
                return name;
            }
        }
        return names[0];
    }

    /** A whole number from {@code least} to {@code most}. */
    public int integer(String field, int least, int most) {
        return integer(field, node(field), least, most);
    }

    /** A whole number from {@code least} to {@code most}, or {@code absent}. */
    public int integer(String field, int least, int most, int absent) {
        return isSet(field) ? integer(field, least, most) : absent;
    }

    private int integer(String field, JsonNode node, int least, int most) {
        if (!node.isIntegralNumber() || !node.canConvertToInt() || node.intValue() < least || node.intValue() > most) {
            throw wrong(field, "a whole number from " + least + " to " + most, node);
        }
        return node.intValue();
    }

    /** A whole number that is not negative. */
    public long whole(String field) {
        JsonNode node = node(field);
        if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < 0) {
            throw wrong(field, "a whole number from 0", node);
        }
        return node.longValue();
    }

    /** A finite number above zero. */
    public double positive(String field) {
        JsonNode node = node(field);
        double value = node.doubleValue();
        if (!node.isNumber() || !Double.isFinite(value) || value <= 0) {
            throw wrong(field, "a number above 0", node);
        }
        return value;
    }

    /** A finite number. */
    public double number(String field) {
        JsonNode node = node(field);
        if (!node.isNumber() || !Double.isFinite(node.doubleValue())) {
            throw wrong(field, "a number", node);
        }
        return node.doubleValue();
    }

    /** A finite number above zero, or {@code absent}. */
    public double positive(String field, double absent) {
        return isSet(field) ? positive(field) : absent;
    }

    /** True or false, or {@code absent}. */
    public boolean flag(String field, boolean absent) {
        if (!isSet(field)) {
            return absent;
        }
        JsonNode node = node(field);
        if (!node.isBoolean()) {
            throw wrong(field, "true or false", node);
        }
        return node.booleanValue();
    }

    /** A string, if there is one. */
    public Optional<String> text(String field) {
        if (!isSet(field)) {
            return Optional.empty();
        }
        JsonNode node = node(field);
        if (!node.isTextual()) {
            throw wrong(field, "a string", node);
        }
        return Optional.of(node.textValue());
    }

    /** A string. */
    public String string(String field) {
        return text(field).orElseThrow(() -> wrong(field, "a string", node(field)));
    }

    /** A list of strings. */
    public List<String> strings(String field) {
        JsonNode node = node(field);
        var strings = new ArrayList<String>();
        for (JsonNode one : node) {
            strings.add(one.textValue());
        }
        if (!node.isArray() || strings.contains(null)) {
            throw wrong(field, "a list of strings", node);
        }
        return List.copyOf(strings);
    }

    /** An object, if there is one; its fields are named in messages with this one's name before them. */
    public Optional<JsonFields> object(String field) {
        if (!isSet(field)) {
            return Optional.empty();
        }
        if (!(node(field) instanceof ObjectNode child)) {
            throw wrong(field, "an object or null", node(field));
        }
        return Optional.of(new JsonFields(file, prefix + field + ".", child));
    }

    /** One token id or a list of them; null and -1 mean none. */
    public List<Integer> tokenIds(String field) {
        var ids = new ArrayList<Integer>();
        JsonNode node = node(field);
        for (JsonNode one : node.isArray() ? node : List.of(node)) {
            if (!one.isNull() && !one.isMissingNode()) {
                int id = integer(field, one, -1, Integer.MAX_VALUE);
                if (id >= 0) {
                    ids.add(id);
                }
            }
        }
        return ids;
    }
}
