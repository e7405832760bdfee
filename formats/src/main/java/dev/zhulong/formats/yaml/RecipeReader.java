package dev.zhulong.formats.yaml;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a recipe: a YAML file, with fields overridden on the command line, as a Java record.
 *
 * <pre>{@code
 * record Recipe(@Doc("seed of every random stream") long seed, Train train) {
 *     static Recipe defaults() { return new Recipe(1, Train.defaults()); }
 * }
 * Recipe recipe = RecipeReader.read(Path.of("recipe.yaml"), Recipe.class, List.of("train.steps=100"));
 * Files.writeString(run.resolve("recipe.yaml"), RecipeReader.toYaml(recipe));   // what really ran, defaults and all
 * }</pre>
 *
 * <p>Components may be records, {@code List}, {@code Map} with text or enum keys, {@code Optional}, enums, {@code String},
 * {@code Path}, booleans and {@code int}, {@code long}, {@code float}, {@code double}, boxed or not. The package comment says how
 * names and defaults work.
 */
public final class RecipeReader {

    private RecipeReader() {}

    /**
     * The recipe in a file.
     *
     * @param overrides {@code field.path=value}; each wins over the file and over those before it. A value is one value of the
     *                  field's type, or YAML in flow style for lists and sections: {@code data.sources=[a, b]}
     * @throws RecipeException with file, line, column and field if anything in it is not understood
     */
    public static <T extends Record> T read(Path yaml, Class<T> type, List<String> overrides) {
        return read(text(yaml), yaml.toString(), type, overrides);
    }

    /**
     * The names of a recipe's own fields, by which it may be known what record it becomes, with the texts of those that are plain values; sections,
     * lists and nothing are empty texts.
     */
    public static Map<String, String> fields(Path yaml) {
        Map<String, String> fields = new LinkedHashMap<>();
        if (tree(text(yaml), yaml.toString()) instanceof Yaml.Mapping mapping) {
            mapping.fields().forEach((name, field) -> fields.put(name, field.value() instanceof Yaml.Scalar s && !s.isNull() ? s.text() : ""));
        }
        return fields;
    }

    private static String text(Path yaml) {
        try {
            return Files.readString(yaml, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            throw new RecipeException(yaml + ": no such recipe", e);
        } catch (CharacterCodingException e) {
            throw new RecipeException(yaml + ": not UTF-8 text; save the recipe as UTF-8", e);
        } catch (IOException e) {
            throw new RecipeException(yaml + ": can't be read: " + e.getMessage(), e);
        }
    }

    /** The recipe in a text; {@code source} names it in messages. */
    public static <T extends Record> T read(String text, String source, Class<T> type, List<String> overrides) {
        Yaml tree = tree(text, source);
        for (String override : overrides) {
            override(tree, override);
        }
        return type.cast(new RecordMapper(type).record(type, tree, "", null));
    }

    private static Yaml tree(String text, String source) {
        Yaml tree = YamlTree.parse(text.startsWith("\ufeff") ? text.substring(1) : text, source, true);
        return tree instanceof Yaml.Scalar s && s.isNull() ? Yaml.Mapping.empty(source) : tree;
    }

    /** The recipe that has defaults and overrides only. */
    public static <T extends Record> T defaults(Class<T> type, List<String> overrides) {
        return read("", "defaults", type, overrides);
    }

    /** A recipe as YAML that {@link #read} makes an equal record from; every field is written, in the record's order. */
    public static <T extends Record> String toYaml(T recipe) {
        return RecipeWriter.write(recipe);
    }

    /** All fields with type, default and meaning, as a Markdown table that is also readable as it is; for {@code --help} and docs. */
    public static <T extends Record> String describe(Class<T> type) {
        return FieldTable.of(type);
    }

    private static void override(Yaml tree, String override) {
        String place = "--set " + override;
        int equals = override.indexOf('=');
        if (equals < 1) {
            throw new RecipeException(place + ": expected field=value, for example train.steps=100");
        }
        String[] names = override.substring(0, equals).strip().split("\\.", -1);
        Yaml at = tree;
        for (int i = 0; i < names.length; i++) {
            if (!(at instanceof Yaml.Mapping section)) {
                throw new RecipeException(place + ": " + String.join(".", List.of(names).subList(0, i))
                        + " is no section at " + at.place() + ", found " + at.found() + "; override it as a whole");
            }
            if (i == names.length - 1) {
                section.fields().put(names[i], new Yaml.Mapping.Field(place, new Yaml.Setting(place, override.substring(equals + 1))));
                return;
            }
            Yaml.Mapping.Field below = section.fields().get(names[i]);
            at = switch (below == null ? null : below.value()) {
                case null -> Yaml.Mapping.empty(place);
                case Yaml.Scalar s when s.isNothing() || s.isNull() -> Yaml.Mapping.empty(place);
                case Yaml.Setting earlier -> earlier.parsed();
                case Yaml value -> value;
            };
            section.fields().put(names[i], new Yaml.Mapping.Field(below == null ? place : below.place(), at));
        }
    }
}
