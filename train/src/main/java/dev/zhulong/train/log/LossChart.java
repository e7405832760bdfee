package dev.zhulong.train.log;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * The loss chart of a run: training loss as measured (pale), smoothed (strong), and validation points.
 *
 * <pre>{@code
 * var lines = MetricsLog.read(run.resolve("metrics.jsonl"));
 * var chart = new LossChart("quickstart", "loss (nats a token)", LossCurve.of(lines, "loss"), LossCurve.of(lines, "eval_loss"));
 * Files.write(run.resolve("loss.png"), chart.png());
 * String inline = chart.svg(); // goes into an HTML page as it is
 * }</pre>
 *
 * @param title      above the chart
 * @param lossTitle  of the vertical axis, with its unit
 * @param training   loss at training steps, may be empty
 * @param validation loss on held-out text, may be empty
 */
public record LossChart(String title, String lossTitle, LossCurve training, LossCurve validation) {

    static final int WIDTH = 1200;
    static final int HEIGHT = 700;
    static final String STEP_TITLE = "optimizer steps";
    static final int GROUPS = 600;
    private static final Color PALE = new Color(0xb7cdf0);
    private static final Color STRONG = new Color(0x1f5fbf);
    private static final Color POINTS = new Color(0xd9480f);

    /** The training curve averaged over about one fiftieth of the run around each point. */
    LossCurve smoothed() {
        return training.smoothed(training.points().size() / 100);
    }

    /**
     * A PNG of 1200 x 700 pixels; needs no display.
     *
     * @throws IllegalStateException if this machine has no fonts to write the axes with; {@link #svg()} works there too
     */
    public byte[] png() {
        System.setProperty("java.awt.headless", System.getProperty("java.awt.headless", "true"));
        try {
            ByteArrayOutputStream png = new ByteArrayOutputStream();
            BitmapEncoder.saveBitmap(chart(), png, BitmapEncoder.BitmapFormat.PNG);
            return png.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException("can't encode the loss chart", e);
        } catch (RuntimeException | InternalError | LinkageError e) {
            throw noFonts("the loss chart", e);
        }
    }

    /** Java without fontconfig dies in one of several ways. */
    static IllegalStateException noFonts(String what, Throwable e) {
        return new IllegalStateException("can't draw " + what + " (" + e + "); on a machine without fonts, install fontconfig"
                + " and one font, for example fonts-dejavu-core", e);
    }

    /**
     * The same chart as an {@code <svg>} element for an HTML page. Text and axes take the page's text colour, so that it reads on a
     * light and on a dark background.
     */
    public String svg() {
        return new LossSvg(this).element();
    }

    private XYChart chart() {
        XYChart chart = new XYChartBuilder().width(WIDTH).height(HEIGHT).title(title).xAxisTitle(STEP_TITLE).yAxisTitle(lossTitle).build();
        style(chart);
        chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
        add(chart, "training", training.thinned(GROUPS), PALE, 1);
        add(chart, "training, smoothed", smoothed().thinned(GROUPS), STRONG, 2.5f);
        XYSeries points = add(chart, "validation", validation.thinned(GROUPS), POINTS, 1.5f);
        if (points != null) {
            points.setMarker(SeriesMarkers.CIRCLE);
            points.setMarkerColor(POINTS);
        }
        if (chart.getSeriesMap().isEmpty()) {
            // XChart can't lay out axes without a series
            XYSeries none = chart.addSeries("no measurements yet", new double[] {0, 1}, new double[] {0, 1});
            none.setLineColor(Color.WHITE);
            none.setMarker(SeriesMarkers.NONE);
        }
        return chart;
    }

    static void style(XYChart chart) {
        chart.getStyler().setChartBackgroundColor(Color.WHITE).setPlotBorderVisible(false);
        chart.getStyler().setPlotGridLinesColor(new Color(0xe4e4e4)).setXAxisDecimalPattern("#,###").setLocale(Locale.ROOT);
    }

    private static XYSeries add(XYChart chart, String name, LossCurve curve, Color color, float width) {
        List<LossCurve.Point> points = curve.points();
        if (points.isEmpty()) {
            return null;
        }
        XYSeries series = chart.addSeries(name, points.stream().mapToDouble(LossCurve.Point::step).toArray(),
                points.stream().mapToDouble(LossCurve.Point::loss).toArray());
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        series.setMarker(points.size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
        series.setMarkerColor(color);
        return series;
    }
}
