package dev.zhulong.infer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.OwnerOnly;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * All that is needed to go on with a conversation, with any model; {@code docs/session-files.md} has its file.
 *
 * @param system    what the model is told before all turns; empty for nothing
 * @param seed      of the next answer
 * @param forgotten turns, the oldest, that the context had no room for any more
 * @param turns     all of them, in their order
 */
public record ChatTranscript(String system, long seed, int forgotten, List<Turn> turns) {
    private static final String FORMAT = "zhulong-session";
    private static final int VERSION = 1;
    private static final JsonMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    /** What was said and what was answered. */
    public record Turn(String user, String assistant) {}

    public ChatTranscript {
        turns = List.copyOf(turns);
        if (forgotten < 0 || forgotten > turns.size()) {
            throw new IllegalArgumentException(forgotten + " of " + turns.size() + " turns cannot be forgotten");
        }
    }

    public ChatTranscript withSeed(long value) {
        return new ChatTranscript(system, value, forgotten, turns);
    }

    /** Writes the file, whole or not at all, for its owner alone. */
    public void write(Path file) {
        ObjectNode tree = JSON.createObjectNode().put("format", FORMAT).put("version", VERSION).put("system", system).put("seed", seed)
                .put("forgotten", forgotten);
        ArrayNode list = tree.putArray("turns");
        turns.forEach(turn -> list.addObject().put("user", turn.user).put("assistant", turn.assistant));
        try {
            AtomicFile.writeString(file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(tree) + "\n", OwnerOnly.file(file));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("a turn that cannot be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws FormatException if the file is no session, damaged, or of a newer version
     */
    public static ChatTranscript read(Path file) {
        JsonNode tree;
        try {
            tree = JSON.readTree(Files.readAllBytes(file));
        } catch (JsonProcessingException e) {
            throw damaged(file, "JSON breaks" + (e.getLocation() == null ? "" : " at line " + e.getLocation().getLineNr()), e);
        } catch (CharConversionException e) {
            throw damaged(file, "it is not UTF-8", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
        }
        if (!FORMAT.equals(tree.path("format").textValue())) {
            throw damaged(file, "it has no \"format\": \"" + FORMAT + "\"", null);
        }
        if (tree.path("version").asInt() > VERSION) {
            throw new FormatException(file, "a session of a newer Zhulong (version " + tree.path("version") + "): use that version, or give another --session");
        }
        JsonNode seed = tree.path("seed");
        JsonNode forgotten = tree.path("forgotten");
        JsonNode list = tree.path("turns");
        if (!tree.path("version").isInt() || !tree.path("system").isTextual() || !seed.canConvertToLong() || !seed.isIntegralNumber() || !forgotten.isInt() || !list.isArray()) {
            throw damaged(file, "\"version\", \"system\", \"seed\", \"forgotten\" or \"turns\" is missing or of another type", null);
        }
        var turns = new ArrayList<Turn>();
        for (JsonNode turn : list) {
            if (!turn.path("user").isTextual() || !turn.path("assistant").isTextual()) {
                throw damaged(file, "turn " + (turns.size() + 1) + " lacks \"user\" or \"assistant\"", null);
            }
            turns.add(new Turn(turn.path("user").textValue(), turn.path("assistant").textValue()));
        }
        if (forgotten.intValue() < 0 || forgotten.intValue() > turns.size()) {
            throw damaged(file, "\"forgotten\" is not between 0 and the number of turns", null);
        }
        return new ChatTranscript(tree.path("system").textValue(), seed.longValue(), forgotten.intValue(), turns);
    }

    private static FormatException damaged(Path file, String how, Exception cause) {
        return new FormatException(file, "not a whole session of zhulong chat: " + how + "; repair it, move it away, or give another --session", cause);
    }
}
