package dev.zhulong.recipe.label;

import dev.zhulong.evaluate.text.Classification;
import dev.zhulong.evaluate.text.Estimate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * How right the classes are that pictures were given, and which are taken for which.
 *
 * @param scores    accuracy, F1, and how each class fares
 * @param labels    of rows and columns of the table
 * @param confusion pictures of a class (row) that another (column) was said of
 */
public record PictureScores(HeadScores scores, List<String> labels, long[][] confusion) {
    /** Name of the share of pictures whose class is among the five most probable. */
    public static final String TOP_5 = "top_5_accuracy";
    /** Widest table that is printed. */
    private static final int PRINTED = 12;

    /**
     * Of pictures.
     *
     * @param ranked labels that were said of each, the most probable first
     * @param right  its own
     * @param known  labels that are in the table even if no picture has them
     */
    public static PictureScores of(List<List<String>> ranked, List<String> right, List<String> known) {
        List<String> said = ranked.stream().map(List::getFirst).toList();
        Classification c = Classification.of(said, right);
        Map<String, Estimate> metrics = new LinkedHashMap<>();
        metrics.put(HeadScores.ACCURACY, c.accuracy());
        if (ranked.stream().mapToInt(List::size).max().orElse(0) >= 5) {
            double[] among = new double[right.size()];
            for (int i = 0; i < among.length; i++) {
                among[i] = ranked.get(i).subList(0, Math.min(5, ranked.get(i).size())).contains(right.get(i)) ? 1 : 0;
            }
            metrics.put(TOP_5, Estimate.mean(among, 1));
        }
        metrics.put(HeadScores.MACRO_F1, Estimate.unknown(c.macroF1()));
        metrics.put(HeadScores.WEIGHTED_F1, Estimate.unknown(c.weighted()));
        SortedSet<String> all = new TreeSet<>(right);
        all.addAll(said);
        all.addAll(known);
        List<String> labels = new ArrayList<>(all);
        long[][] confusion = new long[labels.size()][labels.size()];
        for (int i = 0; i < said.size(); i++) {
            confusion[labels.indexOf(right.get(i))][labels.indexOf(said.get(i))]++;
        }
        return new PictureScores(new HeadScores("pictures", right.size(), metrics, "label", c.classes(), List.of()), labels, confusion);
    }

    /** Metrics, a line for each class, and the table where it is narrow enough to be read. */
    public String text() {
        var out = new StringBuilder(scores.text());
        if (labels.size() > PRINTED) {
            return out.toString();
        }
        int width = Math.max(5, labels.stream().mapToInt(String::length).max().orElse(0));
        out.append(String.format(Locale.ROOT, "%n%-" + Math.max(width, 9) + "s", "taken for"));
        labels.forEach(label -> out.append(String.format(Locale.ROOT, " %" + width + "s", label)));
        for (int row = 0; row < labels.size(); row++) {
            out.append(String.format(Locale.ROOT, "%n%-" + Math.max(width, 9) + "s", labels.get(row)));
            for (long count : confusion[row]) {
                out.append(String.format(Locale.ROOT, " %" + width + "d", count));
            }
        }
        return out.toString();
    }
}
