package dev.zhulong.formats;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/**
 * {@code zhulong.json}: what made the artefact in whose directory it lies, and from what.
 *
 * <p>Fields of the file, with those of the record: {@code format} (1), {@code stage}, {@code zhulong} (version), {@code inputs} (list of
 * {@code name}, {@code sha256}), {@code recipe} (object), {@code seed}, {@code created}, {@code java}, {@code os}, {@code parents} (list
 * of the same objects, the provenance of inputs that had one). {@code created} and {@code parents} may be absent. Unknown fields are
 * passed over, so that an older Zhulong reads what a newer one wrote.
 *
 * @param stage   the verb that made it, such as {@code pretrain}
 * @param version Zhulong's version
 * @param inputs  what it was made from
 * @param recipe  every setting, as a JSON tree of maps, lists, strings, numbers and booleans, in order
 * @param seed    of all random streams
 * @param created when, to the second; absent where artefacts are compared byte for byte
 * @param java    vendor and version of the JDK
 * @param os      name, version and architecture of the operating system
 * @param parents provenance of the inputs that had one
 */
public record Provenance(
        String stage,
        String version,
        List<Input> inputs,
        Map<String, Object> recipe,
        long seed,
        Optional<Instant> created,
        String java,
        String os,
        List<Provenance> parents) {

    /** The file's name in an artefact's directory. */
    public static final String FILE = "zhulong.json";

    private static final int FORMAT = 1;

    /**
     * One input.
     *
     * @param name how the recipe named it: a path or a description
     * @param hash of its content
     */
    public record Input(String name, ContentHash hash) {

        /** A file or directory by its content now. */
        public static Input of(Path path) {
            return new Input(path.toString(), ContentHash.of(path));
        }
    }

    public Provenance {
        inputs = List.copyOf(inputs);
        // One pass through JSON makes an equal of what a reader would get, whatever maps and numbers the caller used.
        recipe = plain(JsonFields.MAPPER.valueToTree(recipe));
        parents = List.copyOf(parents);
    }

    /** An artefact made here and now by this version, without a time or parents. */
    public static Provenance of(String stage, List<Input> inputs, Map<String, Object> recipe, long seed) {
        String java = System.getProperty("java.vendor") + " " + System.getProperty("java.version");
        String os = System.getProperty("os.name") + " " + System.getProperty("os.version") + " " + System.getProperty("os.arch");
        return new Provenance(stage, zhulongVersion(), inputs, recipe, seed, Optional.empty(), java, os, List.of());
    }

    /** This, with the time it was made. */
    public Provenance withCreated(Instant when) {
        var second = Instant.ofEpochSecond(when.getEpochSecond());
        return new Provenance(stage, version, inputs, recipe, seed, Optional.of(second), java, os, parents);
    }

    /** This, with the provenance of its inputs. */
    public Provenance withParents(List<Provenance> origins) {
        return new Provenance(stage, version, inputs, recipe, seed, created, java, os, origins);
    }

    /**
     * Reads the file, or the one in a directory.
     *
     * @throws FormatException when it is missing or a field is wrong
     */
    public static Provenance read(Path fileOrDirectory) {
        return read(JsonFields.read(inside(fileOrDirectory)));
    }

    /** Writes {@code zhulong.json} into a directory, whole or not at all. */
    public void write(Path directory) {
        AtomicFile.writeString(directory.resolve(FILE), toJson());
    }

    /** The text of the file. */
    public String toJson() {
        return JsonFields.text(tree());
    }

    /** Zhulong's version, as built. */
    public static String zhulongVersion() {
        try (InputStream in = Provenance.class.getResourceAsStream("version.properties")) {
            var properties = new Properties();
            properties.load(in);
            return properties.getProperty("version");
        } catch (IOException e) {
            throw new UncheckedIOException("version.properties is in the same jar", e);
        }
    }

    private static Path inside(Path fileOrDirectory) {
        return Files.isDirectory(fileOrDirectory) ? fileOrDirectory.resolve(FILE) : fileOrDirectory;
    }

    private ObjectNode tree() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("format", FORMAT).put("stage", stage).put("zhulong", version);
        ArrayNode list = json.putArray("inputs");
        inputs.forEach(input -> list.addObject().put("name", input.name()).put("sha256", input.hash().sha256()));
        json.set("recipe", JsonFields.MAPPER.valueToTree(recipe));
        json.put("seed", seed);
        created.ifPresent(when -> json.put("created", when.toString()));
        json.put("java", java).put("os", os);
        if (!parents.isEmpty()) {
            ArrayNode origins = json.putArray("parents");
            parents.forEach(parent -> origins.add(parent.tree()));
        }
        return json;
    }

    private static Provenance read(JsonFields json) {
        if (json.integer("format", 1, Integer.MAX_VALUE) > FORMAT) {
            throw json.wrong("format", FORMAT + "; a newer Zhulong wrote this", json.node("format"));
        }
        var inputs = new ArrayList<Input>();
        for (JsonFields input : objects(json, "inputs")) {
            inputs.add(new Input(required(input, "name"), hash(input)));
        }
        var parents = new ArrayList<Provenance>();
        for (JsonFields parent : objects(json, "parents")) {
            parents.add(read(parent));
        }
        JsonNode seed = json.node("seed");
        if (!seed.canConvertToLong() || !seed.isIntegralNumber()) {
            throw json.wrong("seed", "a whole number of 64 bits", seed);
        }
        Map<String, Object> recipe = json.object("recipe").map(fields -> plain(fields.object()))
                .orElseThrow(() -> json.wrong("recipe", "an object", json.node("recipe")));
        return new Provenance(required(json, "stage"), required(json, "zhulong"), inputs, recipe, seed.longValue(), created(json),
                required(json, "java"), required(json, "os"), parents);
    }

    private static Optional<Instant> created(JsonFields json) {
        try {
            return json.text("created").map(Instant::parse);
        } catch (DateTimeException e) {
            throw json.wrong("created", "a time such as 2026-11-01T00:00:00Z", json.node("created"));
        }
    }

    private static ContentHash hash(JsonFields input) {
        try {
            return new ContentHash(required(input, "sha256"));
        } catch (IllegalArgumentException e) {
            throw input.wrong("sha256", "64 hexadecimal digits in lower case", input.node("sha256"));
        }
    }

    private static String required(JsonFields json, String field) {
        return json.text(field).orElseThrow(() -> json.wrong(field, "a string", json.node(field)));
    }

    private static List<JsonFields> objects(JsonFields json, String field) {
        var objects = new ArrayList<JsonFields>();
        if (json.isSet(field) && !json.node(field).isArray()) {
            throw json.wrong(field, "a list", json.node(field));
        }
        for (JsonNode node : json.node(field)) {
            if (!(node instanceof ObjectNode object)) {
                throw json.wrong(field, "a list of objects", node);
            }
            objects.add(new JsonFields(json.file(), json.prefix() + field + "[" + objects.size() + "].", object));
        }
        return objects;
    }

    private static Map<String, Object> plain(JsonNode tree) {
        try {
            String text = JsonFields.MAPPER.writeValueAsString(tree);
            return Collections.unmodifiableMap(JsonFields.MAPPER.readValue(text, new TypeReference<LinkedHashMap<String, Object>>() {}));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("recipe is not a JSON object: " + e.getOriginalMessage(), e);
        }
    }
}
