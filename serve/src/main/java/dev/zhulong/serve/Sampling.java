package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.SamplerOptions.Mirostat;
import dev.zhulong.infer.SamplerOptions.Penalties;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/** How a request wants tokens drawn. */
final class Sampling {
    private static final int MOST_BIASES = 2000;

    private Sampling() {}

    /** What the request does not say, the model's makers do, and what they do not, OpenAI's API: temperature 1 and nothing left out. */
    static SamplerOptions of(Fields request, GenerationConfig advice, int vocabulary) {
        boolean adviseGreedy = advice.doSample().isPresent() && !advice.doSample().get();
        return new SamplerOptions(
                request.number("temperature", 0, 100, adviseGreedy ? 0 : advice.temperature().orElse(1)),
                request.integer("top_k", 0, Integer.MAX_VALUE, (long) advice.topK().orElse(0)).intValue(),
                request.number("top_p", 0, 1, advice.topP().orElse(1)),
                request.number("min_p", 0, 1, advice.minP().orElse(0)),
                request.number("typical_p", 0, 1, 1.0),
                new Penalties(repetition(request, advice), request.number("frequency_penalty", -2, 2, 0.0), request.number("presence_penalty", -2, 2, 0.0)),
                Mirostat.OFF, bias(request, vocabulary),
                request.integer("seed", Long.MIN_VALUE, Long.MAX_VALUE, ThreadLocalRandom.current().nextLong()));
    }

    private static double repetition(Fields request, GenerationConfig advice) {
        double value = request.number("repetition_penalty", 0, 100, advice.repetitionPenalty().orElse(1));
        if (value == 0) {
            throw request.wrong("repetition_penalty", "must be above 0");
        }
        return value;
    }

    private static Map<Integer, Double> bias(Fields request, int vocabulary) {
        JsonNode node = request.get("logit_bias");
        if (node == null) {
            return Map.of();
        }
        if (!node.isObject() || node.size() > MOST_BIASES) {
            throw request.wrong("logit_bias", "must be an object of at most " + MOST_BIASES + " token ids");
        }
        Map<Integer, Double> biases = new HashMap<>();
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            String id = entry.getKey();
            double bias = entry.getValue().isNumber() ? entry.getValue().doubleValue() : Double.NaN;
            if (!id.matches("\\d{1,9}") || Integer.parseInt(id) >= vocabulary || !(Math.abs(bias) <= 100)) {
                throw request.wrong("logit_bias", "must map ids of the model's " + vocabulary + " tokens to numbers from -100 to 100, found \""
                        + Json.shortened(id) + "\": " + Json.shortened(entry.getValue().toString()));
            }
            biases.put(Integer.parseInt(id), bias);
        }
        return biases;
    }

    /** Whether the same request gives the same answer each time. */
    static boolean isRepeatable(Fields request, SamplerOptions options) {
        return options.greedy() || request.has("seed");
    }
}
