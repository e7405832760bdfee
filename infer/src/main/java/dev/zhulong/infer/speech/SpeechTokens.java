package dev.zhulong.infer.speech;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * The ids with a meaning of a model that hears, from its tokenizer and its {@code generation_config.json}. Text has the ids below {@link #end}; times have those from
 * {@link #firstTime} on, 0.02 seconds each.
 *
 * @param start           what the decoder reads first
 * @param end             what ends a text
 * @param transcribe      task: as it was said; -1 in models of one language
 * @param translate       task: in English; -1 in models of one language
 * @param noTimes         says that no times follow
 * @param noSpeech        whose probability says that nobody speaks; -1 for none
 * @param previous        stands before a text that went before; -1 for none
 * @param firstTime       id of 0.00 seconds
 * @param times           how many ids of times there are
 * @param languages       ids by codes such as {@code en}; empty in models of one language
 * @param suppressed      ids that are never written
 * @param suppressedFirst ids that are not written first
 * @param latestFirstTime of the first time that is written, counted in ids; empty for any
 * @param alignmentHeads  heads of attention to the encoder that follow the speech, as pairs of a layer and a head
 */
public record SpeechTokens(int start, int end, int transcribe, int translate, int noTimes, int noSpeech, int previous, int firstTime, int times, Map<String, Integer> languages,
        List<Integer> suppressed, List<Integer> suppressedFirst, OptionalInt latestFirstTime, List<int[]> alignmentHeads) {

    /** From one id of a time to the next. */
    public static final double SECONDS = 0.02;

    /**
     * Reads those of a directory.
     *
     * @throws FormatException where one of them is missing
     */
    public static SpeechTokens read(Path directory, EncoderDecoderSpec spec, Tokenizer tokenizer) {
        Path file = directory.resolve(GenerationConfig.FILE);
        if (!Files.isRegularFile(file)) {
            throw new FormatException(file, "no such file: it says which tokens are languages, tasks and times, and which are never written; download it");
        }
        JsonFields json = JsonFields.read(file);
        int vocab = spec.vocabSize();
        int noTimes = id(json, "no_timestamps_token_id", "<|notimestamps|>", tokenizer, vocab);
        int firstTime = tokenizer.id("<|0.00|>").orElse(noTimes + 1);
        Map<String, Integer> languages = new TreeMap<>();
        json.object("lang_to_id").ifPresent(all -> all.object().fieldNames().forEachRemaining(name -> languages.put(name.replaceAll("[<|>]", ""), all.integer(name, 0, vocab - 1))));
        boolean many = json.flag("is_multilingual", !languages.isEmpty()) && !languages.isEmpty();
        var tasks = json.object("task_to_id");
        List<Integer> end = json.tokenIds("eos_token_id");
        return new SpeechTokens(json.integer("decoder_start_token_id", 0, vocab - 1), end.isEmpty() ? spec.ids().eos().getFirst() : end.getFirst(),
                many ? tasks.map(all -> all.integer("transcribe", 0, vocab - 1)).orElseGet(() -> required(tokenizer, file, "<|transcribe|>")) : -1,
                many ? tasks.map(all -> all.integer("translate", 0, vocab - 1)).orElseGet(() -> required(tokenizer, file, "<|translate|>")) : -1,
                noTimes, noSpeech(tokenizer), tokenizer.id("<|startofprev|>").orElse(-1), firstTime, vocab - firstTime, many ? Map.copyOf(languages) : Map.of(),
                within(json, "suppress_tokens", vocab), within(json, "begin_suppress_tokens", vocab),
                json.isSet("max_initial_timestamp_index") ? OptionalInt.of(json.integer("max_initial_timestamp_index", 0, vocab)) : OptionalInt.empty(),
                heads(json, spec));
    }

    private static int id(JsonFields json, String field, String spelled, Tokenizer tokenizer, int vocab) {
        return json.isSet(field) ? json.integer(field, 0, vocab - 1) : required(tokenizer, json.file(), spelled);
    }

    private static int required(Tokenizer tokenizer, Path file, String spelled) {
        return tokenizer.id(spelled).orElseThrow(() -> new FormatException(file, "the tokenizer beside it has no token " + spelled + ", as models have that hear: download both files anew"));
    }

    /** One token under two names. */
    private static int noSpeech(Tokenizer tokenizer) {
        OptionalInt newer = tokenizer.id("<|nospeech|>");
        return newer.isPresent() ? newer.getAsInt() : tokenizer.id("<|nocaptions|>").orElse(-1);
    }

    /** Absent, null and [-1] all mean none. */
    private static List<Integer> within(JsonFields json, String field, int vocab) {
        List<Integer> ids = new ArrayList<>();
        for (JsonNode each : json.node(field)) {
            if (!each.isInt() || each.intValue() >= vocab) {
                throw json.wrong(field, "ids below " + vocab, each);
            }
            if (each.intValue() >= 0) {
                ids.add(each.intValue());
            }
        }
        return List.copyOf(ids);
    }

    private static List<int[]> heads(JsonFields json, EncoderDecoderSpec spec) {
        List<int[]> heads = new ArrayList<>();
        for (JsonNode each : json.node("alignment_heads")) {
            int[] head = {each.path(0).asInt(-1), each.path(1).asInt(-1)};
            boolean there = each.size() == 2 && head[0] >= 0 && head[0] < spec.decoder().layers().size() && head[1] >= 0
                    && head[1] < spec.decoder().layers().get(head[0]).cross().heads();
            if (!there) {
                throw json.wrong("alignment_heads", "pairs of a layer and a head", each);
            }
            heads.add(head);
        }
        return List.copyOf(heads);
    }

    /** Whether an id is a time. */
    public boolean isTime(int id) {
        return id >= firstTime;
    }

    /** Seconds of an id that is a time. */
    public double seconds(int id) {
        return (id - firstTime) * SECONDS;
    }

    /**
     * Id of a language.
     *
     * @param code such as {@code en}, in any case
     * @throws IllegalArgumentException where the model does not know it
     */
    public int language(String code) {
        Integer id = languages.get(code.toLowerCase(Locale.ROOT));
        if (id == null) {
            throw new IllegalArgumentException(languages.isEmpty() ? "this model knows one language, English: leave the language out"
                    : "the model knows no language " + code + ": name one of " + String.join(" ", new TreeMap<>(languages).keySet()));
        }
        return id;
    }

    /** What the decoder reads before it writes. @param language null in models of one language */
    int[] prompt(String language, boolean english, boolean withTimes) {
        List<Integer> ids = new ArrayList<>(List.of(start));
        if (!languages.isEmpty()) {
            ids.add(language(language));
            ids.add(english ? translate : transcribe);
        }
        if (!withTimes) {
            ids.add(noTimes);
        }
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }
}
