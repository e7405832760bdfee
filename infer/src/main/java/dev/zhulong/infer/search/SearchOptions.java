package dev.zhulong.infer.search;

import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * How texts are searched for, as transformers' {@code generation_config.json} says it. Lengths count what the decoder begins with.
 *
 * @param start             what the decoder begins with
 * @param eos               ids that end a text
 * @param pad               padding
 * @param beams             texts kept at each step; 1 takes the likeliest token each time
 * @param lengthPenalty     a finished text's log probability is divided by its length to this power
 * @param early             when to stop once there are as many finished texts as beams
 * @param maxLength         longest text
 * @param minLength         shortest text
 * @param noRepeat          length of the n-grams that occur once at most; 0 for any
 * @param repetitionPenalty what scores of tokens that are there already are worsened by; 1 for nothing
 * @param forcedBos         first token written, whatever its score; -1 for none
 * @param forcedEos         last token written where the text is as long as it may be; empty for any
 * @param badWords          ids in a row that never occur
 * @param suppressed        ids that never occur
 * @param renormalized      whether scores are made probabilities again after all rules
 */
public record SearchOptions(int start, List<Integer> eos, int pad, int beams, double lengthPenalty, Early early, int maxLength, int minLength, int noRepeat,
        double repetitionPenalty, int forcedBos, List<Integer> forcedEos, List<List<Integer>> badWords, List<Integer> suppressed, boolean renormalized) {

    /** When a search stops that has as many finished texts as beams. */
    public enum Early {
        /** When no beam looks like it will become better than the worst of them. */
        HEURISTIC,
        /** At once. */
        AT_ONCE,
        /** When no beam can become better than the worst of them. */
        NEVER
    }

    /** Longest text where the files do not say. */
    public static final int LENGTH = 256;

    /** What the files may say and is not done. */
    private static final List<String> OTHERS = List.of("num_beam_groups", "diversity_penalty", "constraints", "force_words_ids", "sequence_bias", "penalty_alpha",
            "encoder_no_repeat_ngram_size", "encoder_repetition_penalty", "exponential_decay_length_penalty", "begin_suppress_tokens", "guidance_scale");

    public SearchOptions {
        eos = List.copyOf(eos);
        forcedEos = List.copyOf(forcedEos);
        badWords = List.copyOf(badWords);
        suppressed = List.copyOf(suppressed);
        if (beams < 1) {
            throw new IllegalArgumentException("beams must be 1 or more, found " + beams);
        }
        if (maxLength < 2) {
            throw new IllegalArgumentException("a text needs room for one token at least, found a length of " + (maxLength - 1));
        }
        if (noRepeat < 0) {
            throw new IllegalArgumentException("n-grams that occur once have a length of 1 or more, or 0 for any, found " + noRepeat);
        }
        if (!Double.isFinite(lengthPenalty)) {
            throw new IllegalArgumentException("the length penalty must be a finite number, found " + lengthPenalty);
        }
    }

    /** The likeliest token each time, and no rules. */
    public static SearchOptions greedy(int start, Ids ids, int maxLength) {
        return new SearchOptions(start, ids.eos(), ids.pad(), 1, 1, Early.HEURISTIC, maxLength, 0, 0, 1, ids.forcedBos(), ids.forcedEos(), List.of(), List.of(), false);
    }

    /**
     * What a directory's {@code generation_config.json} says, or a GGUF file that holds its text; where there is none, the ids of {@code config.json} say it.
     *
     * @param ids     of {@code config.json}
     * @param longest text that the model can write
     * @param vocab   its number of logits
     * @throws FormatException for a field that is wrong, or that asks for what is not done
     */
    public static SearchOptions read(Path directory, Ids ids, int longest, int vocab) {
        int start = ids.start() >= 0 ? ids.start() : ids.bos();
        Optional<JsonFields> said = said(directory);
        if (said.isEmpty()) {
            return greedy(requireStart(directory, start), ids, Math.min(LENGTH, longest));
        }
        JsonFields json = said.get();
        Path file = json.file();
        for (String field : OTHERS) {
            if (json.isSet(field) && !isNothing(json, field)) {
                throw json.wrong(field, "none (it is not implemented)", json.node(field));
            }
        }
        List<Integer> bos = json.tokenIds("bos_token_id");
        start = json.isSet("decoder_start_token_id") ? one(json, "decoder_start_token_id") : !bos.isEmpty() ? bos.getFirst() : start;
        int length = json.isSet("max_new_tokens") ? json.integer("max_new_tokens", 1, Integer.MAX_VALUE - 1) + 1 : json.integer("max_length", 2, Integer.MAX_VALUE, LENGTH);
        int least = Math.max(json.integer("min_length", 0, Integer.MAX_VALUE, 0),
                json.isSet("min_new_tokens") ? json.integer("min_new_tokens", 0, Integer.MAX_VALUE - 1) + 1 : 0);
        List<Integer> eos = json.tokenIds("eos_token_id");
        var options = new SearchOptions(requireStart(file, start), eos.isEmpty() ? ids.eos() : eos, json.isSet("pad_token_id") ? one(json, "pad_token_id") : ids.pad(),
                json.integer("num_beams", 1, 1000, 1), json.isSet("length_penalty") ? json.number("length_penalty") : 1, early(json), Math.min(length, longest), least,
                json.integer("no_repeat_ngram_size", 0, Integer.MAX_VALUE, 0), json.positive("repetition_penalty", 1),
                json.isSet("forced_bos_token_id") ? one(json, "forced_bos_token_id") : -1, json.tokenIds("forced_eos_token_id"), words(json),
                json.tokenIds("suppress_tokens"), json.flag("renormalize_logits", false));
        options.ids().filter(id -> id >= vocab).findFirst().ifPresent(id -> {
            throw new FormatException(file, "names the token " + id + ", and the model has " + vocab + ", from 0: correct the field that names it");
        });
        return options;
    }

    private static Optional<JsonFields> said(Path model) {
        if (GgufFile.isOne(model)) {
            try (GgufFile file = GgufFile.open(model)) {
                return file.metadata().text(GgufExport.GENERATION).map(text -> JsonFields.of(text, model));
            }
        }
        Path file = model.resolve(GenerationConfig.FILE);
        return Files.isRegularFile(file) ? Optional.of(JsonFields.read(file)) : Optional.empty();
    }

    private IntStream ids() {
        return IntStream.concat(IntStream.of(start, pad, forcedBos), Stream.of(List.of(eos, forcedEos, suppressed), badWords).flatMap(List::stream).flatMap(List::stream)
                .mapToInt(Integer::intValue));
    }

    private static int requireStart(Path file, int start) {
        if (start < 0) {
            throw new FormatException(file, "neither decoder_start_token_id nor bos_token_id is there: add the id that the decoder begins with");
        }
        return start;
    }

    private static int one(JsonFields json, String field) {
        List<Integer> ids = json.tokenIds(field);
        if (ids.size() != 1) {
            throw json.wrong(field, "one id", json.node(field));
        }
        return ids.getFirst();
    }

    private static boolean isNothing(JsonFields json, String field) {
        var value = json.node(field);
        return value.isNumber() && (value.doubleValue() == 0 || value.doubleValue() == 1) || value.isContainerNode() && value.isEmpty();
    }

    private static Early early(JsonFields json) {
        var value = json.node("early_stopping");
        if (value.isTextual() && value.textValue().equals("never")) {
            return Early.NEVER;
        }
        return json.flag("early_stopping", false) ? Early.AT_ONCE : Early.HEURISTIC;
    }

    private static List<List<Integer>> words(JsonFields json) {
        var words = new ArrayList<List<Integer>>();
        for (var word : json.node("bad_words_ids")) {
            var ids = new ArrayList<Integer>();
            word.forEach(id -> {
                if (!id.isInt() || id.intValue() < 0) {
                    throw json.wrong("bad_words_ids", "lists of ids", word);
                }
                ids.add(id.intValue());
            });
            if (ids.isEmpty()) {
                throw json.wrong("bad_words_ids", "lists of one id or more", word);
            }
            words.add(ids);
        }
        return words;
    }

    /** With other beams. */
    public SearchOptions withBeams(int count) {
        return new SearchOptions(start, eos, pad, count, lengthPenalty, early, maxLength, minLength, noRepeat, repetitionPenalty, forcedBos, forcedEos, badWords,
                suppressed, renormalized);
    }

    /** With texts of {@code tokens} at most, besides what the decoder begins with. */
    public SearchOptions withNewTokens(int tokens) {
        return new SearchOptions(start, eos, pad, beams, lengthPenalty, early, tokens + 1, minLength, noRepeat, repetitionPenalty, forcedBos, forcedEos, badWords,
                suppressed, renormalized);
    }

    /** With another first token; -1 for none. */
    public SearchOptions withForcedBos(int id) {
        return new SearchOptions(start, eos, pad, beams, lengthPenalty, early, maxLength, minLength, noRepeat, repetitionPenalty, id, forcedEos, badWords, suppressed,
                renormalized);
    }

    /** With another power of the length, when to stop, and n-grams that occur once. */
    public SearchOptions with(double penalty, Early stop, int ngrams) {
        return new SearchOptions(start, eos, pad, beams, penalty, stop, maxLength, minLength, ngrams, repetitionPenalty, forcedBos, forcedEos, badWords, suppressed,
                renormalized);
    }

    /**
     * For a sequence that is written a token at a time: of {@code tokens} at most, without beams, and with penalties left to whoever draws.
     */
    public SearchOptions forSequence(int tokens) {
        return new SearchOptions(start, eos, pad, 1, lengthPenalty, early, tokens + 1, minLength, noRepeat, 1, forcedBos, forcedEos, badWords, suppressed, renormalized);
    }
}
