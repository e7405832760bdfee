package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.Set;

/**
 * Which tokenizers the tokenizers library can run in this process. A panic of its Rust code aborts the process it runs in, and it panics where a
 * regular expression backtracks too often (Oniguruma's limit is ten million steps a match), where a compiled normalizer points outside its own
 * tables, and in a few parts whose settings it does not check. What is listed here does none of that.
 */
final class LibrarySafety {
    /** Up to this many UTF-16 units no known expression, all of which take a few steps a character, comes near the limit. */
    static final int LONGEST_TEXT = 1 << 20;

    private static final Set<String> NORMALIZERS = Set.of("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "BertNormalizer",
            "ByteLevel", "Nmt");
    private static final Set<String> PRE_TOKENIZERS = Set.of("ByteLevel", "Metaspace", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Digits",
            "Punctuation", "UnicodeScripts", "CharDelimiterSplit");
    private static final Set<String> MODELS = Set.of("BPE", "WordPiece", "WordLevel", "Unigram");
    private static final Set<String> EXPRESSIONS = expressions();

    private LibrarySafety() {}

    private static Set<String> expressions() {
        // white space, as some normalizers shrink it, and CLIP's words
        Set<String> known = new HashSet<>(Set.of("\\s+", "\\s{2,}", " {2,}", "\\n+", "\\d", "\\d+", "\\p{N}", "\\p{N}+",
                "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"));
        for (PreTokenizer each : PreTokenizer.values()) {
            known.add(each.regex());
        }
        known.addAll(GgufPreTokenizer.expressions());
        return Set.copyOf(known);
    }

    /** Whether the library runs {@code json}, a whole {@code tokenizer.json}, on every text of at most {@link #LONGEST_TEXT} units. */
    static boolean holds(JsonNode json) {
        JsonNode model = json.path("model");
        return normalizes(json.path("normalizer")) && cuts(json.path("pre_tokenizer")) && MODELS.contains(model.path("type").asText("BPE"))
                && (!"BPE".equals(model.path("type").asText("BPE")) || model.path("continuing_subword_prefix").asText("").isEmpty()
                        || model.path("continuing_subword_prefix").isNull())
                && empty(json.path("truncation")) && empty(json.path("padding")) && empty(json.path("post_processor"));
    }

    private static boolean normalizes(JsonNode normalizer) {
        return empty(normalizer) || switch (normalizer.path("type").asText()) {
            case "Sequence" -> each(normalizer.path("normalizers"), true);
            case "Replace" -> isKnown(normalizer.path("pattern"));
            case "Precompiled" -> PrecompiledCharsmap.isSound(normalizer.path("precompiled_charsmap").asText());
            case "Prepend" -> !normalizer.path("prepend").asText().isEmpty();
            case String type -> NORMALIZERS.contains(type);
        };
    }

    private static boolean cuts(JsonNode preTokenizer) {
        return empty(preTokenizer) || switch (preTokenizer.path("type").asText()) {
            case "Sequence" -> each(preTokenizer.path("pretokenizers"), false);
            case "Split" -> isKnown(preTokenizer.path("pattern"));
            case String type -> PRE_TOKENIZERS.contains(type);
        };
    }

    private static boolean each(JsonNode steps, boolean normalizers) {
        for (JsonNode step : steps) {
            if (!(normalizers ? normalizes(step) : cuts(step))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isKnown(JsonNode pattern) {
        return pattern.path("String").isTextual() && !pattern.path("String").textValue().isEmpty()
                || pattern.path("Regex").isTextual() && EXPRESSIONS.contains(pattern.path("Regex").textValue());
    }

    private static boolean empty(JsonNode node) {
        return node.isMissingNode() || node.isNull();
    }
}
