package dev.zhulong.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * Encoder for SentencePiece's BPE (Kudo and Richardson 2018): of all neighbours whose joined text is a piece, those with the highest score
 * join first, of equal scores the leftmost. A character that ends in no piece becomes its UTF-8 bytes. Safe for several threads.
 */
final class SentencePieceBpe {
    static final String SPACE = "\u2581";
    // Real vocabularies stay below 1 % of it; what is above would take minutes.
    private static final long MOST_SPLITS = 1L << 30;

    private final Map<String, Integer> pieces;
    private final PairMerges merges;
    private final int[] byteIds;
    private final int firstCharacter;

    /**
     * An encoder.
     *
     * @param pieces  text to id; only these can come out of a text's own characters
     * @param scores  by id
     * @param byteIds the ids of the 256 bytes, or 256 times the unknown token's
     * @throws IllegalArgumentException for pieces too long for words
     */
    SentencePieceBpe(Map<String, Integer> pieces, float[] scores, int[] byteIds) {
        this.pieces = pieces;
        this.byteIds = byteIds;
        this.firstCharacter = scores.length;
        if (pieces.keySet().stream().mapToLong(piece -> (long) piece.length() * piece.length()).sum() > MOST_SPLITS) {
            throw new IllegalArgumentException("pieces of the length of words, found far longer ones");
        }
        this.merges = new PairMerges(pairs(scores));
    }

    private PairTable pairs(float[] scores) {
        // Adding 0 makes of -0 the 0 it is equal to.
        TreeSet<Float> distinct = new TreeSet<>();
        pieces.values().forEach(id -> distinct.add(scores[id] + 0f));
        Map<Float, Integer> ranks = new TreeMap<>();
        distinct.descendingSet().forEach(score -> ranks.put(score, ranks.size()));
        int splits = pieces.keySet().stream().mapToInt(piece -> piece.codePointCount(0, piece.length()) - 1).sum();
        PairTable pairs = new PairTable(splits);
        pieces.forEach((piece, id) -> {
            for (int cut = piece.offsetByCodePoints(0, 1); cut < piece.length(); cut = piece.offsetByCodePoints(cut, 1)) {
                int left = symbol(piece.substring(0, cut));
                int right = symbol(piece.substring(cut));
                if (left >= 0 && right >= 0) {
                    pairs.put(left, right, ranks.get(scores[id] + 0f), id);
                }
            }
        });
        return pairs;
    }

    /** The id of a piece; a character that is none has a number behind the ids; -1 for anything else. */
    private int symbol(String text) {
        Integer id = pieces.get(text);
        if (id != null) {
            return id;
        }
        int first = text.codePointAt(0);
        return Character.charCount(first) == text.length() ? firstCharacter + first : -1;
    }

    /** Ids of {@code text}, in which spaces are U+2581 and there are no lone surrogates. */
    int[] encode(String text) {
        int[] symbols = merges.merge(text.codePoints().map(c -> symbol(Character.toString(c))).toArray());
        return Arrays.stream(symbols).flatMap(symbol -> symbol < firstCharacter ? IntStream.of(symbol) : bytes(symbol - firstCharacter))
                .toArray();
    }

    private IntStream bytes(int character) {
        byte[] utf8 = Character.toString(character).getBytes(StandardCharsets.UTF_8);
        return IntStream.range(0, utf8.length).map(i -> byteIds[utf8[i] & 0xff]);
    }
}
