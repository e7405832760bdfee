package dev.zhulong.data.pack;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Texts that are told apart together: each anchor is to find its own positive among the positives and negatives of all.
 *
 * @param texts   the anchors, their positives in the same order, and the negatives there are
 * @param anchors how many
 * @param prompts tokens of each text that are a prompt's, {@code [texts]}
 * @param out     whether an anchor is not compared with a candidate, {@code [anchors, candidates]}: one that says the same as its positive or as itself is no
 *                negative
 */
public record ContrastBatch(EncoderBatch texts, int anchors, int[] prompts, boolean[] out) {
    /** @param pad what texts are filled up with */
    public static ContrastBatch of(List<ContrastRow> rows, int pad) {
        int n = rows.size();
        List<EncoderRow> candidates = new ArrayList<>(rows.stream().map(ContrastRow::positive).toList());
        List<Integer> prompts = new ArrayList<>(rows.stream().map(ContrastRow::anchorPrompt).toList());
        rows.forEach(row -> prompts.add(row.otherPrompt()));
        rows.stream().filter(row -> row.negative().isPresent()).forEach(row -> {
            candidates.add(row.negative().get());
            prompts.add(row.otherPrompt());
        });
        List<EncoderRow> all = new ArrayList<>(rows.stream().map(ContrastRow::anchor).toList());
        all.addAll(candidates);
        boolean[] out = new boolean[n * candidates.size()];
        for (int i = 0; i < n; i++) {
            int[] own = rows.get(i).positive().ids();
            int[] itself = rows.get(i).anchor().ids();
            for (int j = 0; j < candidates.size(); j++) {
                int[] other = candidates.get(j).ids();
                out[i * candidates.size() + j] = i != j && (Arrays.equals(other, own) || Arrays.equals(other, itself));
            }
        }
        return new ContrastBatch(EncoderBatch.of(all, pad, false), n, prompts.stream().mapToInt(Integer::intValue).toArray(), out);
    }

    /** Positives and negatives. */
    public int candidates() {
        return texts.rows() - anchors;
    }

    /** Deals rows out to steps, those of about equal length together; nothing but seed and step decides a batch. */
    public static final class Deal {
        private final List<ContrastRow> rows;
        private final int pad;
        private final RowOrder order;

        /** @param batch rows a step */
        public Deal(List<ContrastRow> rows, int pad, int batch, long seed) {
            this.rows = List.copyOf(rows);
            this.pad = pad;
            order = new RowOrder(rows.size(), row -> rows.get(row).length(), batch, 0, 1, seed);
        }

        /** The batch of a step. */
        public ContrastBatch get(long step) {
            return of(order.step(step).stream().map(place -> rows.get(place.row())).toList(), pad);
        }
    }

    /** For evaluation: every row once, in their order, so that what stands beside a row does not follow its length. */
    public static List<ContrastBatch> all(List<ContrastRow> rows, int pad, int batch) {
        return IntStream.iterate(0, at -> at < rows.size(), at -> at + batch).mapToObj(at -> of(rows.subList(at, Math.min(rows.size(), at + batch)), pad)).toList();
    }
}
