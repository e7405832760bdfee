package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The pieces of a vocabulary that cut texts of given tokens as the whole vocabulary does, and any other text into something that decodes to it.
 *
 * <p>Why it is exact. In BPE no merge crosses the edge of a final piece, so the merges inside of it are those that its own spelling goes through
 * alone: with these pieces, and all merges between them in their order, the same merge is the next one at every step. In unigram the best way through a
 * text stays the best among fewer, since the piece of the lowest score, from which the price of an unknown character is computed, stays. In
 * WordPiece the longest match stays the longest.
 */
final class KeptPieces {
    /** The space of SentencePiece, which its decoders do not find among bytes. */
    private static final String SPACE = "\u2581";

    private final JsonNode tokenizer;
    private final JsonNode model;
    private final String name;
    private final Map<String, Integer> ids = new HashMap<>();
    private final Map<Integer, String> spellings = new HashMap<>();
    private final BitSet kept = new BitSet();

    private record Pair(String left, String right) {}

    private KeptPieces(JsonNode tokenizer, String name) {
        this.tokenizer = tokenizer;
        this.name = name;
        model = tokenizer.path("model");
        pieces(model).forEach((piece, id) -> {
            ids.put(piece, id);
            spellings.put(id, piece);
        });
    }

    /**
     * Ids of the pieces that stay.
     *
     * @param tokenizer a whole {@code tokenizer.json}
     * @param name      of the file, for messages
     * @param used      ids that stay in any case: those that the texts become
     * @throws IllegalArgumentException where the model is of a kind that is not known to stay exact
     */
    static BitSet of(JsonNode tokenizer, String name, Set<Integer> used) {
        var pieces = new KeptPieces(tokenizer, name);
        used.forEach(pieces.kept::set);
        tokenizer.path("added_tokens").forEach(token -> pieces.kept.set(token.path("id").intValue()));
        switch (type(pieces.model)) {
            case "BPE" -> pieces.bpe(used);
            case "Unigram" -> pieces.unigram();
            case "WordPiece" -> pieces.wordPiece();
            default -> throw new IllegalArgumentException(name + ": a vocabulary of the kind " + type(pieces.model) + " cannot be cut; expected BPE, Unigram or WordPiece");
        }
        return pieces.kept;
    }

    /** Files of old versions do not say it. */
    static String type(JsonNode model) {
        return model.path("type").asText(model.has("merges") ? "BPE" : model.path("vocab").isArray() ? "Unigram" : "WordPiece");
    }

    /** The model's own pieces, without added tokens, by spelling. */
    static Map<String, Integer> pieces(JsonNode model) {
        Map<String, Integer> pieces = new HashMap<>();
        if (model.path("vocab").isArray()) {
            for (int id = 0; id < model.path("vocab").size(); id++) {
                pieces.putIfAbsent(model.path("vocab").path(id).path(0).asText(), id);
            }
        } else {
            model.path("vocab").properties().forEach(entry -> pieces.put(entry.getKey(), entry.getValue().intValue()));
        }
        return pieces;
    }

    /** The two pieces that a merge joins. */
    static String[] pair(JsonNode merge) {
        return merge.isArray() ? new String[] {merge.path(0).asText(), merge.path(1).asText()} : merge.asText().split(" ", 2);
    }

    private void bpe(Set<Integer> used) {
        for (String mark : new String[] {"continuing_subword_prefix", "end_of_word_suffix"}) {
            if (!model.path(mark).asText("").isEmpty() && !model.path(mark).isNull()) {
                throw new IllegalArgumentException(name + ": pieces are marked by their place in a word (" + mark + "), and such a vocabulary cannot be cut");
            }
        }
        keep(model.path("unk_token").asText(null));
        keep(SPACE);
        boolean spelled = model.path("byte_fallback").asBoolean(false) ? keepBytes() : HuggingFaceTokenizer.isByteLevel(tokenizer.path("pre_tokenizer")) && keepAlphabet();
        if (!spelled) {
            keepCharacters("");
        }
        Map<Pair, Integer> ranks = new HashMap<>();
        for (JsonNode merge : model.path("merges")) {
            String[] pair = pair(merge);
            ranks.putIfAbsent(new Pair(pair[0], pair[1]), ranks.size());
        }
        used.stream().map(spellings::get).filter(spelling -> spelling != null).forEach(spelling -> keepParents(spelling, ranks));
    }

    /** What a piece goes through when it is formed; one that merges do not lead to is a token for other reasons, and needs nothing. */
    private void keepParents(String piece, Map<Pair, Integer> ranks) {
        List<String> parts = new ArrayList<>(piece.codePoints().mapToObj(Character::toString).toList());
        List<String> formed = new ArrayList<>(parts);
        while (parts.size() > 1) {
            int best = -1;
            int least = Integer.MAX_VALUE;
            for (int i = 0; i + 1 < parts.size(); i++) {
                Integer rank = ranks.get(new Pair(parts.get(i), parts.get(i + 1)));
                if (rank != null && rank < least) {
                    least = rank;
                    best = i;
                }
            }
            if (best < 0) {
                return;
            }
            parts.set(best, parts.get(best) + parts.remove(best + 1));
            formed.add(parts.get(best));
        }
        formed.forEach(this::keep);
    }

    private void unigram() {
        if (model.path("unk_id").canConvertToInt() && !model.path("unk_id").isNull()) {
            kept.set(model.path("unk_id").intValue());
        }
        keep(SPACE);
        if (!(model.path("byte_fallback").asBoolean(false) && keepBytes())) {
            keepCharacters("");
        }
        int lowest = -1;
        JsonNode vocab = model.path("vocab");
        for (int id = 0; id < vocab.size(); id++) {
            if (lowest < 0 || vocab.path(id).path(1).doubleValue() < vocab.path(lowest).path(1).doubleValue()) {
                lowest = id;
            }
        }
        kept.set(lowest);
    }

    private void wordPiece() {
        keep(model.path("unk_token").asText(null));
        keepCharacters("");
        keepCharacters(model.path("continuing_subword_prefix").asText("##"));
    }

    /** The bytes that characters fall back to; false where one is missing, and with it some characters. */
    private boolean keepBytes() {
        boolean all = true;
        for (int b = 0; b < 256; b++) {
            all &= keep("<0x%02X>".formatted(b));
        }
        return all;
    }

    private boolean keepAlphabet() {
        boolean all = true;
        for (int b = 0; b < 256; b++) {
            all &= keep(ByteAlphabet.spell(new byte[] {(byte) b}));
        }
        return all;
    }

    /** Whatever characters the vocabulary can spell by themselves. */
    private void keepCharacters(String prefix) {
        ids.forEach((piece, id) -> {
            if (piece.startsWith(prefix) && piece.codePointCount(prefix.length(), piece.length()) == 1) {
                kept.set(id);
            }
        });
    }

    private boolean keep(String piece) {
        Integer id = ids.get(piece);
        if (id != null) {
            kept.set(id);
        }
        return id != null;
    }
}
