package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.zhulong.formats.gguf.GgufValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * The tokenizer of a Hugging Face directory as keys of a GGUF file: what {@link GgufTokenizer} reads, and llama.cpp.
 *
 * <p>A tokenizer that GGUF cannot say is refused: written silently, it would give other ids elsewhere.
 */
public final class GgufVocabulary {
    private static final int CONTROL_SCORE = -1000;
    /** Any of which is a tokenizer's, whether or not it is read. */
    private static final List<String> FILES = List.of("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt",
            "merges.txt");
    /** What a file is called that has no vocabulary. */
    private static final String NONE = "no_vocab";

    private final String name;
    private final JsonNode json;
    private final JsonNode model;
    private final List<String> tokens = new ArrayList<>();
    private final List<GgufTokenType> types = new ArrayList<>();
    private final Map<String, GgufValue> metadata = new LinkedHashMap<>();

    /** @param json what a {@code tokenizer.json} holds, or would hold */
    private GgufVocabulary(JsonNode json, String name) {
        this.json = json;
        this.model = json.path("model");
        this.name = name;
    }

    /**
     * The keys. Of a directory without any file of a tokenizer: that there is none, which llama.cpp takes too.
     *
     * @param directory with a {@code tokenizer.json}, and where there its {@link TokenizerConfig} and {@code chat_template.jinja}
     * @param rows      rows of the model's embedding; ids up to it that have no token are filled up
     * @throws IllegalArgumentException where the files are missing or malformed, or GGUF cannot say what they say
     */
    public static Map<String, GgufValue> of(Path directory, int rows) {
        if (FILES.stream().noneMatch(file -> Files.exists(directory.resolve(file)))) {
            return Map.of(GgufTokenizer.MODEL, GgufValue.of(NONE));
        }
        try (var tokenizer = HuggingFaceTokenizer.load(directory)) {
            JsonNode settings = TokenizerConfig.read(directory);
            var vocabulary = new GgufVocabulary(TokenizerConfig.withAddedTokens(HuggingFaceTokenizer.read(directory.resolve("tokenizer.json")), settings),
                    directory.toString());
            vocabulary.write(tokenizer, settings, rows);
            vocabulary.chatTemplates(directory, settings);
            return vocabulary.metadata;
        }
    }

    /**
     * The same of an encoder, or of an encoder–decoder: with what its model puts around a text.
     *
     * @throws IllegalArgumentException as {@link #of}, and where a GGUF file of such a model puts something else around texts
     */
    public static Map<String, GgufValue> ofInput(Path directory, int rows) {
        if (FILES.stream().noneMatch(file -> Files.exists(directory.resolve(file)))) {
            return Map.of(GgufTokenizer.MODEL, GgufValue.of(NONE));
        }
        try (InputTokenizer tokenizer = InputTokenizer.load(directory)) {
            JsonNode settings = TokenizerConfig.read(directory);
            GgufVocabulary vocabulary;
            switch (tokenizer) {
                case HuggingFaceTokenizer own -> {
                    vocabulary = new GgufVocabulary(TokenizerConfig.withAddedTokens(HuggingFaceTokenizer.read(directory.resolve("tokenizer.json")), settings), directory.toString());
                    vocabulary.write(own, settings, rows);
                }
                case PublishedSentencePiece pieces -> {
                    vocabulary = new GgufVocabulary(MissingNode.getInstance(), directory.toString());
                    vocabulary.write(pieces, rows);
                }
            }
            vocabulary.around(tokenizer);
            return vocabulary.metadata;
        }
    }

    private void write(PublishedSentencePiece tokenizer, int rows) {
        if (tokenizer.model().algorithm() != SentencePieceModel.Algorithm.UNIGRAM || tokenizer.target() != tokenizer) {
            throw refused("one unigram model of SentencePiece", tokenizer.target() != tokenizer ? "two" : "BPE");
        }
        Map<String, SentencePieceModel.Type> kinds = new HashMap<>();
        tokenizer.model().pieces().forEach(piece -> kinds.put(piece.text(), piece.type()));
        String[] spelling = new String[rows];
        GgufTokenType[] kind = new GgufTokenType[rows];
        tokenizer.table().ids().forEach((text, id) -> {
            requireRow(id, rows);
            spelling[id] = text;
            kind[id] = id == tokenizer.table().unknown() ? GgufTokenType.UNKNOWN : tokenizer.table().special().contains(text) ? GgufTokenType.CONTROL
                    : GgufTokenType.values()[kinds.getOrDefault(text, SentencePieceModel.Type.CONTROL).ordinal()];
        });
        fill(spelling, kind);
        vocabulary("t5", "default");
        metadata.putAll(GgufPieces.write(tokenizer.model(), tokenizer.table(), rows));
        metadata.put(GgufTokenizer.UNKNOWN, GgufValue.of(tokenizer.table().unknown()));
        put(GgufTokenizer.PAD, tokenizer.pad());
    }

    /** One token before a text or none, one behind it or none; between two whatever the reader of such a file puts there. */
    private void around(InputTokenizer tokenizer) {
        SequenceTemplate template = tokenizer.template();
        List<SequenceTemplate.Step> single = template.single();
        OptionalInt before = single.getFirst() instanceof SequenceTemplate.Token token ? OptionalInt.of(token.id()) : OptionalInt.empty();
        OptionalInt behind = single.getLast() instanceof SequenceTemplate.Token token ? OptionalInt.of(token.id()) : OptionalInt.empty();
        String kind = ((GgufValue.Text) metadata.get(GgufTokenizer.MODEL)).value();
        boolean both = before.isPresent() && behind.isPresent();
        boolean roberta = both && saysTheSame(template, SequenceTemplate.roberta(before.getAsInt(), behind.getAsInt()));
        if (roberta && kind.equals("gpt2") && metadata.get(GgufTokenizer.PRE).equals(GgufValue.of("gpt-2"))) {
            metadata.put(GgufTokenizer.PRE, GgufValue.of(GgufPreTokenizer.ROBERTA));
        }
        boolean readSo = switch (kind) {
            case "bert" -> both && saysTheSame(template, SequenceTemplate.bert(before.getAsInt(), behind.getAsInt()));
            case "t5" -> saysTheSame(template, GgufPieces.template(before, behind));
            case "gpt2" -> metadata.get(GgufTokenizer.PRE).equals(GgufValue.of(GgufPreTokenizer.ROBERTA)) ? roberta
                    : both && saysTheSame(template, SequenceTemplate.bert(before.getAsInt(), behind.getAsInt()));
            default -> false;
        };
        if (!readSo) {
            throw refused("one token around, before and between texts as BERT, RoBERTa or T5 have them", template);
        }
        metadata.remove(GgufTokenizer.BOS);
        put(GgufTokenizer.BOS, before);
        put(GgufTokenizer.EOS, behind);
        if (!kind.equals("t5")) {
            put(GgufTokenizer.SEPARATOR, behind);
        }
        put(GgufTokenizer.MASK, tokenizer.specials().mask());
        put(GgufTokenizer.PAD, tokenizer.specials().pad());
        metadata.put(GgufTokenizer.ADD_BOS, GgufValue.of(before.isPresent()));
        metadata.put(GgufTokenizer.ADD_EOS, GgufValue.of(behind.isPresent()));
    }

    /** The same tokens; to which segment they belong is the family's matter. */
    private static boolean saysTheSame(SequenceTemplate one, SequenceTemplate other) {
        return ids(one.single()).equals(ids(other.single())) && ids(one.pair()).equals(ids(other.pair()));
    }

    private static List<Integer> ids(List<SequenceTemplate.Step> steps) {
        return steps.stream().map(step -> step instanceof SequenceTemplate.Token token ? token.id() : -1).toList();
    }

    private void requireRow(int id, int rows) {
        if (id >= rows) {
            throw refused("ids below " + rows + ", the rows of the model's embedding", "the id " + id);
        }
    }

    private void write(HuggingFaceTokenizer tokenizer, JsonNode config, int rows) {
        requireRow(tokenizer.vocabSize() - 1, rows);
        fill(rows);
        String type = model.path("type").asText("BPE");
        if (type.equals("WordPiece")) {
            wordPiece();
        } else if (type.equals("BPE") && model.path("byte_fallback").asBoolean(false)) {
            sentencePiece();
        } else if (type.equals("BPE") && "ByteLevel".equals(json.path("decoder").path("type").asText())) {
            byteLevel();
        } else if (type.equals("Unigram")) {
            unigram();
        } else {
            throw refused("BPE of bytes or with byte fallback, Unigram, or WordPiece", type);
        }
        put(GgufTokenizer.BOS, tokenizer.bos());
        put(GgufTokenizer.EOS, tokenizer.eos());
        put(GgufTokenizer.UNKNOWN, unknown(tokenizer, config));
        put(GgufTokenizer.PAD, tokenizer.pad());
        metadata.put(GgufTokenizer.ADD_BOS, GgufValue.of(tokenizer.addsBos()));
        metadata.put("tokenizer.ggml.add_eos_token", GgufValue.of(config.path("add_eos_token").asBoolean(false)));
    }

    private OptionalInt unknown(HuggingFaceTokenizer tokenizer, JsonNode config) {
        JsonNode named = config.path("unk_token");
        JsonNode text = named.isObject() ? named.path("content") : named.isTextual() ? named : model.path("unk_token");
        return text.isTextual() ? tokenizer.id(text.textValue()) : OptionalInt.empty();
    }

    private void put(String key, OptionalInt id) {
        id.ifPresent(value -> metadata.put(key, GgufValue.of(value)));
    }

    private void fill(int rows) {
        String[] spelling = new String[rows];
        GgufTokenType[] kind = new GgufTokenType[rows];
        // of a unigram model a list, else an object
        for (int id = 0; model.path("vocab").isArray() && id < model.path("vocab").size(); id++) {
            spelling[id] = model.path("vocab").path(id).path(0).asText();
            kind[id] = GgufTokenType.NORMAL;
        }
        model.path("vocab").properties().forEach(entry -> {
            int id = entry.getValue().asInt();
            spelling[id] = entry.getKey();
            kind[id] = GgufTokenType.NORMAL;
        });
        for (JsonNode token : json.path("added_tokens")) {
            int id = token.path("id").asInt();
            spelling[id] = token.path("content").asText();
            kind[id] = token.path("special").asBoolean(false) ? GgufTokenType.CONTROL : GgufTokenType.USER_DEFINED;
        }
        fill(spelling, kind);
    }

    private void fill(String[] spelling, GgufTokenType[] kind) {
        for (int id = 0; id < spelling.length; id++) {
            tokens.add(spelling[id] == null ? "[PAD" + id + "]" : spelling[id]);
            types.add(spelling[id] == null ? GgufTokenType.UNUSED : kind[id]);
        }
    }

    /** The keys that all vocabularies have, last because spellings may have been changed. */
    private void vocabulary(String kind, String pre) {
        metadata.put(GgufTokenizer.MODEL, GgufValue.of(kind));
        metadata.put(GgufTokenizer.PRE, GgufValue.of(pre));
        metadata.put(GgufTokenizer.TOKENS, GgufValue.of(tokens));
        metadata.put(GgufTokenizer.TYPES, GgufValue.of(types.stream().mapToInt(Enum::ordinal).toArray()));
    }

    private void byteLevel() {
        String pre = GgufPreTokenizer.nameOf(json).orElseThrow(() -> refused("a pre-tokenizer and normalizer that GGUF has a name for ("
                + GgufPreTokenizer.known() + ")", "another"));
        vocabulary("gpt2", pre);
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : model.path("merges")) {
            merges.add(merge.isArray() ? merge.path(0).asText() + " " + merge.path(1).asText() : merge.asText());
        }
        metadata.put(GgufTokenizer.MERGES, GgufValue.of(merges));
    }

    /**
     * SentencePiece joins by the score of what comes out, a {@code tokenizer.json} by the pair's rank. The two say the same where the pairs
     * of a piece follow one another and none is missing, as in every file converted from SentencePiece; then the order is the score.
     */
    private void sentencePiece() {
        Map<String, Integer> order = new HashMap<>();
        int pairs = 0;
        String last = null;
        for (JsonNode merge : model.path("merges")) {
            String piece = merge.isArray() ? merge.path(0).asText() + merge.path(1).asText() : merge.asText().replace(" ", "");
            if (!piece.equals(last) && order.putIfAbsent(piece, order.size()) != null) {
                throw refused("the pairs of a piece one after the other, as SentencePiece has them", "those of \"" + piece + "\" apart");
            }
            last = piece;
            pairs++;
        }
        float[] scores = new float[tokens.size()];
        int splits = 0;
        for (int id = 0; id < scores.length; id++) {
            String token = tokens.get(id);
            if (types.get(id) == GgufTokenType.NORMAL) {
                if (Decoding.fallbackByte(token) >= 0) {
                    types.set(id, GgufTokenType.BYTE);
                    continue;
                }
                splits += splits(token);
                scores[id] = -1 - order.getOrDefault(token, order.size());
            } else {
                scores[id] = CONTROL_SCORE;
                if (token.equals(model.path("unk_token").asText())) {
                    types.set(id, GgufTokenType.UNKNOWN);
                }
                if (types.get(id) == GgufTokenType.USER_DEFINED) {
                    tokens.set(id, token.replace(SentencePieceBpe.SPACE, " "));
                }
            }
        }
        if (splits != pairs) {
            throw refused(splits + " merges, one for each way to join two pieces to a third", pairs);
        }
        vocabulary("llama", "default");
        metadata.put(GgufTokenizer.SCORES, GgufValue.of(scores));
        metadata.put(GgufTokenizer.SPACE_PREFIX, GgufValue.of(spacePrefix()));
    }

    private void unigram() {
        int unknown = model.path("unk_id").asInt(-1);
        if (unknown >= 0) {
            types.set(unknown, GgufTokenType.UNKNOWN);
        }
        Map<String, GgufValue> keys = GgufPieces.write(json, types).orElseThrow(() -> refused("a normalizer and a pre-tokenizer of SentencePiece", "others"));
        vocabulary("t5", "default");
        metadata.putAll(keys);
    }

    private int splits(String token) {
        int splits = 0;
        for (int cut = token.offsetByCodePoints(0, 1); cut < token.length(); cut = token.offsetByCodePoints(cut, 1)) {
            if (isPiece(token.substring(0, cut)) && isPiece(token.substring(cut))) {
                splits++;
            }
        }
        return splits;
    }

    private boolean isPiece(String text) {
        JsonNode id = model.path("vocab").path(text);
        return id.isInt() && types.get(id.intValue()) == GgufTokenType.NORMAL;
    }

    /** Whether spaces are U+2581 and a text begins with one, by either generation's way to say so. */
    private boolean spacePrefix() {
        JsonNode metaspace = json.path("pre_tokenizer");
        if ("Metaspace".equals(metaspace.path("type").asText()) && metaspace.path("replacement").asText().equals(SentencePieceBpe.SPACE)
                && !metaspace.path("split").asBoolean(true) && json.path("normalizer").isNull()) {
            return !metaspace.path("prepend_scheme").asText("always").equals("never");
        }
        JsonNode normalizer = json.path("normalizer");
        boolean prefix = false;
        boolean spaces = false;
        for (JsonNode step : "Sequence".equals(normalizer.path("type").asText()) ? normalizer.path("normalizers") : List.of(normalizer)) {
            switch (step.path("type").asText()) {
                case "Prepend" -> prefix = step.path("prepend").asText().equals(SentencePieceBpe.SPACE);
                case "Replace" -> spaces = step.path("pattern").path("String").asText().equals(" ")
                        && step.path("content").asText().equals(SentencePieceBpe.SPACE);
                default -> throw refused("a normalizer that only marks spaces", step.path("type").asText());
            }
        }
        // Gemma splits at spaces, of which none is left once they are marked
        boolean splitsNothing = "Split".equals(metaspace.path("type").asText()) && metaspace.path("pattern").path("String").asText().equals(" ");
        if (!spaces || !metaspace.isNull() && !splitsNothing) {
            throw refused("spaces marked by " + SentencePieceBpe.SPACE + " and no pre-tokenizer", metaspace.path("type").asText());
        }
        return prefix;
    }

    private void wordPiece() {
        JsonNode normalizer = json.path("normalizer");
        boolean lowercase = normalizer.path("lowercase").asBoolean(true);
        boolean strips = normalizer.path("strip_accents").asBoolean(lowercase);
        if (!normalizer.path("type").asText().equals("BertNormalizer") || !normalizer.path("clean_text").asBoolean(true) || !normalizer.path("handle_chinese_chars").asBoolean(true)
                || !model.path("continuing_subword_prefix").asText("##").equals("##")) {
            throw refused("BERT's normalizer, and a WordPiece whose continuations begin with ##, as llama.cpp takes them", "another");
        }
        metadata.put(GgufTokenizer.LOWERCASE, GgufValue.of(lowercase));
        metadata.put(GgufTokenizer.STRIP_ACCENTS, GgufValue.of(strips));
        for (int id = 0; id < tokens.size(); id++) {
            String token = tokens.get(id);
            if (types.get(id) == GgufTokenType.NORMAL && !GgufTokenizer.isBracketed(token)) {
                tokens.set(id, token.startsWith("##") && token.length() > 2 ? token.substring(2) : SentencePieceBpe.SPACE + token);
            }
        }
        vocabulary("bert", "default");
    }

    /** The model's template, and by their names those it has for other uses. */
    private void chatTemplates(Path directory, JsonNode config) {
        Path file = directory.resolve("chat_template.jinja");
        JsonNode own = config.path("chat_template");
        if (Files.isRegularFile(file)) {
            metadata.put(GgufTokenizer.CHAT_TEMPLATE, GgufValue.of(read(file)));
        } else if (own.isTextual()) {
            metadata.put(GgufTokenizer.CHAT_TEMPLATE, GgufValue.of(own.asText()));
        } else if (own.isArray()) {
            List<String> names = new ArrayList<>();
            for (JsonNode each : own) {
                String use = each.path("name").asText();
                boolean main = use.equals("default");
                metadata.put(GgufTokenizer.CHAT_TEMPLATE + (main ? "" : "." + use), GgufValue.of(each.path("template").asText()));
                if (!main) {
                    names.add(use);
                }
            }
            metadata.put("tokenizer.chat_templates", GgufValue.of(names));
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private IllegalArgumentException refused(String expected, Object found) {
        return new IllegalArgumentException(name + ": its tokenizer cannot be written as GGUF: expected " + expected + ", found " + found);
    }
}
