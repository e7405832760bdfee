package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * What a model's makers advise for generation: {@code generation_config.json}, the fields that are known here.
 *
 * @param maxNewTokens      tokens to add to the prompt
 * @param maxLength         tokens of prompt and continuation together
 * @param doSample          draw rather than take the likeliest
 * @param temperature       divides the logits
 * @param topK              candidates kept; 0 for all
 * @param topP              probability mass kept
 * @param minP              least probability kept, relative to the likeliest
 * @param repetitionPenalty over logits of tokens already seen
 * @param bosId             beginning of sequence
 * @param eosIds            ids that end a sequence; empty where the file names none
 */
public record GenerationConfig(
        OptionalInt maxNewTokens,
        OptionalInt maxLength,
        Optional<Boolean> doSample,
        OptionalDouble temperature,
        OptionalInt topK,
        OptionalDouble topP,
        OptionalDouble minP,
        OptionalDouble repetitionPenalty,
        OptionalInt bosId,
        List<Integer> eosIds) {

    /** The file's name in a model directory. */
    public static final String FILE = "generation_config.json";

    public GenerationConfig {
        eosIds = List.copyOf(eosIds);
    }

    /** Advice about nothing but where sequences begin and end; {@code bosId} below 0 for none. */
    public static GenerationConfig of(int bosId, List<Integer> eosIds) {
        var noInt = OptionalInt.empty();
        var noDouble = OptionalDouble.empty();
        return new GenerationConfig(noInt, noInt, Optional.empty(), noDouble, noInt, noDouble, noDouble, noDouble,
                bosId < 0 ? noInt : OptionalInt.of(bosId), eosIds);
    }

    /**
     * Reads the file.
     *
     * @throws FormatException when it is missing or a field has a wrong value
     */
    public static GenerationConfig read(Path file) {
        JsonFields json = JsonFields.read(file);
        List<Integer> bos = json.tokenIds("bos_token_id");
        return new GenerationConfig(
                integer(json, "max_new_tokens", 1), integer(json, "max_length", 0),
                json.isSet("do_sample") ? Optional.of(json.flag("do_sample", false)) : Optional.empty(),
                number(json, "temperature", Double.MAX_VALUE), integer(json, "top_k", 0),
                number(json, "top_p", 1), number(json, "min_p", 1), number(json, "repetition_penalty", Double.MAX_VALUE),
                bos.isEmpty() ? OptionalInt.empty() : OptionalInt.of(bos.getFirst()),
                json.tokenIds("eos_token_id"));
    }

    /**
     * Ids that end a sequence by the file in a directory; none where there is no file.
     *
     * @throws FormatException when a field has a wrong value
     */
    public static List<Integer> eosIdsIn(Path directory) {
        Path file = directory.resolve(FILE);
        return Files.isRegularFile(file) ? read(file).eosIds() : List.of();
    }

    /** The text of {@code file} with other ids that end a sequence; what is not known here stays too. */
    public static String withEosIds(Path file, List<Integer> eosIds) {
        ObjectNode json = JsonFields.read(file).object().deepCopy();
        putEosIds(json, eosIds);
        return JsonFields.text(json);
    }

    private static void putEosIds(ObjectNode json, List<Integer> eosIds) {
        if (eosIds.size() == 1) {
            json.put("eos_token_id", eosIds.getFirst());
        } else if (!eosIds.isEmpty()) {
            eosIds.forEach(json.putArray("eos_token_id")::add);
        }
    }

    /** The text of the file, the known fields only. */
    public String toJson() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        bosId.ifPresent(id -> json.put("bos_token_id", id));
        putEosIds(json, eosIds);
        maxNewTokens.ifPresent(value -> json.put("max_new_tokens", value));
        maxLength.ifPresent(value -> json.put("max_length", value));
        doSample.ifPresent(value -> json.put("do_sample", value));
        temperature.ifPresent(value -> json.put("temperature", value));
        topK.ifPresent(value -> json.put("top_k", value));
        topP.ifPresent(value -> json.put("top_p", value));
        minP.ifPresent(value -> json.put("min_p", value));
        repetitionPenalty.ifPresent(value -> json.put("repetition_penalty", value));
        return JsonFields.text(json);
    }

    private static OptionalInt integer(JsonFields json, String field, int least) {
        return json.isSet(field) ? OptionalInt.of(json.integer(field, least, Integer.MAX_VALUE)) : OptionalInt.empty();
    }

    private static OptionalDouble number(JsonFields json, String field, double most) {
        if (!json.isSet(field)) {
            return OptionalDouble.empty();
        }
        double value = json.node(field).doubleValue();
        if (!json.node(field).isNumber() || !(value >= 0 && value <= most)) {
            throw json.wrong(field, most == 1 ? "a number from 0 to 1" : "a number not below 0", json.node(field));
        }
        return OptionalDouble.of(value);
    }
}
