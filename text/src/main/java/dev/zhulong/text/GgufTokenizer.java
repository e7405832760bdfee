package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.text.VocabularyTokenizer.Special;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The tokenizer in a GGUF file's metadata: SentencePiece's BPE ({@code tokenizer.ggml.model} is {@code llama}) or unigram ({@code t5}), byte-level BPE
 * ({@code gpt2}) or WordPiece ({@code bert}).
 *
 * <pre>{@code
 * try (var file = GgufFile.open(Path.of("model.gguf")); var tokenizer = GgufTokenizer.load(file.metadata())) {
 *     int[] ids = tokenizer.encode("Once upon a time");
 * }
 * }</pre>
 *
 * <p>Keys as in ggml's {@code docs/gguf.md}. The file's tokenizer is put together as a {@code tokenizer.json}, so the last two are encoded
 * by what encodes those ({@link HuggingFaceTokenizer}), and all are decoded alike.
 */
public final class GgufTokenizer {
    static final String MODEL = "tokenizer.ggml.model";
    static final String PRE = "tokenizer.ggml.pre";
    static final String TOKENS = "tokenizer.ggml.tokens";
    static final String TYPES = "tokenizer.ggml.token_type";
    static final String SCORES = "tokenizer.ggml.scores";
    static final String MERGES = "tokenizer.ggml.merges";
    static final String BOS = "tokenizer.ggml.bos_token_id";
    static final String EOS = "tokenizer.ggml.eos_token_id";
    static final String UNKNOWN = "tokenizer.ggml.unknown_token_id";
    static final String PAD = "tokenizer.ggml.padding_token_id";
    static final String SEPARATOR = "tokenizer.ggml.seperator_token_id";
    static final String MASK = "tokenizer.ggml.mask_token_id";
    static final String ADD_BOS = "tokenizer.ggml.add_bos_token";
    static final String ADD_EOS = "tokenizer.ggml.add_eos_token";
    static final String LOWERCASE = "tokenizer.ggml.normalizer.lowercase";
    static final String STRIP_ACCENTS = "tokenizer.ggml.normalizer.strip_accents";
    static final String SPACE_PREFIX = "tokenizer.ggml.add_space_prefix";
    static final String CHAT_TEMPLATE = "tokenizer.chat_template";

    private static final String KNOWN = "llama, t5, gpt2 or bert";
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private final GgufMetadata metadata;
    private final List<String> tokens;
    private final GgufTokenType[] types;
    private final Map<String, Integer> ids;
    private final ObjectNode json = NODES.objectNode();

    private GgufTokenizer(GgufMetadata metadata) {
        this.metadata = metadata;
        this.tokens = metadata.texts(TOKENS);
        this.types = types();
        ids = HashMap.newHashMap(tokens.size());
        for (int id = 0; id < tokens.size(); id++) {
            if (tokens.get(id).isEmpty() || ids.put(tokens.get(id), id) != null) {
                throw metadata.wrong(TOKENS, "a spelling of its own for each token, which " + id + " has not");
            }
        }
        if (tokens.isEmpty()) {
            throw metadata.wrong(TOKENS, "tokens");
        }
    }

    /** Whether a file has a vocabulary: some are of weights alone. */
    public static boolean isIn(GgufMetadata metadata) {
        return metadata.has(TOKENS);
    }

    /**
     * The tokenizer of a file.
     *
     * @param metadata of an open file, which need not stay open
     * @throws FormatException where the keys are missing or wrong, or tell a tokenizer that is not known; names the key
     */
    public static Tokenizer load(GgufMetadata metadata) {
        String model = metadata.text(MODEL).orElseThrow(() -> metadata.wrong(MODEL, KNOWN));
        var tokenizer = new GgufTokenizer(metadata);
        try {
            return switch (model) {
                case "llama" -> tokenizer.sentencePiece();
                case "t5" -> GgufPieces.load(metadata, tokenizer.tokens, tokenizer.types);
                case "gpt2" -> tokenizer.byteLevel();
                case "bert" -> tokenizer.wordPiece();
                default -> throw metadata.wrong(MODEL, KNOWN);
            };
        } catch (FormatException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw new FormatException(metadata.file(), "tokenizer: expected " + e.getMessage(), e);
        }
    }

    /**
     * The tokenizer of an encoder's file, or of an encoder–decoder's: it knows what its model puts around a text.
     *
     * @throws FormatException as {@link #load}, and where the file's tokenizer is of another kind
     */
    public static InputTokenizer loadInput(GgufMetadata metadata) {
        Tokenizer tokenizer = load(metadata);
        if (tokenizer instanceof InputTokenizer input) {
            return input;
        }
        tokenizer.close();
        throw metadata.wrong(MODEL, "t5, gpt2 or bert, as encoders have them");
    }

    private GgufTokenType[] types() {
        GgufTokenType[] read = new GgufTokenType[tokens.size()];
        if (!metadata.has(TYPES)) {
            Arrays.fill(read, GgufTokenType.NORMAL);
            return read;
        }
        long[] numbers = metadata.wholes(TYPES, tokens.size());
        for (int id = 0; id < read.length; id++) {
            read[id] = type(numbers[id]);
        }
        return read;
    }

    private GgufTokenType type(long number) {
        Optional<GgufTokenType> type = GgufTokenType.of(number);
        if (type.isEmpty()) {
            throw metadata.wrong(TYPES, "types from 0 to 6, not " + number);
        }
        return type.get();
    }

    private Tokenizer sentencePiece() {
        boolean spacePrefix = metadata.flag(SPACE_PREFIX, true);
        float[] scores = metadata.floats(SCORES, tokens.size());
        OptionalInt unknown = id(UNKNOWN, 0);
        int[] byteIds = byteIds(unknown);
        // all but a few are pieces, and a second map of them would make a first token wait
        Map<String, Integer> pieces = ids;
        for (int id = 0; id < scores.length; id++) {
            if (Float.isNaN(scores[id])) {
                throw metadata.wrong(SCORES, "numbers; token " + id + " has none");
            }
            if (!types[id].isText()) {
                pieces.remove(tokens.get(id));
            }
        }
        ArrayNode steps = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
        replace(steps.addObject());
        steps.addObject().put("type", "ByteFallback");
        steps.addObject().put("type", "Fuse");
        if (spacePrefix) {
            steps.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
        }
        addedTokens();
        Map<String, Integer> added = new LinkedHashMap<>();
        Set<String> marks = new HashSet<>();
        for (JsonNode token : json.path("added_tokens")) {
            String text = token.path("content").asText();
            if (types[token.path("id").asInt()] != GgufTokenType.UNUSED) {
                added.put(text, token.path("id").asInt());
            }
            if (NativeTokenizer.isMark(token)) {
                marks.add(text);
            }
        }
        var bpe = new SentencePieceBpe(pieces, scores, byteIds);
        var vocabulary = new Vocabulary(json, tokens, metadata.file().toString());
        return new SentencePieceTokenizer(vocabulary, special(1, 2, true), text -> bpe.encode(((spacePrefix ? " " : "") + text).replace(" ", SentencePieceBpe.SPACE)), added,
                marks);
    }

    private static void replace(ObjectNode step) {
        step.put("type", "Replace").put("content", " ").putObject("pattern").put("String", SentencePieceBpe.SPACE);
    }

    private int[] byteIds(OptionalInt unknown) {
        int[] byteIds = new int[256];
        HexFormat hex = HexFormat.of().withUpperCase();
        for (int b = 0; b < 256; b++) {
            Integer id = ids.get("<0x" + hex.toHexDigits((byte) b) + ">");
            if (id == null && unknown.isEmpty()) {
                throw metadata.wrong(TOKENS, "a token <0x%02X>, or an unknown token".formatted(b));
            }
            byteIds[b] = id == null ? unknown.getAsInt() : id;
        }
        return byteIds;
    }

    private Tokenizer byteLevel() {
        String name = metadata.text(PRE).orElseThrow(() -> metadata.wrong(PRE,
                "how text is cut before merging, which files from before May 2024 do not say; convert the model again"));
        GgufPreTokenizer pre = GgufPreTokenizer.named(name).orElseThrow(() -> metadata.wrong(PRE, "one of " + GgufPreTokenizer.known()));
        json.set("pre_tokenizer", pre.json());
        if (pre.composes()) {
            json.putObject("normalizer").put("type", "NFC");
        } else {
            json.putNull("normalizer");
        }
        json.putObject("decoder").put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", false).put("use_regex", false);
        ObjectNode model = json.putObject("model").put("type", "BPE").putNull("dropout").putNull("unk_token")
                .putNull("continuing_subword_prefix").putNull("end_of_word_suffix").put("fuse_unk", false).put("byte_fallback", false)
                .put("ignore_merges", pre.ignoreMerges());
        ArrayNode merges = NODES.arrayNode();
        for (String merge : metadata.texts(MERGES)) {
            int space = merge.indexOf(' ', 1);
            if (space < 0 || merge.indexOf(' ', space + 1) >= 0 || !ids.containsKey(merge.substring(0, space))
                    || !ids.containsKey(merge.substring(space + 1)) || !ids.containsKey(merge.replace(" ", ""))) {
                throw metadata.wrong(MERGES, "two tokens that make a third, not " + FormatException.quote(merge));
            }
            merges.add(merge);
        }
        model.set("vocab", vocab());
        model.set("merges", merges);
        addedTokens();
        Special special = special(-1, -1, pre.addsBos());
        OptionalInt end = metadata.has(SEPARATOR) ? id(SEPARATOR, -1) : special.eos();
        if (special.addsBos() && end.isPresent() && metadata.flag(ADD_EOS, false)) {
            around(name.equals(GgufPreTokenizer.ROBERTA) ? "RobertaProcessing" : "BertProcessing", special.bos().getAsInt(), end.getAsInt());
        }
        return encodedAsJson(special);
    }

    /** What stands around a text, in the form of the family whose pairs are like that. */
    private void around(String type, int cls, int sep) {
        ObjectNode processor = json.putObject("post_processor").put("type", type);
        processor.putArray("sep").add(tokens.get(sep)).add(sep);
        processor.putArray("cls").add(tokens.get(cls)).add(cls);
    }

    /** Uncased where the file does not say, as llama.cpp takes it. A word's start is marked there, its continuation here. */
    private Tokenizer wordPiece() {
        OptionalInt unknown = id(UNKNOWN, 100);
        if (unknown.isEmpty()) {
            throw metadata.wrong(UNKNOWN, "the unknown token's id");
        }
        ObjectNode vocab = NODES.objectNode();
        for (int id = 0; id < tokens.size(); id++) {
            String token = tokens.get(id);
            String spelled = id == unknown.getAsInt() || !types[id].isText() || isBracketed(token) ? token
                    : token.startsWith(SentencePieceBpe.SPACE) && token.length() > 1 ? token.substring(1) : "##" + token;
            if (vocab.has(spelled)) {
                throw metadata.wrong(TOKENS, "a spelling of its own for each token, which " + id + " has not");
            }
            vocab.put(spelled, id);
        }
        boolean lowercase = metadata.flag(LOWERCASE, true);
        json.putObject("normalizer").put("type", "BertNormalizer").put("clean_text", true).put("handle_chinese_chars", true)
                .put("strip_accents", metadata.flag(STRIP_ACCENTS, lowercase)).put("lowercase", lowercase);
        json.putObject("pre_tokenizer").put("type", "BertPreTokenizer");
        json.putObject("decoder").put("type", "WordPiece").put("prefix", "##").put("cleanup", true);
        json.putObject("model").put("type", "WordPiece").put("unk_token", tokens.get(unknown.getAsInt()))
                .put("continuing_subword_prefix", "##").put("max_input_chars_per_word", 100).set("vocab", vocab);
        addedTokens();
        Special special = special(101, 102, true);
        OptionalInt end = id(SEPARATOR, special.eos().orElse(-1));
        if (special.bos().isPresent() && end.isPresent()) {
            around("BertProcessing", special.bos().getAsInt(), end.getAsInt());
        }
        return encodedAsJson(special);
    }

    /** The encoder does not know the padding: no text is to give it, and tens of thousands of added tokens would be slow. */
    private Tokenizer encodedAsJson(Special special) {
        json.put("version", "1.0");
        var vocabulary = new Vocabulary(json, metadata.file().toString());
        ArrayNode known = NODES.arrayNode();
        ObjectNode words = (ObjectNode) json.path("model").path("vocab");
        for (JsonNode token : json.path("added_tokens")) {
            if (types[token.path("id").asInt()] == GgufTokenType.UNUSED) {
                words.remove(token.path("content").asText());
            } else {
                known.add(token);
            }
        }
        json.set("added_tokens", known);
        special.pad().ifPresent(pad -> json.putObject("padding").put("pad_token", tokens.get(pad)));
        return HuggingFaceTokenizer.of(json, vocabulary, special, metadata.file().toString());
    }

    static boolean isBracketed(String token) {
        return token.length() > 2 && token.startsWith("[") && token.endsWith("]");
    }

    private ObjectNode vocab() {
        ObjectNode vocab = NODES.objectNode();
        for (int id = 0; id < tokens.size(); id++) {
            vocab.put(tokens.get(id), id);
        }
        return vocab;
    }

    /** What is recognised in a text before it is cut, and the padding of the vocabulary, which gives no text either. */
    private void addedTokens() {
        ArrayNode added = json.putArray("added_tokens");
        boolean wordPiece = "WordPiece".equals(json.path("model").path("type").asText());
        for (int id = 0; id < tokens.size(); id++) {
            boolean isAdded = switch (types[id]) {
                case CONTROL, UNKNOWN, UNUSED, USER_DEFINED -> true;
                case NORMAL, UNDEFINED -> wordPiece && isBracketed(tokens.get(id));
                case BYTE -> false;
            };
            if (isAdded) {
                added.addObject().put("id", id).put("content", tokens.get(id)).put("single_word", false).put("lstrip", false)
                        .put("rstrip", false).put("normalized", false).put("special", types[id] != GgufTokenType.USER_DEFINED);
            }
        }
    }

    /** The id a key names; where the key is absent, the one llama.cpp assumes of such a vocabulary, or none for -1. */
    private OptionalInt id(String key, int absent) {
        OptionalInt named = metadata.tokenId(key, tokens.size());
        return metadata.has(key) || absent < 0 || absent >= tokens.size() ? named : OptionalInt.of(absent);
    }

    private Special special(int bos, int eos, boolean addsBos) {
        OptionalInt beginning = id(BOS, bos);
        return new Special(beginning, id(EOS, eos), id(PAD, -1), beginning.isPresent() && metadata.flag(ADD_BOS, addsBos));
    }
}
