package dev.zhulong.recipe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * One finished stage of a job: a directory made under another name and renamed when it is whole. Its {@code stage.json} says what it was
 * made from, content hashes included; whatever was killed half-way is made again.
 *
 * @param directory where it lies
 * @param key       names the result: 16 hexadecimal digits of the hash of all it was made from
 */
record Stage(Path directory, String key) {
    private static final String FILE = "stage.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * The stage in {@code directory}, made if it is not there or was made by other settings. Its inputs are hashed when it is made; later
     * it stands for them, so that a run goes on with what it began with.
     *
     * @param settings what decides the result besides the inputs' content, the code's version among it
     * @param inputs   names and hashes of the inputs
     * @param content  fills the directory it is given
     */
    static Stage in(Path directory, Map<String, ?> settings, Supplier<Map<String, String>> inputs, Consumer<Path> content) {
        Path file = directory.resolve(FILE);
        try {
            // by way of text, as what is in the file: a long and an int of one value are different nodes otherwise
            JsonNode wanted = JSON.readTree(JSON.writeValueAsBytes(settings));
            if (Files.isRegularFile(file)) {
                JsonNode found = JSON.readTree(file.toFile());
                if (wanted.equals(found.path("settings"))) {
                    return new Stage(directory, found.path("key").asText());
                }
            }
            Map<String, Object> madeFrom = new LinkedHashMap<>();
            madeFrom.put("settings", wanted);
            madeFrom.put("inputs", inputs.get());
            String key = ContentHash.ofBytes(JSON.writeValueAsBytes(madeFrom)).sha256().substring(0, 16);
            Path half = directory.resolveSibling(directory.getFileName() + ".unfinished");
            FileTree.delete(half);
            Files.createDirectories(half);
            content.accept(half);
            madeFrom.put("key", key);
            JsonFile.write(half.resolve(FILE), madeFrom);
            FileTree.delete(directory);
            Files.move(half, directory, StandardCopyOption.ATOMIC_MOVE);
            return new Stage(directory, key);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + " is not readable (" + e.getOriginalMessage() + "): delete " + directory, e);
        } catch (IOException e) {
            throw new UncheckedIOException(directory + " can't be made: " + e.getMessage(), e);
        }
    }

    /** Names and hashes of the inputs it was made from. */
    Map<String, String> inputs() {
        try {
            Map<String, String> inputs = new LinkedHashMap<>();
            JSON.readTree(Files.readString(directory.resolve(FILE), StandardCharsets.UTF_8)).path("inputs").properties()
                    .forEach(e -> inputs.put(e.getKey(), e.getValue().asText()));
            return inputs;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
