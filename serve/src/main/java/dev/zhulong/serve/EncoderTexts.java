package dev.zhulong.serve;

import dev.zhulong.text.EncodingException;
import dev.zhulong.text.encode.EncodedText;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * The texts of one request as inputs of an encoder.
 *
 * @param review   what rules make of a text
 * @param truncate cuts what is too long off a text's end, as sentence-transformers does; else it is refused
 */
record EncoderTexts(ServedEncoder model, UnaryOperator<String> review, boolean truncate, Caller caller) {
    /** A text's tokens, and whether some of its end are missing. */
    record Read(EncodedText tokens, boolean cut) {}

    /** One text, reviewed. */
    Read text(String field, String text) {
        return read(field, () -> model.tokenizer().encode(text, Integer.MAX_VALUE), () -> model.tokenizer().encode(text, model.mostTokens()));
    }

    /** All of a text, however long. */
    EncodedText whole(String field, String text) {
        return encoded(field, () -> model.tokenizer().encode(text, Integer.MAX_VALUE));
    }

    /** Two texts, reviewed. */
    Read pair(String field, String first, String second) {
        return read(field, () -> model.tokenizer().encode(first, second, Integer.MAX_VALUE), () -> model.tokenizer().encode(first, second, model.mostTokens()));
    }

    /** A question, reviewed, with all of a context in windows of at most {@code most} tokens. */
    List<EncodedText> windows(String field, String question, String context, int most, int overlap) {
        return encoded(field, () -> model.tokenizer().windows(question, context, most, overlap));
    }

    private Read read(String field, Supplier<EncodedText> whole, Supplier<EncodedText> cut) {
        caller.check();
        EncodedText all = encoded(field, whole);
        if (all.length() <= model.mostTokens()) {
            return new Read(all, false);
        }
        if (!truncate) {
            throw tooLong(field, all.length());
        }
        return new Read(encoded(field, cut), true);
    }

    ApiException tooLong(String field, int tokens) {
        return ApiException.invalid(field, "context_length_exceeded", field + " has " + tokens + " tokens, more than the " + model.mostTokens() + " that '" + model.name()
                + "' reads: shorten it");
    }

    private static <T> T encoded(String field, Supplier<T> encode) {
        try {
            return encode.get();
        } catch (EncodingException e) {
            throw ApiException.invalid(field, field + " cannot be encoded: " + Json.shortened(e.reason(), 300));
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(field, field + " cannot be read: " + Json.shortened(e.getMessage(), 300));
        }
    }
}
