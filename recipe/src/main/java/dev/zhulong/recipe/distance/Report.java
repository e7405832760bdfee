package dev.zhulong.recipe.distance;

import dev.zhulong.data.label.DistantAnswers;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.Visible;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/** What the curves say: lines for the terminal, and a page with a chart of exact match over distance. */
public final class Report {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 420;
    private static final int LEFT = 60;
    private static final int RIGHT = 170;
    private static final int TOP = 20;
    private static final int BOTTOM = 60;
    private static final Map<String, String> COLOURS = Map.of("dense", "#4285f4", "window", "#ef6c1a", "global", "#2e9e5b");
    private static final int COLUMN = 22;

    private Report() {}

    /** A model in a line. */
    static String line(Curve curve) {
        var line = new StringBuilder(name(curve)).append(':');
        curve.scores().forEach((distance, score) -> line.append(String.format(Locale.ROOT, "  %d: %.2f", distance, score.share())));
        return line.toString();
    }

    private static String name(Curve curve) {
        return curve.size() + " " + curve.attention();
    }

    /** A table with a line for each distance and a column for each model. */
    public static List<String> lines(Distance.Result result) {
        Plan plan = result.plan();
        List<Curve> curves = result.curves();
        List<String> lines = new ArrayList<>();
        lines.add(String.format(Locale.ROOT, "exact match by how many sentences the evidence is away, of %d questions each with 95 %% intervals; %,d steps of %d rows from nothing", plan.heldOut(),
                plan.steps(), plan.batch()));
        lines.add(row("sentences", curves.stream().map(Report::name).toList()));
        for (int distance : plan.distances()) {
            lines.add(row(Integer.toString(distance), curves.stream().map(curve -> curve.scores().get(distance).toString()).toList()));
        }
        lines.add(row("weights", curves.stream().map(curve -> String.format(Locale.ROOT, "%,d", curve.weights())).toList()));
        lines.add(row("reaches", curves.stream().map(curve -> curve.furthest() < plan.sentences() ? "to sentence " + curve.furthest() : "all").toList()));
        lines.add(String.format(Locale.ROOT, "a guess among all %d sentences is right in %.3f; windows of %d tokens, a sentence has %d; global: a window, and all tokens of the question", plan.sentences(),
                1.0 / plan.sentences(), plan.window(), DistantAnswers.TOKENS));
        return lines;
    }

    private static String row(String first, List<String> cells) {
        var row = new StringBuilder(String.format("%-10s", first));
        cells.forEach(cell -> row.append(String.format("%-" + COLUMN + "s", cell)));
        return row.toString().stripTrailing();
    }

    /** Writes the page. */
    public static void write(Path file, Distance.Result result) {
        AtomicFile.writeString(file, """
                <!doctype html>
                <html lang="en"><meta charset="utf-8"><title>Zhulong: answers over distance</title>
                <style>body{font:16px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}pre{overflow:auto}</style>
                <h1>Answers over distance</h1>
                <p>How often the answer is right, by how many sentences its evidence is away from the question. Whiskers are 95 % intervals; the larger a model, the thicker its line;
                dotted lines are as far as a question comes through all layers of windows.</p>
                """ + chart(result) + "<pre>" + Visible.html(String.join("\n", lines(result))) + "</pre></html>\n");
    }

    /** The chart, which stands by itself too. */
    static String chart(Distance.Result result) {
        Plan plan = result.plan();
        List<Curve> curves = result.curves();
        var svg = new StringBuilder();
        add(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"100%%\" role=\"img\" aria-label=\"exact match over distance\" font-size=\"14\""
                + " font-family=\"system-ui,sans-serif\" fill=\"currentColor\">", WIDTH, HEIGHT);
        for (int i = 0; i <= 4; i++) {
            double value = i / 4.0;
            add(svg, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" stroke-opacity=\".15\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2f</text>", LEFT,
                    WIDTH - RIGHT, y(value), y(value), LEFT - 8, y(value) + 5, value);
        }
        for (int distance : plan.distances()) {
            add(svg, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>", x(distance, plan), HEIGHT - BOTTOM + 22, distance);
        }
        add(svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">sentences between question and evidence</text>", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12);
        List<Long> sizes = List.copyOf(new TreeSet<>(curves.stream().map(Curve::weights).toList()));
        int number = 0;
        for (Curve curve : curves.stream().sorted(Comparator.comparing(Curve::weights)).toList()) {
            double wide = 1.5 + 2.0 * sizes.indexOf(curve.weights());
            curve(svg, plan, curve, wide, TOP + 20 + 22 * number++);
        }
        return svg.append("</svg>\n").toString();
    }

    private static void curve(StringBuilder svg, Plan plan, Curve curve, double wide, int label) {
        String colour = COLOURS.get(curve.attention());
        if (curve.furthest() > 0 && curve.furthest() < plan.sentences()) {
            add(svg, "<line x1=\"%1$.1f\" x2=\"%1$.1f\" y1=\"%2$d\" y2=\"%3$d\" stroke=\"%4$s\" stroke-width=\"%5$.1f\" stroke-dasharray=\"2 5\"/>", x(curve.furthest(), plan), TOP,
                    HEIGHT - BOTTOM, colour, wide);
        }
        var points = new StringBuilder();
        curve.scores().forEach((distance, score) -> {
            double x = x(distance, plan);
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y(score.share())));
            add(svg, "<line x1=\"%1$.1f\" x2=\"%1$.1f\" y1=\"%2$.1f\" y2=\"%3$.1f\" stroke=\"%4$s\" stroke-opacity=\".6\"/><circle cx=\"%1$.1f\" cy=\"%5$.1f\" r=\"%6$.1f\" fill=\"%4$s\">"
                    + "<title>%7$s, %8$d sentences: %9$s</title></circle>", x, y(score.low()), y(score.high()), colour, y(score.share()), 2 + wide / 2, name(curve), distance, score);
        });
        add(svg, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" points=\"%s\"/>", colour, wide, points.toString().strip());
        add(svg, "<line x1=\"%1$d\" x2=\"%2$d\" y1=\"%3$d\" y2=\"%3$d\" stroke=\"%4$s\" stroke-width=\"%5$.1f\"/><text x=\"%6$d\" y=\"%7$d\">%8$s</text>", WIDTH - RIGHT + 20,
                WIDTH - RIGHT + 46, label, colour, wide, WIDTH - RIGHT + 54, label + 5, name(curve));
    }

    private static void add(StringBuilder svg, String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values)).append('\n');
    }

    /** Near distances apart, far ones closer together. */
    private static double x(int distance, Plan plan) {
        double most = Math.sqrt(plan.distances().getLast());
        double least = Math.sqrt(plan.distances().getFirst());
        return LEFT + 10 + (Math.sqrt(distance) - least) / Math.max(most - least, 1e-9) * (WIDTH - LEFT - RIGHT - 20);
    }

    private static double y(double share) {
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
    }
}
