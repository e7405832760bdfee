package dev.zhulong.train.log;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * What the routers of a mixture of experts did in a run: each expert's share of the tokens' choices over all layers, the least share of any expert of any
 * layer, and the mean entropy of the routers' distributions.
 *
 * @param title   above the charts
 * @param shares  by expert
 * @param least   of any layer
 * @param entropy in nats; {@code ln(experts)} where the router cannot tell experts apart
 */
public record RouterChart(String title, List<LossCurve> shares, LossCurve least, LossCurve entropy) {
    private static final int WIDTH = 1200;
    private static final int HEIGHT = 550;

    /** Of the lines of a {@link MetricsLog}; empty where the model has no routers. */
    public static Optional<RouterChart> of(String title, List<? extends Map<String, ?>> lines) {
        List<? extends Map<String, ?>> steps = lines.stream().filter(line -> line.containsKey("router_entropy")).toList();
        if (steps.isEmpty()) {
            return Optional.empty();
        }
        var shares = new ArrayList<LossCurve>();
        while (steps.getFirst().containsKey("expert_share_" + shares.size())) {
            shares.add(LossCurve.of(steps, "expert_share_" + shares.size()));
        }
        return Optional.of(new RouterChart(title, shares, LossCurve.of(steps, "expert_share_least"), LossCurve.of(steps, "router_entropy")));
    }

    /** The last tenth of the run in a line. */
    public String summary() {
        double[] of = shares.stream().mapToDouble(RouterChart::last).sorted().toArray();
        return String.format(Locale.ROOT, "experts, mean of the last tenth of the steps: shares of the tokens %.3f to %.3f, the least of any layer %.3f (equal: %.3f);"
                + " entropy of the routers %.3f nats (no preference: %.3f)", of[0], of[of.length - 1], last(least), 1.0 / of.length, last(entropy), Math.log(of.length));
    }

    private static double last(LossCurve curve) {
        int n = curve.points().size();
        return curve.points().stream().skip(n - Math.ceilDiv(n, 10)).mapToDouble(LossCurve.Point::loss).average().orElse(Double.NaN);
    }

    /**
     * A PNG of 1200 x 1100 pixels, shares above, entropy below; needs no display.
     *
     * @throws IllegalStateException if this machine has no fonts to write the axes with
     */
    public byte[] png() {
        System.setProperty("java.awt.headless", System.getProperty("java.awt.headless", "true"));
        try {
            XYChart above = chart(title, "share of the tokens");
            for (int expert = 0; expert < shares.size(); expert++) {
                add(above, "expert " + expert, shares.get(expert));
            }
            add(above, "least of any layer", least).setLineColor(Color.BLACK);
            XYChart below = chart("", "entropy of the routers (nats)");
            add(below, "entropy", entropy);
            below.getStyler().setLegendVisible(false);
            var image = new BufferedImage(WIDTH, 2 * HEIGHT, BufferedImage.TYPE_INT_RGB);
            Graphics2D graphics = image.createGraphics();
            graphics.drawImage(BitmapEncoder.getBufferedImage(above), 0, 0, null);
            graphics.drawImage(BitmapEncoder.getBufferedImage(below), 0, HEIGHT, null);
            graphics.dispose();
            var png = new ByteArrayOutputStream();
            ImageIO.write(image, "png", png);
            return png.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException("can't encode the chart of the experts", e);
        } catch (RuntimeException | InternalError | LinkageError e) {
            throw LossChart.noFonts("the chart of the experts", e);
        }
    }

    private static XYChart chart(String title, String axis) {
        XYChart chart = new XYChartBuilder().width(WIDTH).height(HEIGHT).title(title).xAxisTitle(LossChart.STEP_TITLE).yAxisTitle(axis).build();
        LossChart.style(chart);
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setYAxisMin(0.0);
        return chart;
    }

    private static XYSeries add(XYChart chart, String name, LossCurve curve) {
        List<LossCurve.Point> points = curve.smoothed(curve.points().size() / 100).thinned(LossChart.GROUPS).points();
        XYSeries series = chart.addSeries(name, points.stream().mapToDouble(LossCurve.Point::step).toArray(), points.stream().mapToDouble(LossCurve.Point::loss).toArray());
        series.setMarker(points.size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
        return series;
    }
}
