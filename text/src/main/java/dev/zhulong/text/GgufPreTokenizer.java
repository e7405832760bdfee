package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What {@code tokenizer.ggml.pre} names: how a byte-level BPE's text is cut before merging, as a {@code tokenizer.json} says it.
 *
 * <p>Names are llama.cpp's ({@code llama-vocab.cpp}); the expressions are those of the {@code tokenizer.json} of the model each is named
 * after. GGUF does not tell a normalizer, so it goes with the name.
 *
 * @param json         the {@code pre_tokenizer}
 * @param ignoreMerges whether a whole pre-token that is a token goes before merges
 * @param composes     whether text is brought into NFC first
 * @param addsBos      whether sequences start with BOS where the file does not say
 */
record GgufPreTokenizer(JsonNode json, boolean ignoreMerges, boolean composes, boolean addsBos) {
    /** Of an encoder that puts two separators between texts. */
    static final String ROBERTA = "roberta-bpe";

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final String DIGITS_BY_THREE = "[0-9][0-9][0-9]";
    private static final String CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+";
    /** Letters that have case, as DeepSeek LLM lists them. */
    private static final String CASED =
            "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373"
            + "\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
            + "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
            + "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d"
            + "\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb"
            + "\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128"
            + "\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4"
            + "\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf"
            + "\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\ud801\udc00-\ud801\udc4f\ud801\udcb0-\ud801\udcd3"
            + "\ud801\udcd8-\ud801\udcfb\ud803\udc80-\ud803\udcb2\ud803\udcc0-\ud803\udcf2\ud806\udca0-\ud806\udcdf"
            + "\ud83a\udd00-\ud83a\udd43";
    private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    /** Mistral's Tekken and GPT-4o: words end where small letters turn into capitals. */
    private static final String CAMEL = "[^\\r\\n\\p{L}\\p{N}]?" + UPPER + "*" + LOWER + "+%1$s|[^\\r\\n\\p{L}\\p{N}]?" + UPPER + "+" + LOWER
            + "*%1$s|%2$s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /** In the order in which a name is looked for when a file is written. */
    private static final Map<String, GgufPreTokenizer> BY_NAME = new LinkedHashMap<>();

    static {
        JsonNode gpt2 = TokenizerJson.byteLevel(true);
        JsonNode llama3 = TokenizerJson.preTokenizer(PreTokenizer.LLAMA3);
        JsonNode qwen2 = TokenizerJson.preTokenizer(PreTokenizer.QWEN2);
        JsonNode digits = sequence(digits(), gpt2);
        add(plain(gpt2), "gpt-2", "phi-2", ROBERTA);
        add(new GgufPreTokenizer(gpt2, false, true, true), "modern-bert");
        add(new GgufPreTokenizer(qwen2, false, true, false), "qwen2");
        add(plain(qwen2), "deepseek-r1-qwen", "megrez");
        add(new GgufPreTokenizer(llama3, true, false, true), "llama-bpe", "llama3", "llama-v3", "falcon3");
        add(plain(llama3), "dbrx", "smaug-bpe", "chatglm-bpe");
        add(plain(digits), "smollm", "starcoder", "refact", "codeshell", "minerva-7b");
        add(new GgufPreTokenizer(splits(CAMEL.formatted("", "\\p{N}")), true, false, true), "tekken");
        add(plain(splits(CAMEL.formatted("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "\\p{N}{1,3}"))), "gpt-4o", "llama4");
        add(plain(splits("[\r\n]", "\\s?[" + CASED + "]+",
                "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", "\\s+$", CJK, "\\p{N}+")), "deepseek-llm");
        add(plain(splits("[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", CJK, "\\p{N}")), "deepseek-coder");
        add(plain(splits("\\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
                + "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")), "deepseek-v3");
        add(plain(splits("[\\p{P}\\$\\+<=>\\^~\\|`]+", PreTokenizer.GPT2.regex(), DIGITS_BY_THREE)), "falcon");
        add(plain(splits("[\\p{P}\\$\\+<=>\\^~\\|]+", PreTokenizer.GPT2.regex(), "\\p{N}+", DIGITS_BY_THREE)), "default");
    }

    private static void add(GgufPreTokenizer preTokenizer, String... names) {
        for (String name : names) {
            BY_NAME.put(name, preTokenizer);
        }
    }

    private static GgufPreTokenizer plain(JsonNode json) {
        return new GgufPreTokenizer(json, false, false, false);
    }

    private static JsonNode sequence(JsonNode... steps) {
        ObjectNode sequence = NODES.objectNode().put("type", "Sequence");
        ArrayNode list = sequence.putArray("pretokenizers");
        for (JsonNode step : steps) {
            list.add(step);
        }
        return sequence;
    }

    private static JsonNode digits() {
        return NODES.objectNode().put("type", "Digits").put("individual_digits", true);
    }

    /** Each expression cuts what the one before left; what none matches stays as it is. */
    private static JsonNode splits(String... expressions) {
        JsonNode[] steps = new JsonNode[expressions.length + 1];
        for (int i = 0; i < expressions.length; i++) {
            ObjectNode split = NODES.objectNode().put("type", "Split");
            split.putObject("pattern").put("Regex", expressions[i]);
            steps[i] = split.put("behavior", "Isolated").put("invert", false);
        }
        steps[expressions.length] = TokenizerJson.byteLevel(false);
        return sequence(steps);
    }

    static Optional<GgufPreTokenizer> named(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /** The name under which a file says what {@code tokenizer}, a whole {@code tokenizer.json}, does before merging. */
    static Optional<String> nameOf(JsonNode tokenizer) {
        JsonNode normalizer = tokenizer.path("normalizer");
        boolean composes = "NFC".equals(normalizer.path("type").asText());
        boolean none = normalizer.isNull() || normalizer.isMissingNode()
                || "Sequence".equals(normalizer.path("type").asText()) && normalizer.path("normalizers").isEmpty();
        if (!composes && !none) {
            return Optional.empty();
        }
        boolean ignoreMerges = tokenizer.path("model").path("ignore_merges").asBoolean(false);
        JsonNode wanted = canonical(tokenizer.path("pre_tokenizer"));
        return BY_NAME.entrySet().stream().filter(entry -> entry.getValue().ignoreMerges == ignoreMerges
                && entry.getValue().composes == composes && canonical(entry.getValue().json).equals(wanted))
                .map(Map.Entry::getKey).findFirst();
    }

    /** Without what does not change where text is cut. */
    private static JsonNode canonical(JsonNode node) {
        if ("Sequence".equals(node.path("type").asText())) {
            JsonNode[] steps = new JsonNode[node.path("pretokenizers").size()];
            for (int i = 0; i < steps.length; i++) {
                steps[i] = canonical(node.path("pretokenizers").path(i));
            }
            return steps.length == 1 ? steps[0] : sequence(steps);
        }
        if ("ByteLevel".equals(node.path("type").asText())) {
            ObjectNode byteLevel = NODES.objectNode().put("type", "ByteLevel");
            return byteLevel.put("add_prefix_space", node.path("add_prefix_space").asBoolean(true))
                    .put("use_regex", node.path("use_regex").asBoolean(true));
        }
        return node;
    }

    /** All regular expressions that any of the names stands for. */
    static Set<String> expressions() {
        Set<String> expressions = new HashSet<>();
        BY_NAME.values().forEach(each -> expressions.addAll(each.json.findValuesAsText("Regex")));
        return expressions;
    }

    static String known() {
        return BY_NAME.keySet().stream().collect(Collectors.joining(", "));
    }
}
