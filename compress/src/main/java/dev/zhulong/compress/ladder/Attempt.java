package dev.zhulong.compress.ladder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.Writing;
import dev.zhulong.evaluate.text.Estimate;

/**
 * A recipe that was carried out, and what came of it.
 *
 * @param bytes                 of the file
 * @param sha256                of the file
 * @param tokensPerSecond       of one sequence being written
 * @param tokensPerSecondBefore by the model as it was given, in the same process
 * @param seconds               that making it took, what it shares with earlier attempts left out
 */
public record Attempt(Recipe recipe, long bytes, String sha256, Fidelity fidelity, double tokensPerSecond, double tokensPerSecondBefore, double seconds) {
    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.set("recipe", recipe.json());
        json.put("bytes", bytes).put("sha256", sha256).put("tokens_per_second", tokensPerSecond).put("tokens_per_second_before", tokensPerSecondBefore).put("seconds", seconds);
        json.put("reference_perplexity", fidelity.perplexity()).put("tokens", fidelity.tokens()).put("texts", fidelity.texts()).put("texts_cut_alike", fidelity.alike());
        put(json, "loss_rise", fidelity.rise());
        put(json, "kl", fidelity.kl());
        put(json, "same_top", fidelity.sameTop());
        put(json, "written_before", fidelity.before());
        put(json, "written", fidelity.after());
        return json;
    }

    /** @throws IllegalArgumentException for what is no attempt */
    static Attempt of(JsonNode json) {
        var fidelity = new Fidelity(json.path("reference_perplexity").asDouble(), estimate(json.path("loss_rise")), estimate(json.path("kl")), estimate(json.path("same_top")),
                json.path("tokens").asLong(), json.path("texts").asInt(), json.path("texts_cut_alike").asInt(), writing(json.path("written_before")), writing(json.path("written")));
        return new Attempt(Recipe.of(json.path("recipe")), json.path("bytes").asLong(), json.path("sha256").asText(), fidelity, json.path("tokens_per_second").asDouble(),
                json.path("tokens_per_second_before").asDouble(), json.path("seconds").asDouble());
    }

    private static void put(ObjectNode json, String name, Estimate e) {
        ObjectNode value = json.putObject(name).put("value", e.value());
        if (!Double.isNaN(e.standardError())) {
            value.put("low", e.low()).put("high", e.high()).put("standard_error", e.standardError()).put("mean", e.resampleMean()).put("resamples", e.resamples());
        }
    }

    private static Estimate estimate(JsonNode json) {
        double value = json.path("value").asDouble();
        return !json.has("standard_error") ? Estimate.unknown(value) : new Estimate(value, json.path("standard_error").asDouble(), json.path("low").asDouble(), json.path("high").asDouble(),
                json.path("mean").asDouble(), json.path("resamples").asInt());
    }

    private static void put(ObjectNode json, String name, Writing writing) {
        json.putObject(name).put("texts", writing.texts()).put("repetition", writing.repetition()).put("ended", writing.ended());
    }

    private static Writing writing(JsonNode json) {
        return new Writing(json.path("texts").asInt(), json.path("repetition").asDouble(), json.path("ended").asDouble());
    }
}
