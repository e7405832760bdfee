package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.text.SentencePieceFamily.Table;
import dev.zhulong.text.SentencePieceModel.Algorithm;
import dev.zhulong.text.SentencePieceModel.Piece;
import dev.zhulong.text.SentencePieceModel.Type;
import dev.zhulong.text.VocabularyTokenizer.Special;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** SentencePiece's unigram model as keys of a GGUF file ({@code tokenizer.ggml.model} is {@code t5}), both ways: T5 and XLM-R. */
final class GgufPieces {
    private static final String FEWER_SPACES = "tokenizer.ggml.remove_extra_whitespaces";
    private static final String CHARSMAP = "tokenizer.ggml.precompiled_charsmap";
    /** Score of what is never chosen. */
    private static final float NEVER = -10_000;

    private GgufPieces() {}

    /** @param types of {@code tokens} */
    static PublishedSentencePiece load(GgufMetadata metadata, List<String> tokens, GgufTokenType[] types) {
        float[] scores = metadata.floats(GgufTokenizer.SCORES, tokens.size());
        OptionalInt named = metadata.tokenId(GgufTokenizer.UNKNOWN, tokens.size());
        Map<String, Integer> ids = new LinkedHashMap<>();
        Set<String> special = new LinkedHashSet<>();
        List<Piece> pieces = new ArrayList<>();
        int unknown = -1;
        for (int id = 0; id < tokens.size(); id++) {
            String text = tokens.get(id);
            if (Float.isNaN(scores[id])) {
                throw metadata.wrong(GgufTokenizer.SCORES, "numbers; token " + id + " has none");
            }
            Type type = switch (types[id]) {
                case UNDEFINED, NORMAL -> Type.NORMAL;
                case UNKNOWN -> Type.UNKNOWN;
                case CONTROL -> Type.CONTROL;
                case USER_DEFINED -> NativeTokenizer.isSpelledAsMark(text) ? Type.CONTROL : Type.USER_DEFINED;
                case UNUSED -> Type.UNUSED;
                case BYTE -> Type.BYTE;
            };
            boolean isUnknown = named.isPresent() ? named.getAsInt() == id : type == Type.UNKNOWN && unknown < 0;
            if (isUnknown) {
                unknown = id;
            }
            type = isUnknown ? Type.UNKNOWN : type == Type.UNKNOWN ? Type.CONTROL : type;
            pieces.add(new Piece(text, scores[id], type));
            ids.put(text, id);
            if (type == Type.UNKNOWN || type == Type.CONTROL) {
                special.add(text);
            }
        }
        if (unknown < 0) {
            throw metadata.wrong(GgufTokenizer.UNKNOWN, "the unknown token's id");
        }
        var model = new SentencePieceModel(List.copyOf(pieces), Algorithm.UNIGRAM, pieces.stream().anyMatch(piece -> piece.type() == Type.BYTE), charsmap(metadata),
                metadata.flag(GgufTokenizer.SPACE_PREFIX, true), metadata.flag(FEWER_SPACES, false));
        OptionalInt bos = metadata.tokenId(GgufTokenizer.BOS, tokens.size());
        OptionalInt eos = metadata.tokenId(GgufTokenizer.EOS, tokens.size());
        boolean addsBos = bos.isPresent() && metadata.flag(GgufTokenizer.ADD_BOS, false);
        SequenceTemplate template = template(addsBos ? bos : OptionalInt.empty(), metadata.flag(GgufTokenizer.ADD_EOS, true) ? eos : OptionalInt.empty());
        OptionalInt pad = metadata.tokenId(GgufTokenizer.PAD, tokens.size());
        OptionalInt mask = metadata.has(GgufTokenizer.MASK) ? metadata.tokenId(GgufTokenizer.MASK, tokens.size())
                : ids.containsKey("<mask>") ? OptionalInt.of(ids.get("<mask>")) : OptionalInt.empty();
        return PublishedSentencePiece.of(model, new Table(ids, special, unknown), new Special(bos, eos, pad, addsBos), template,
                new SpecialIds(pad, mask, addsBos ? bos : OptionalInt.empty(), eos, OptionalInt.of(unknown)), metadata.file().toString());
    }

    /** XLM-R's where a text has a token before it, else T5's. */
    static SequenceTemplate template(OptionalInt bos, OptionalInt eos) {
        if (bos.isPresent() && eos.isPresent()) {
            return SequenceTemplate.roberta(bos.getAsInt(), eos.getAsInt());
        }
        return eos.isPresent() ? SequenceTemplate.ended(eos.getAsInt()) : SequenceTemplate.NOTHING;
    }

    private static Optional<PrecompiledCharsmap> charsmap(GgufMetadata metadata) {
        if (!metadata.has(CHARSMAP)) {
            return Optional.empty();
        }
        if (!(metadata.values().get(CHARSMAP) instanceof GgufValue.Numbers numbers) || numbers.element().bytes() != 1) {
            throw metadata.wrong(CHARSMAP, "an array of bytes");
        }
        return numbers.size() == 0 ? Optional.empty() : Optional.of(PrecompiledCharsmap.of(numbers.raw()).orElseThrow(() -> metadata.wrong(CHARSMAP,
                "rules of a normalizer that stay within their tables")));
    }

    /** What a {@code tokenizer.json} says, as a file of SentencePiece would; empty where that cannot say it. @param types of its tokens, by id */
    static Optional<Map<String, GgufValue>> write(JsonNode json, List<GgufTokenType> types) {
        var normal = new Normalization();
        if (!normal.takes(json.path("normalizer")) || !normal.takes(json.path("pre_tokenizer")) || !normal.spaces || json.path("model").path("byte_fallback").asBoolean(false)) {
            return Optional.empty();
        }
        float[] scores = new float[types.size()];
        JsonNode vocab = json.path("model").path("vocab");
        for (int id = 0; id < scores.length; id++) {
            scores[id] = id < vocab.size() ? (float) vocab.path(id).path(1).asDouble() : NEVER;
        }
        return Optional.of(keys(scores, normal.prefix, normal.fewer, normal.charsmap));
    }

    private static Map<String, GgufValue> keys(float[] scores, boolean prefix, boolean fewer, byte[] charsmap) {
        Map<String, GgufValue> keys = new LinkedHashMap<>();
        keys.put(GgufTokenizer.SCORES, GgufValue.of(scores));
        keys.put(GgufTokenizer.SPACE_PREFIX, GgufValue.of(prefix));
        keys.put(FEWER_SPACES, GgufValue.of(fewer));
        if (charsmap.length > 0) {
            keys.put(CHARSMAP, new GgufValue.Numbers(GgufValue.Type.UINT8, charsmap));
        }
        return keys;
    }

    /** The steps of a normalizer and a pre-tokenizer that SentencePiece has too. */
    private static final class Normalization {
        private byte[] charsmap = {};
        private boolean fewer;
        private boolean prefix;
        private boolean spaces;

        boolean takes(JsonNode step) {
            switch (step.path("type").asText("")) {
                case "" -> {
                    return step.isNull() || step.isMissingNode();
                }
                case "Sequence" -> {
                    for (JsonNode each : step.path(step.has("normalizers") ? "normalizers" : "pretokenizers")) {
                        if (!takes(each)) {
                            return false;
                        }
                    }
                    return true;
                }
                case "Precompiled" -> {
                    charsmap = Base64.getDecoder().decode(step.path("precompiled_charsmap").asText());
                    return true;
                }
                case "Replace" -> {
                    fewer = true;
                    String by = step.path("content").asText();
                    return step.path("pattern").path("Regex").asText().equals(" {2,}") && (by.equals(" ") || by.equals(SentencePieceBpe.SPACE));
                }
                // of spaces at the ends none is left where several become one
                case "Strip" -> {
                    return true;
                }
                case "WhitespaceSplit" -> {
                    fewer = true;
                    return true;
                }
                case "Metaspace" -> {
                    spaces = step.path("replacement").asText(SentencePieceBpe.SPACE).equals(SentencePieceBpe.SPACE);
                    prefix = !step.path("prepend_scheme").asText("always").equals("never") && step.path("add_prefix_space").asBoolean(true);
                    return true;
                }
                default -> {
                    return false;
                }
            }
        }
    }

    /** A file of SentencePiece under the ids of its family. @param rows ids that there are */
    static Map<String, GgufValue> write(SentencePieceModel model, Table table, int rows) {
        float[] scores = new float[rows];
        Arrays.fill(scores, NEVER);
        for (Piece piece : model.pieces()) {
            Integer id = table.ids().get(piece.text());
            if (id != null) {
                scores[id] = piece.score();
            }
        }
        return keys(scores, model.dummyPrefix(), model.fewerSpaces(), model.charsmap().map(PrecompiledCharsmap::compiled).orElse(new byte[0]));
    }
}
