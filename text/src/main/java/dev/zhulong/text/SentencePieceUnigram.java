package dev.zhulong.text;

import dev.zhulong.text.SentencePieceModel.Piece;
import dev.zhulong.text.SentencePieceModel.Type;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Encoder for SentencePiece's unigram model (Kudo 2018): of all ways to cut a text into pieces the likeliest, found from left to right ({@code EncodeOptimized}
 * of its {@code unigram_model.cc}, with its sums in double precision and its best sums in single). Safe for several threads.
 */
final class SentencePieceUnigram {
    private static final float UNKNOWN_PENALTY = 10;
    private static final double DEFINED_PENALTY = 0.1;

    private final SentencePieceModel model;
    private final PiecePrefixes prefixes;
    private final int unknown;
    private final float unknownScore;
    private final float largest;

    SentencePieceUnigram(SentencePieceModel model) {
        this.model = model;
        this.prefixes = new PiecePrefixes(model, IntStream.range(0, model.pieces().size()).filter(id -> switch (model.pieces().get(id).type()) {
            case NORMAL, USER_DEFINED -> true;
            default -> false;
        }).boxed().toList());
        this.unknown = model.unknown();
        float least = Float.MAX_VALUE;
        float most = Float.MIN_NORMAL;
        for (Piece piece : model.pieces()) {
            if (piece.type() == Type.NORMAL) {
                least = Math.min(least, piece.score());
                most = Math.max(most, piece.score());
            }
        }
        unknownScore = least - UNKNOWN_PENALTY;
        largest = most;
    }

    /**
     * Where a normalized text is cut: begin and id of each piece in turn; a character that is no piece is an unknown one by itself.
     *
     * @return [2 · pieces]
     */
    int[] cut(String text) {
        int n = text.length();
        float[] best = new float[n + 1];
        int[] from = new int[n + 1];
        int[] id = new int[n + 1];
        Arrays.fill(from, -1);
        for (int at = 0; at < n; at += Character.charCount(text.codePointAt(at))) {
            int start = at;
            int single = at + Character.charCount(text.codePointAt(at));
            boolean[] alone = {false};
            prefixes.each(text, start, (piece, length) -> {
                offer(start, start + length, score(piece), piece, best, from, id);
                alone[0] |= start + length == single;
            });
            if (!alone[0]) {
                offer(start, single, unknownScore, unknown, best, from, id);
            }
        }
        int pieces = 0;
        for (int end = n; end > 0; end = from[end]) {
            pieces++;
        }
        int[] cuts = new int[2 * pieces];
        for (int end = n, i = pieces - 1; end > 0; end = from[end], i--) {
            cuts[2 * i] = from[end];
            cuts[2 * i + 1] = id[end];
        }
        return cuts;
    }

    private double score(int id) {
        Piece piece = model.pieces().get(id);
        return piece.type() == Type.USER_DEFINED ? piece.text().getBytes(StandardCharsets.UTF_8).length * largest - DEFINED_PENALTY : piece.score();
    }

    private static void offer(int start, int end, double score, int piece, float[] best, int[] from, int[] id) {
        float sum = (float) score + best[start];
        if (from[end] < 0 || sum > best[end]) {
            best[end] = sum;
            from[end] = start;
            id[end] = piece;
        }
    }
}
