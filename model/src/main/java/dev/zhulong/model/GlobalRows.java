package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** The few tokens that see all of their document, wherever it is cut: a row of scores each. */
final class GlobalRows {
    /**
     * A document's.
     *
     * @param count  tokens that see all of it; may be none
     * @param length tokens of the document
     * @param mask   [1, 1, 1 or count, length]; null where all is seen
     */
    private record Document(int count, int length, Tensor mask) {}

    private final List<Document> documents;
    private final Tensor indices;
    /** By token, the row of its result among those of all tokens and those of these after them. */
    private final Tensor places;

    private GlobalRows(List<Document> documents, Tensor indices, Tensor places) {
        this.documents = documents;
        this.indices = indices;
        this.places = places;
    }

    /** Null where windows and global keys hold all that global tokens see. */
    static GlobalRows of(Rows rows, int before, boolean causal) {
        List<Document> documents = new ArrayList<>();
        List<Long> indices = new ArrayList<>();
        long[] places = new long[rows.tokens()];
        for (int from = 0; from < rows.tokens(); from = rows.end(from)) {
            int first = indices.size();
            int unseen = 0;
            for (int i = from; i < rows.end(from); i++) {
                boolean global = rows.isGlobal(i) && !rows.isBlind(i);
                // a causal one with nothing but global tokens before its window sees them as any other does
                unseen += i - before > from && !rows.isGlobal(i - before - 1) ? 1 : 0;
                places[i] = global && (!causal || unseen > 0) ? rows.tokens() + indices.size() : i;
                if (places[i] != i) {
                    indices.add((long) i);
                }
            }
            int count = indices.size() - first;
            documents.add(new Document(count, rows.end(from) - from, count == 0 ? null : mask(rows, from, indices.subList(first, indices.size()), causal)));
        }
        if (indices.isEmpty()) {
            return null;
        }
        return new GlobalRows(documents, Tensor.of(indices.stream().mapToLong(Long::longValue).toArray(), indices.size()), Tensor.of(places, places.length));
    }

    private static Tensor mask(Rows rows, int from, List<Long> tokens, boolean causal) {
        int length = rows.end(from) - from;
        int height = causal ? tokens.size() : 1;
        float[] mask = new float[height * length];
        boolean any = false;
        for (int row = 0; row < height; row++) {
            for (int i = 0; i < length; i++) {
                boolean hidden = rows.isHidden(from + i) || causal && from + i > tokens.get(row);
                mask[row * length + i] = hidden ? Float.NEGATIVE_INFINITY : 0;
                any |= hidden;
            }
        }
        return any ? Tensor.of(mask, 1, 1, height, length) : null;
    }

    /** I64 [n], counted over all rows. */
    Tensor indices() {
        return indices;
    }

    /**
     * Results of all tokens with those of these in their places.
     *
     * @param y      [tokens, heads, d]
     * @param q      of these [n, heads, d]
     * @param keys   of all tokens [tokens, kv heads, d]
     * @param values as {@code keys}
     */
    Tensor replace(Tensor y, Tensor q, Tensor keys, Tensor values, Scoring scoring) {
        long[] lengths = documents.stream().mapToLong(Document::length).toArray();
        List<Tensor> keysOf = keys.split(0, lengths);
        List<Tensor> valuesOf = values.split(0, lengths);
        List<Tensor> queriesOf = q.split(0, documents.stream().mapToLong(Document::count).toArray());
        List<Tensor> parts = new ArrayList<>(List.of(y));
        for (int i = 0; i < documents.size(); i++) {
            if (documents.get(i).count > 0) {
                Tensor one = scoring.attend(alone(queriesOf.get(i)), alone(keysOf.get(i)), alone(valuesOf.get(i)), documents.get(i).mask, false);
                parts.add(LocalAttention.flat(one));
            }
        }
        return Tensor.cat(0, parts.toArray(Tensor[]::new)).indexSelect(0, places);
    }

    private static Tensor alone(Tensor flat) {
        return flat.unsqueeze(0).transpose(1, 2);
    }
}
