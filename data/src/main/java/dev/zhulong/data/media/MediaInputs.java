package dev.zhulong.data.media;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * What is to be looked at: all files of directories, and rows of JSON, a line each, that name files.
 *
 * @param inputs    directories, files by themselves, and files of rows (by their endings, {@code .jsonl} and {@code .ndjson})
 * @param root      that rows name their files from; null for the directory of the file with the rows
 * @param fileField of a row, which holds a path or a list of paths; null for the first of {@link #FILE_FIELDS} that the row has
 * @param textField of a row, which holds a text or a conversation; null for the first of {@link #TEXT_FIELDS}
 */
public record MediaInputs(List<Path> inputs, Path root, String fileField, String textField) {
    /** Where rows of well-known data sets name their pictures and recordings. */
    public static final List<String> FILE_FIELDS = List.of("image", "images", "picture", "audio", "audios", "audio_filepath", "file", "file_name", "path");
    /** And where they have their texts. */
    public static final List<String> TEXT_FIELDS = List.of("text", "caption", "transcript", "sentence", "answer", "conversations", "messages");

    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * All items, files in the order of their paths, rows in their own.
     *
     * @throws IllegalArgumentException when an input is missing, or a row is none
     */
    public List<MediaItem> items() throws IOException {
        List<MediaItem> items = new ArrayList<>();
        for (Path input : inputs) {
            if (Files.isDirectory(input)) {
                try (Stream<Path> files = Files.walk(input)) {
                    files.filter(Files::isRegularFile).sorted().forEach(file -> items.add(new MediaItem(file.toString(), List.of(file), null, null)));
                }
            } else if (!Files.exists(input)) {
                throw new IllegalArgumentException("--data " + input + " does not exist; name a directory, a file or rows in JSON lines");
            } else if (input.toString().toLowerCase(Locale.ROOT).matches(".*\\.(jsonl|ndjson)")) {
                rows(input, items);
            } else {
                items.add(new MediaItem(input.toString(), List.of(input), null, null));
            }
        }
        return items;
    }

    /** The path of a file from the input, or the rows' root, that it came from; inputs of which there are several keep their own names before it. */
    public Path below(Path file) {
        Path absolute = file.toAbsolutePath().normalize();
        for (Path input : inputs) {
            Path directory = input.toAbsolutePath().normalize();
            if (!Files.isDirectory(directory)) {
                directory = root != null && !absolute.equals(directory) ? root.toAbsolutePath().normalize() : directory.getParent();
            }
            if (absolute.startsWith(directory)) {
                Path relative = directory.relativize(absolute);
                return inputs.size() > 1 && Files.isDirectory(input) ? directory.getFileName().resolve(relative) : relative;
            }
        }
        throw new IllegalStateException(file + " came from no input");
    }

    private void rows(Path file, List<MediaItem> items) throws IOException {
        Path from = root != null ? root : file.toAbsolutePath().getParent();
        // what is no UTF-8 is replaced, as one bad name is no reason to stop
        try (var lines = new BufferedReader(new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8))) {
            int number = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                if (!line.isBlank()) {
                    items.add(item(file + ":" + number, line, from));
                }
            }
        }
    }

    private MediaItem item(String id, String line, Path from) {
        JsonNode row;
        try {
            row = JSON.readTree(line);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(id + " is no JSON: " + e.getOriginalMessage().lines().findFirst().orElse(""), e);
        }
        JsonNode named = field(row, fileField, FILE_FIELDS);
        if (named == null) {
            throw new IllegalArgumentException(id + " names no file: expected " + (fileField != null ? "the field " + fileField : "one of the fields " + String.join(", ", FILE_FIELDS))
                    + "; name the field with --file-field");
        }
        List<Path> files = new ArrayList<>();
        for (JsonNode name : named.isArray() ? named : List.of(named)) {
            files.add(path(id, name, from));
        }
        return new MediaItem(id, files, text(field(row, textField, TEXT_FIELDS)), line);
    }

    /** Rows may come from strangers: what they name lies below the directory that they were given for. */
    private static Path path(String id, JsonNode name, Path from) {
        // as in datasets of Hugging Face, which have an object with the path in it
        JsonNode text = name.isObject() ? name.path("path") : name;
        if (!text.isTextual() || text.textValue().isEmpty()) {
            throw new IllegalArgumentException(id + ": expected the path of a file, found " + name.getNodeType().toString().toLowerCase(Locale.ROOT));
        }
        try {
            Path path = from.resolve(text.textValue()).normalize();
            if (!path.toAbsolutePath().startsWith(from.toAbsolutePath().normalize())) {
                throw new IllegalArgumentException(id + " names " + text.textValue() + ", which is not below " + from + "; name the directory of the files with --root");
            }
            return path;
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException(id + ": this is no path: " + e.getMessage(), e);
        }
    }

    private static JsonNode field(JsonNode row, String wanted, List<String> known) {
        return (wanted != null ? Stream.of(wanted) : known.stream()).map(name -> row.at("/" + name.replace("~", "~0").replace('.', '/'))).filter(node -> !node.isMissingNode() && !node.isNull())
                .findFirst().orElse(null);
    }

    /** A text, or all that is said in a conversation, without the marks of where pictures stand. */
    private static String text(JsonNode node) {
        if (node == null) {
            return null;
        }
        if (!node.isArray()) {
            return node.asText();
        }
        List<String> turns = new ArrayList<>();
        for (JsonNode turn : node) {
            JsonNode said = turn.isObject() ? turn.path(turn.has("value") ? "value" : "content") : turn;
            for (JsonNode part : said.isArray() ? said : List.of(said)) {
                String text = part.isObject() ? part.path("text").asText() : part.asText();
                turns.add(text.replaceAll("<(image|audio|video)>", "").strip());
            }
        }
        return String.join("\n", turns);
    }
}
