package dev.zhulong.serve;

import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.infer.search.Continuations;
import dev.zhulong.infer.search.Languages;
import dev.zhulong.infer.search.Rewriter;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.text.EncodingException;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What an encoder–decoder makes of texts that come in: ids that its encoder reads.
 *
 * @param model     that reads and writes
 * @param tokenizer stays the caller's
 * @param options   how texts are searched for where a request does not say
 */
public record Sources(ConditionalModel model, EncoderTokenizer tokenizer, SearchOptions options) {
    /**
     * Ids of a text.
     *
     * @param field    it came in
     * @param language of it; empty for the one in the tokenizer's files
     * @throws ApiException where it is longer than the model reads, or cannot be encoded
     */
    int[] ids(String field, String text, OptionalInt language) {
        try {
            return checked(field, new Rewriter(Continuations.of(model), tokenizer, language, options).ids(text, Integer.MAX_VALUE));
        } catch (EncodingException e) {
            throw ApiException.invalid(field, field + " cannot be encoded: " + Json.shortened(e.reason(), 300));
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(field, field + " cannot be read: " + Json.shortened(e.getMessage(), 300));
        }
    }

    /** Ids that came as such. */
    int[] checked(String field, int[] ids) {
        if (ids.length > model.network().longest()) {
            throw ApiException.invalid(field, "context_length_exceeded", field + " has " + ids.length + " tokens, more than the " + model.network().longest()
                    + " that the model reads: shorten it");
        }
        for (int id : ids) {
            if (id >= model.network().sourceVocab()) {
                throw ApiException.invalid(field, field + " has the id " + id + ", which is outside the encoder's vocabulary of " + model.network().sourceVocab());
            }
        }
        return ids;
    }

    /** The language that a field names; empty where it is not there. */
    OptionalInt language(Fields request, String field) {
        String name = request.text(field, null);
        if (name == null) {
            return OptionalInt.empty();
        }
        try {
            return OptionalInt.of(Languages.id(tokenizer.tokenizer(), name));
        } catch (IllegalArgumentException e) {
            throw request.wrong(field, "cannot be \"" + Json.shortened(name, 50) + "\": " + e.getMessage());
        }
    }

    /**
     * The token that Marian reads in front of a text for the language to write in, such as {@code >>fra<<}; empty where a request names no such language.
     *
     * @throws ApiException where the tokenizer has no such token
     */
    Optional<String> tag(Fields request) {
        String name = request.text("target_lang", "");
        if (!name.startsWith(">>")) {
            return Optional.empty();
        }
        if (tokenizer.tokenizer().id(name).isEmpty()) {
            throw request.wrong("target_lang", "cannot be \"" + Json.shortened(name, 50) + "\": the tokenizer has no such token");
        }
        return Optional.of(name);
    }

    /** The options with the language to write in that a request names, where it is the first token that is written. */
    SearchOptions into(Fields request) {
        if (tag(request).isPresent()) {
            return options;
        }
        OptionalInt language = language(request, "target_lang");
        return language.isPresent() ? options.withForcedBos(language.getAsInt()) : options;
    }
}
