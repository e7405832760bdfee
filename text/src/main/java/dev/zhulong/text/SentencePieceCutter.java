package dev.zhulong.text;

import dev.zhulong.text.SentencePieceModel.Algorithm;
import dev.zhulong.text.SentencePieceModel.Piece;
import dev.zhulong.text.SentencePieceModel.Type;
import dev.zhulong.text.SentencePieceNormalizer.Normalized;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Cuts a text into a model's pieces and says where in it they lie; unknown ones in a row are one, as SentencePiece gives them. */
final class SentencePieceCutter {
    private final SentencePieceModel model;
    private final SentencePieceNormalizer normalizer;
    private final SentencePieceUnigram unigram;
    private final SentencePieceBpe bpe;
    private final int unknown;
    /** By the number in the file. */
    private final int[] ids;
    private final int[] byteIds;

    SentencePieceCutter(SentencePieceModel model, SentencePieceFamily.Table table) {
        this.model = model;
        normalizer = new SentencePieceNormalizer(model);
        unknown = model.unknown();
        ids = model.pieces().stream().mapToInt(piece -> table.ids().getOrDefault(piece.text(), table.unknown())).toArray();
        ids[unknown] = table.unknown();
        byteIds = IntStream.range(0, 256).map(b -> table.ids().getOrDefault("<0x%02X>".formatted(b), table.unknown())).toArray();
        unigram = model.algorithm() == Algorithm.UNIGRAM ? new SentencePieceUnigram(model) : null;
        bpe = model.algorithm() == Algorithm.BPE ? bpe() : null;
    }

    private SentencePieceBpe bpe() {
        List<Piece> pieces = model.pieces();
        if (pieces.stream().anyMatch(piece -> piece.type() == Type.USER_DEFINED || piece.type() == Type.UNUSED)) {
            throw new IllegalArgumentException("expected a BPE model of SentencePiece whose pieces are all in use and its own: user-defined and unused ones are not implemented");
        }
        float[] scores = new float[pieces.size()];
        Map<String, Integer> normal = new HashMap<>();
        for (int id = 0; id < scores.length; id++) {
            scores[id] = pieces.get(id).score();
            if (pieces.get(id).type() == Type.NORMAL) {
                normal.put(pieces.get(id).text(), id);
            }
        }
        return new SentencePieceBpe(normal, scores, new int[256]);
    }

    /** @param text without lone surrogates */
    TextPieces cut(String text) {
        Normalized normalized = normalizer.normalize(text);
        String form = normalized.text();
        int[] cuts = unigram == null ? bpeCuts(form) : unigram.cut(form);
        List<int[]> tokens = new ArrayList<>();
        boolean afterUnknown = false;
        for (int i = 0; i < cuts.length; i += 2) {
            int from = normalized.origin()[cuts[i]];
            int end = i + 2 < cuts.length ? cuts[i + 2] : form.length();
            int to = normalized.origin()[end];
            boolean isUnknown = cuts[i + 1] == unknown;
            if (isUnknown && model.byteFallback()) {
                for (byte b : form.substring(cuts[i], end).getBytes(StandardCharsets.UTF_8)) {
                    tokens.add(new int[] {byteIds[b & 0xFF], from, to});
                }
            } else if (isUnknown && afterUnknown) {
                tokens.getLast()[2] = to;
            } else {
                tokens.add(new int[] {ids[cuts[i + 1]], from, to});
            }
            afterUnknown = isUnknown;
        }
        return new TextPieces(column(tokens, 0), column(tokens, 1), column(tokens, 2), new int[tokens.size()]);
    }

    private int[] bpeCuts(String text) {
        int[] symbols = bpe.symbols(text);
        int[] cuts = new int[2 * symbols.length];
        int at = 0;
        for (int i = 0; i < symbols.length; i++) {
            boolean character = symbols[i] >= model.pieces().size();
            cuts[2 * i] = at;
            cuts[2 * i + 1] = character ? unknown : symbols[i];
            at += character ? Character.charCount(text.codePointAt(at)) : model.pieces().get(symbols[i]).text().length();
        }
        return cuts;
    }

    private static int[] column(List<int[]> rows, int column) {
        return rows.stream().mapToInt(row -> row[column]).toArray();
    }
}
