package dev.zhulong.evaluate.text;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Translation edit rate (Snover et al. 2006): insertions, deletions, substitutions and shifts of word sequences that turn a hypothesis into
 * its reference, in per cent of the reference's words; less is better. As sacreBLEU 2.6.0 computes it, after Tercom. Of several references
 * the one with the fewest edits counts, against the mean length of all. Statistics of a segment: edits, reference words.
 *
 * @param normalized    whether punctuation is separated from words
 * @param noPunct       whether punctuation is removed
 * @param asianSupport  whether the two above know East Asian characters too
 * @param caseSensitive whether case counts
 */
public record Ter(boolean normalized, boolean noPunct, boolean asianSupport, boolean caseSensitive) implements CorpusMetric {
    /** Words as they are between white space, case ignored. */
    public static final Ter DEFAULT = new Ter(false, false, false, false);

    @Override
    public String name() {
        return "TER";
    }

    @Override
    public String settings() {
        return "case:" + (caseSensitive ? "mixed" : "lc") + "|tok:tercom|norm:" + yes(normalized) + "|punct:" + yes(!noPunct) + "|asian:"
                + yes(asianSupport);
    }

    private static String yes(boolean it) {
        return it ? "yes" : "no";
    }

    @Override
    public SegmentStatistics statistics(List<Segment> segments) {
        var statistics = new SegmentStatistics(segments.size(), 2);
        for (int s = 0; s < segments.size(); s++) {
            Segment segment = segments.get(s);
            var vocabulary = new HashMap<String, Integer>();
            int[] hypothesis = words(segment.hypothesis(), vocabulary);
            int fewest = Integer.MAX_VALUE;
            long words = 0;
            for (String text : segment.references()) {
                int[] reference = words(text, vocabulary);
                fewest = Math.min(fewest, ShiftedEdits.count(hypothesis, reference));
                words += reference.length;
            }
            statistics.set(s, new double[] {fewest, (double) words / segment.references().size()});
        }
        return statistics;
    }

    private int[] words(String text, Map<String, Integer> vocabulary) {
        return TerTokenizer.words(text, this).stream().mapToInt(w -> vocabulary.computeIfAbsent(w, unseen -> vocabulary.size())).toArray();
    }

    @Override
    public double score(double[] sums) {
        if (sums[1] > 0) {
            return 100 * (sums[0] / sums[1]);
        }
        // words where none were wanted are as wrong as can be, nothing where nothing was wanted is right
        return sums[0] > 0 ? 100 : 0;
    }

    @Override
    public String verbose(double[] sums) {
        return String.format(Locale.ROOT, "(edits = %.0f ref_len = %.1f; less is better)", sums[0], sums[1]);
    }

    @Override
    public void describe(double[] sums, ObjectNode json) {
        json.put("edits", (long) sums[0]);
        json.put("reference_length", sums[1]);
    }
}
