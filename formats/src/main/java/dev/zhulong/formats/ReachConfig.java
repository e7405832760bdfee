package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;

/**
 * What a {@code config.json} says of attention for which its family has no field: {@value #FIELD} with {@code kind} ({@code window}, {@code block} or
 * {@code global}), {@code window} and, where it is global, {@code global}. Other programs do not know it: they have such a model see all tokens, or all earlier ones.
 */
final class ReachConfig {
    static final String FIELD = "zhulong_attention";

    private ReachConfig() {}

    /** Of a {@code config.json}; empty where the family's fields say all. */
    static Optional<Reach> read(JsonFields config) {
        if (!config.isSet(FIELD)) {
            return Optional.empty();
        }
        JsonFields fields = config.object(FIELD).orElseThrow();
        int window = fields.integer("window", 1, Integer.MAX_VALUE);
        return Optional.of(switch (fields.string("kind")) {
            case "window" -> new Reach.Window(window);
            case "block" -> new Reach.Block(window);
            case "global" -> new Reach.Global(window, fields.integer("global", 1, Integer.MAX_VALUE));
            default -> throw fields.wrong("kind", "window, block or global", fields.node("kind"));
        });
    }

    static void write(Reach reach, ObjectNode config) {
        ObjectNode fields = config.putObject(FIELD);
        switch (reach) {
            case Reach.Whole whole -> throw new IllegalArgumentException("attention to all positions has no field of its own");
            case Reach.Window(int tokens) -> fields.put("kind", "window").put("window", tokens);
            case Reach.Block(int tokens) -> fields.put("kind", "block").put("window", tokens);
            case Reach.Global(int tokens, int first) -> fields.put("kind", "global").put("window", tokens).put("global", first);
        }
    }

    /** The spec with this reach. @throws FormatException where the network cannot have it */
    static NetworkSpec applied(NetworkSpec spec, JsonFields config) {
        Optional<Reach> reach = read(config);
        if (reach.isEmpty()) {
            return spec;
        }
        return switch (spec) {
            case DecoderSpec decoder -> decoder.withReach(reach.get());
            case EncoderSpec encoder -> {
                try {
                    yield encoder.withReach(reach.get());
                } catch (IllegalArgumentException e) {
                    throw config.wrong(FIELD, "none: " + e.getMessage(), config.node(FIELD));
                }
            }
            case EncoderDecoderSpec both -> throw config.wrong(FIELD, "none: encoder–decoders do not have it", config.node(FIELD));
            case VisionSpec vision -> throw config.wrong(FIELD, "none: patches of a picture see all others", config.node(FIELD));
        };
    }
}
