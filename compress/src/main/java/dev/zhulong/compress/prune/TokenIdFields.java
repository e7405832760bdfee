package dev.zhulong.compress.prune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntFunction;

/** Fields of {@code config.json} and {@code generation_config.json} that hold token ids. */
final class TokenIdFields {
    /** Lists of what may not be written. */
    private static final List<String> SUPPRESSED = List.of("suppress_tokens", "begin_suppress_tokens");
    private static final String SEQUENCES = "bad_words_ids";
    private static final List<String> UNKNOWN = List.of("forced_decoder_ids", "sequence_bias");

    private TokenIdFields() {}

    private static List<String> named(ObjectNode config) {
        return config.properties().stream().map(Map.Entry::getKey).filter(key -> key.endsWith("_token_id") || key.endsWith("_token_ids")).toList();
    }

    /** Ids that stand for something: where sequences begin and end, padding. */
    static Set<Integer> ids(ObjectNode config) {
        var ids = new TreeSet<Integer>();
        for (String field : named(config)) {
            JsonNode value = config.path(field);
            (value.isArray() ? value : List.of(value)).forEach(id -> {
                if (id.canConvertToInt() && !id.isNull() && id.intValue() >= 0) {
                    ids.add(id.intValue());
                }
            });
        }
        return ids;
    }

    /**
     * Puts new ids in the place of old ones. What was not to be written and is gone needs no mention.
     *
     * @throws IllegalArgumentException for a field whose ids are not understood
     */
    static void renumber(ObjectNode config, IntFunction<OptionalInt> newId) {
        for (String field : UNKNOWN) {
            if (config.hasNonNull(field) && !config.path(field).isEmpty()) {
                throw new IllegalArgumentException("the model's configuration has " + field + ", whose ids cannot be renumbered: take it out first");
            }
        }
        for (String field : named(config)) {
            JsonNode value = config.path(field);
            if (value.isArray()) {
                config.set(field, renumbered((ArrayNode) value, newId));
            } else if (value.isIntegralNumber() && value.intValue() >= 0) {
                // an id that no token has, such as a row that pads the embedding
                newId.apply(value.intValue()).ifPresentOrElse(id -> config.put(field, id), () -> config.putNull(field));
            }
        }
        for (String field : SUPPRESSED) {
            if (config.path(field) instanceof ArrayNode ids) {
                config.set(field, renumbered(ids, newId));
            }
        }
        if (config.path(SEQUENCES) instanceof ArrayNode sequences) {
            ArrayNode staying = JsonNodeFactory.instance.arrayNode();
            sequences.forEach(sequence -> {
                ArrayNode ids = renumbered((ArrayNode) sequence, newId);
                if (ids.size() == sequence.size()) {
                    staying.add(ids);
                }
            });
            config.set(SEQUENCES, staying);
        }
    }

    private static ArrayNode renumbered(ArrayNode ids, IntFunction<OptionalInt> newId) {
        ArrayNode renumbered = JsonNodeFactory.instance.arrayNode();
        ids.forEach(id -> {
            if (id.intValue() < 0) {
                renumbered.add(id.intValue());
            } else {
                newId.apply(id.intValue()).ifPresent(renumbered::add);
            }
        });
        return renumbered;
    }
}
