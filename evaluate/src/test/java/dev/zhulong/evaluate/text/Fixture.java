package dev.zhulong.evaluate.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** What other programs say of texts of our own; metrics/README says which. */
final class Fixture {
    static final JsonNode METRICS = read("metrics.json");
    /** Short answers. */
    static final JsonNode ANSWERS = read("answers.json");
    /** Tags, labels and numbers. */
    static final JsonNode LABELS = read("labels.json");

    private Fixture() {}

    private static JsonNode read(String name) {
        try (InputStream in = Fixture.class.getResourceAsStream("/metrics/" + name)) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static List<String> strings(JsonNode list) {
        List<String> strings = new ArrayList<>();
        list.forEach(text -> strings.add(text.asText()));
        return strings;
    }

    static List<Segment> segments(JsonNode corpus) {
        List<List<String>> references = new ArrayList<>();
        corpus.get("references").forEach(stream -> references.add(strings(stream)));
        return Segment.align(strings(corpus.get("hypotheses")), references);
    }
}
