package dev.zhulong.train.log;

import dev.zhulong.formats.Visible;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes a {@link LossChart} as SVG: axes with round ticks, three curves, a legend. */
final class LossSvg {

    private static final int LEFT = 80;
    private static final int RIGHT = 24;
    private static final int TOP = 52;
    private static final int BOTTOM = 66;
    private static final String BLUE = "#4285f4";
    private static final String ORANGE = "#ef6c1a";

    private final LossChart chart;
    private final StringBuilder out = new StringBuilder();
    private final Axis steps;
    private final Axis losses;

    LossSvg(LossChart chart) {
        this.chart = chart;
        this.steps = Axis.over(points().map(LossCurve.Point::step).toList(), LEFT, LossChart.WIDTH - RIGHT);
        this.losses = Axis.over(points().map(LossCurve.Point::loss).toList(), LossChart.HEIGHT - BOTTOM, TOP);
    }

    String element() {
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"100%%\" role=\"img\" aria-label=\"%s\""
                + " font-family=\"system-ui,sans-serif\" font-size=\"16\" fill=\"currentColor\">",
                LossChart.WIDTH, LossChart.HEIGHT, escape(chart.title()));
        text(LossChart.WIDTH / 2.0, 28, "middle", " font-size=\"20\" font-weight=\"600\"", chart.title());
        grid();
        curve("training loss", chart.training(), BLUE, "1", "0.45");
        curve("smoothed training loss", chart.smoothed(), BLUE, "2.5", "1");
        curve("validation loss", chart.validation(), ORANGE, "1.5", "1");
        chart.validation().thinned(300).points().forEach(p ->
                add("<circle cx=\"%s\" cy=\"%s\" r=\"4\" fill=\"%s\"/>",
                        number(steps.place(p.step())), number(losses.place(p.loss())), ORANGE));
        legend();
        return out.append("</svg>\n").toString();
    }

    private Stream<LossCurve.Point> points() {
        return Stream.concat(chart.training().points().stream(), chart.validation().points().stream());
    }

    private void grid() {
        int bottom = LossChart.HEIGHT - BOTTOM;
        int right = LossChart.WIDTH - RIGHT;
        for (double tick : losses.ticks()) {
            String y = number(losses.place(tick));
            add("<line x1=\"%d\" x2=\"%d\" y1=\"%s\" y2=\"%s\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>", LEFT, right, y, y);
            text(LEFT - 10, losses.place(tick) + 5, "end", "", losses.label(tick));
        }
        for (double tick : steps.ticks()) {
            String x = number(steps.place(tick));
            add("<line x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\" stroke=\"currentColor\" stroke-opacity=\"0.5\"/>", x, x, bottom, bottom + 6);
            text(steps.place(tick), bottom + 26, "middle", "", steps.label(tick));
        }
        add("<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.5\"/>", LEFT, TOP, bottom, right);
        text((LEFT + right) / 2.0, LossChart.HEIGHT - 12, "middle", "", LossChart.STEP_TITLE);
        double middle = (TOP + bottom) / 2.0;
        text(22, middle, "middle", " transform=\"rotate(-90 22 %s)\"".formatted(number(middle)), chart.lossTitle());
    }

    private void curve(String name, LossCurve curve, String color, String width, String opacity) {
        if (curve.points().size() < 2) {
            return;
        }
        String places = curve.thinned(500).points().stream()
                .map(p -> number(steps.place(p.step())) + "," + number(losses.place(p.loss()))).collect(Collectors.joining(" "));
        add("<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-opacity=\"%s\" stroke-linejoin=\"round\" points=\"%s\">"
                + "<title>%s</title></polyline>", color, width, opacity, places, name);
    }

    private void legend() {
        int y = TOP + 14;
        int x = LossChart.WIDTH - RIGHT - 220;
        if (!chart.training().points().isEmpty()) {
            y = entry(x, y, BLUE, "0.45", "training");
            y = entry(x, y, BLUE, "1", "training, smoothed");
        }
        if (!chart.validation().points().isEmpty()) {
            entry(x, y, ORANGE, "1", "validation");
        }
        if (points().findAny().isEmpty()) {
            text(LossChart.WIDTH / 2.0, LossChart.HEIGHT / 2.0, "middle", "", "no measurements yet");
        }
    }

    private int entry(int x, int y, String color, String opacity, String name) {
        add("<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-opacity=\"%s\" stroke-width=\"3\"/>",
                x, x + 30, y, y, color, opacity);
        text(x + 40, y + 5, "start", "", name);
        return y + 24;
    }

    private void text(double x, double y, String anchor, String attributes, String text) {
        add("<text x=\"%s\" y=\"%s\" text-anchor=\"%s\"%s>%s</text>", number(x), number(y), anchor, attributes, escape(text));
    }

    private void add(String element, Object... values) {
        out.append(String.format(Locale.ROOT, element, values)).append('\n');
    }

    private static String number(double place) {
        return String.format(Locale.ROOT, "%.1f", place);
    }

    /** Text for elements and attributes; XML 1.0 has no place for control characters at all. */
    static String escape(String text) {
        var safe = new StringBuilder();
        text.codePoints().forEach(c -> safe.appendCodePoint(c < ' ' || c >= 0xd800 && c <= 0xdfff || c == 0xfffe || c == 0xffff ? 0xfffd : c));
        return Visible.html(safe.toString()).replace("'", "&#39;");
    }

    /**
     * A linear axis with round ticks.
     *
     * @param low  value at place {@code from}
     * @param high value at place {@code to}
     * @param tick distance of two ticks: 1, 2 or 5 times a power of ten
     */
    record Axis(double low, double high, double tick, int from, int to) {

        static Axis over(List<Double> values, int from, int to) {
            double low = values.stream().mapToDouble(Double::doubleValue).min().orElse(0);
            double high = values.stream().mapToDouble(Double::doubleValue).max().orElse(1);
            if (!(high - low > Math.abs(high) * 1e-9)) { // one value, or as good as
                double room = Math.max(Math.abs(high) * 0.1, 0.5);
                low -= room;
                high += room;
            }
            double rough = (high - low) / 7;
            double power = Math.pow(10, Math.floor(Math.log10(rough)));
            double lead = rough / power;
            double tick = (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
            return new Axis(Math.floor(low / tick) * tick, Math.ceil(high / tick) * tick, tick, from, to);
        }

        double place(double value) {
            return from + (value - low) / (high - low) * (to - from);
        }

        List<Double> ticks() {
            List<Double> ticks = new ArrayList<>();
            long count = Math.round((high - low) / tick);
            for (long i = 0; i <= count; i++) {
                ticks.add(low + i * tick);
            }
            return ticks;
        }

        String label(double value) {
            int decimals = (int) Math.max(0, Math.min(12, -Math.floor(Math.log10(tick) + 1e-9)));
            String label = String.format(Locale.ROOT, "%,." + decimals + "f", value);
            return label.matches("-0(\\.0*)?") ? label.substring(1) : label;
        }
    }
}
