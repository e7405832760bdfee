package dev.zhulong.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Encoder for SentencePiece's BPE (Kudo and Richardson 2018): of all neighbours whose joined text is a piece, those with the highest score
 * join first, of equal scores the leftmost. A character that ends in no piece becomes its UTF-8 bytes. Safe for several threads.
 */
final class SentencePieceBpe {
    static final String SPACE = "\u2581";
    // of the squares; real vocabularies stay below 1 % of it, and a text of much longer pieces would take minutes
    private static final long MOST_LENGTHS = 1L << 30;

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
        String[] texts = new String[scores.length];
        long lengths = 0;
        for (Map.Entry<String, Integer> piece : pieces.entrySet()) {
            String text = piece.getKey();
            texts[piece.getValue()] = text;
            lengths += (long) text.length() * text.length();
        }
        if (lengths > MOST_LENGTHS) {
            throw new IllegalArgumentException("pieces of the length of words, found far longer ones");
        }
        this.merges = new PairMerges(new Joined(texts, scores));
    }

    /**
     * Pairs by looking their joined text up: a table of all pairs would take longer to make than most texts to encode. A pair's entry is the id of
     * the piece it makes.
     */
    private final class Joined implements PairMerges.Pairs {
        private final String[] texts;
        private final float[] scores;

        Joined(String[] texts, float[] scores) {
            this.texts = texts;
            this.scores = scores;
        }

        private String text(int symbol) {
            return symbol < firstCharacter ? texts[symbol] : Character.toString(symbol - firstCharacter);
        }

        @Override
        public int find(int left, int right) {
            Integer id = pieces.get(text(left).concat(text(right)));
            return id == null ? -1 : id;
        }

        @Override
        public int rank(int entry) {
            // the bits of floats in the order of the floats, then the highest first; adding 0 makes of -0 the 0 it is equal to
            int bits = Float.floatToIntBits(scores[entry] + 0f);
            return ~(bits ^ bits >> 31 & 0x7fffffff);
        }

        @Override
        public int merged(int entry) {
            return entry;
        }
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
        return Arrays.stream(symbols(text)).flatMap(symbol -> symbol < firstCharacter ? IntStream.of(symbol) : bytes(symbol - firstCharacter))
                .toArray();
    }

    /** The same, where a character that ends in no piece is a number behind the ids: the largest id and one, and its code point. */
    int[] symbols(String text) {
        return merges.merge(text.codePoints().map(c -> symbol(Character.toString(c))).toArray());
    }

    private IntStream bytes(int character) {
        byte[] utf8 = Character.toString(character).getBytes(StandardCharsets.UTF_8);
        return IntStream.range(0, utf8.length).map(i -> byteIds[utf8[i] & 0xff]);
    }
}
