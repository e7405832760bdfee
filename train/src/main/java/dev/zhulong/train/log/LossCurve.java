package dev.zhulong.train.log;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Losses by step, in the order they were measured; every point's loss is finite.
 *
 * @param points the measurements
 */
public record LossCurve(List<Point> points) {

    /**
     * One measurement.
     *
     * @param step optimizer steps
     * @param loss nats a token, or whatever unit the chart's axis names
     */
    public record Point(double step, double loss) {}

    public LossCurve {
        points = points.stream().filter(p -> Double.isFinite(p.step()) && Double.isFinite(p.loss())).toList();
    }

    /** The lines of a {@link MetricsLog} that have a finite number under {@code field}, e.g. {@code loss}. */
    public static LossCurve of(List<? extends Map<String, ?>> lines, String field) {
        return new LossCurve(lines.stream()
                .map(line -> new Point(MetricsLog.number(line, "step"), MetricsLog.number(line, field))).toList());
    }

    /**
     * Each point's mean with its {@code reach} neighbours on both sides (fewer at the ends, but as many left as right), so that the
     * smooth curve doesn't lag behind a falling loss as a running average would.
     */
    public LossCurve smoothed(int reach) {
        int n = points.size();
        double[] before = new double[n + 1];
        for (int i = 0; i < n; i++) {
            before[i + 1] = before[i] + points.get(i).loss();
        }
        List<Point> smooth = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            int r = Math.min(Math.max(0, reach), Math.min(i, n - 1 - i));
            smooth.add(new Point(points.get(i).step(), r == 0 ? points.get(i).loss() : (before[i + r + 1] - before[i - r]) / (2 * r + 1)));
        }
        return new LossCurve(smooth);
    }

    /** At most {@code 2 * groups} points that look the same when drawn: the lowest and the highest of each group of neighbours. */
    public LossCurve thinned(int groups) {
        if (points.size() <= 2 * groups) {
            return this;
        }
        List<Point> kept = new ArrayList<>(2 * groups);
        for (int g = 0; g < groups; g++) {
            int from = (int) ((long) points.size() * g / groups);
            int to = (int) ((long) points.size() * (g + 1) / groups);
            int low = from;
            int high = from;
            for (int i = from; i < to; i++) {
                low = points.get(i).loss() < points.get(low).loss() ? i : low;
                high = points.get(i).loss() > points.get(high).loss() ? i : high;
            }
            kept.add(points.get(Math.min(low, high)));
            if (low != high) {
                kept.add(points.get(Math.max(low, high)));
            }
        }
        return new LossCurve(kept);
    }
}
