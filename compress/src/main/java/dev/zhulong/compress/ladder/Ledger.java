package dev.zhulong.compress.ladder;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ContentHash;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** {@code compress.json}: what was tried on a model with some texts and what came of it, written after every attempt, so that nothing is tried twice. */
final class Ledger {
    static final String FILE = "compress.json";

    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final String ATTEMPTS = "attempts";
    private static final String CHOSEN = "chosen";
    static final String GOAL = "goal";
    static final String MODEL = "model";

    private final Path file;
    private final ObjectNode about;
    private final List<Attempt> attempts = new ArrayList<>();
    /** What the file is about where it is about something else; it makes room at the first attempt. */
    private JsonNode others;

    /**
     * Goes on with a file about the same, or begins.
     *
     * @param about the digests of model and texts, and whatever else the attempts depend on
     */
    Ledger(Path file, ObjectNode about) {
        this.file = file;
        this.about = about;
        if (!Files.isRegularFile(file)) {
            return;
        }
        try {
            JsonNode before = JSON.readTree(file.toFile());
            // read from text both, as a number may be of another class before
            if (subject(before).equals(subject(JSON.readTree(about.toString())))) {
                before.path(ATTEMPTS).forEach(attempt -> attempts.add(Attempt.of(attempt)));
            } else {
                others = subject(before);
            }
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new IllegalArgumentException(file + " is damaged (" + e.getMessage().lines().findFirst().orElse("") + "): remove it, and everything is tried again", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What attempts depend on: another goal changes none of them, nor where the model lies. */
    private static JsonNode subject(JsonNode about) {
        return about.isObject() ? ((ObjectNode) about.deepCopy()).without(List.of(ATTEMPTS, CHOSEN, GOAL, MODEL)) : about;
    }

    /** A digest of it. */
    ContentHash subject() {
        return digest(subject(about));
    }

    private static ContentHash digest(JsonNode subject) {
        return ContentHash.ofBytes(subject.toString().getBytes(StandardCharsets.UTF_8));
    }

    Optional<Attempt> of(Recipe recipe) {
        return attempts.stream().filter(attempt -> attempt.recipe().equals(recipe)).findFirst();
    }

    List<Attempt> attempts() {
        return List.copyOf(attempts);
    }

    void add(Attempt attempt) {
        attempts.add(attempt);
        write(null);
    }

    /** @param chosen null for none */
    void write(Attempt chosen) {
        ObjectNode json = about.deepCopy();
        var array = json.putArray(ATTEMPTS);
        attempts.forEach(attempt -> array.add(attempt.json()));
        if (chosen != null) {
            json.set(CHOSEN, chosen.recipe().json());
        }
        try {
            if (others != null) {
                Files.move(file, file.resolveSibling("compress-" + digest(others).sha256().substring(0, 8) + ".json"), StandardCopyOption.REPLACE_EXISTING);
                others = null;
            }
            AtomicFile.writeString(file, JSON.writeValueAsString(json) + "\n");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
