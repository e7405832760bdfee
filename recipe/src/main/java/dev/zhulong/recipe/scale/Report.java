package dev.zhulong.recipe.scale;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.Visible;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a ladder says: lines for the terminal, and a page with a chart of losses over operations. */
public final class Report {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 420;
    private static final int LEFT = 70;
    private static final int RIGHT = 20;
    private static final int TOP = 20;
    private static final int BOTTOM = 50;
    /** Parts of the means that are shown beside the whole. */
    private static final double[] SHARES = {0.25, 0.5, 1, 2, 4};
    private static final double MILLION = 1e6;

    private Report() {}

    /** Table of the models, the law with its intervals, the prediction of the largest, and what means should buy. */
    public static List<String> lines(Scale.Result result, Means means) {
        List<String> lines = new ArrayList<>();
        lines.add("model         weights (M)  tokens (M)  loss     the law   seconds");
        for (Point point : result.points()) {
            lines.add(line(point, result.fitted().law()));
        }
        FittedLaw fitted = result.fitted();
        Law law = fitted.law();
        lines.add("");
        lines.add(String.format(Locale.ROOT, "loss = %.4f + %.4g / N^%.4f + %.4g / D^%.4f   (N weights a token is multiplied with, D tokens, nats a token)", law.floor(),
                law.a(), law.alpha(), law.b(), law.beta()));
        lines.add("nine in ten resampled ladders put the floor at " + fitted.interval(Law::floor) + ", the exponent of N at " + fitted.interval(Law::alpha) + ", of D at "
                + fitted.interval(Law::beta));
        open(lines, fitted.interval(Law::alpha), "N", "sizes");
        open(lines, fitted.interval(Law::beta), "D", "numbers of tokens");
        Point largest = result.heldOut();
        double predicted = law.loss(largest.weights(), largest.tokens());
        Interval interval = fitted.prediction(largest.weights(), largest.tokens());
        lines.add(String.format(Locale.ROOT, "held out of the fit: %s, predicted %.4f (%s), measured %.4f: %.2f %% off, %s", largest.rung(), predicted, interval, largest.loss(),
                100 * (predicted / largest.loss() - 1), interval.holds(largest.loss()) ? "inside the interval" : "outside the interval"));
        if (means.limited()) {
            lines.add("");
            lines.addAll(purchases(result, means));
        }
        return lines;
    }

    /** A ladder that is too narrow says so itself. */
    private static void open(List<String> lines, Interval exponents, String of, String what) {
        if (Law.isOpen(exponents)) {
            lines.add("the exponent of " + of + " reaches the end of what is searched: the " + what + " of this ladder lie too near one another to tell it; add larger ones"
                    + " before you rely on what is said beyond them");
        }
    }

    private static String line(Point point, Law law) {
        return String.format(Locale.ROOT, "%-13s %11.3f %11.3f  %.4f   %.4f  %8.1f", point.rung().hidden() + "x" + point.rung().layers(), point.weights() / MILLION,
                point.tokens() / MILLION, point.loss(), law.loss(point.weights(), point.tokens()), point.seconds());
    }

    private static List<String> purchases(Scale.Result result, Means means) {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(Locale.ROOT, "at %.1f GFLOP/s, as measured here, such hours should buy:", result.rate() / 1e9));
        lines.add("hours     " + (means.pricePerHour() > 0 ? "money     " : "") + (means.watts() > 0 ? "kWh       " : "") + "weights (M)  tokens (M)  loss");
        for (double share : SHARES) {
            double hours = share * means.allowed();
            Purchase best = Purchase.best(result.fitted().law(), hours, result.rate());
            if (best != null) {
                lines.add(String.format(Locale.ROOT, "%-9.3g %s%s%11.3f %11.1f  %.4f%s", hours,
                        means.pricePerHour() > 0 ? String.format(Locale.ROOT, "%-9.3g ", hours * means.pricePerHour()) : "",
                        means.watts() > 0 ? String.format(Locale.ROOT, "%-9.3g ", hours * means.watts() / 1000) : "", best.weights() / MILLION, best.tokens() / MILLION, best.loss(),
                        share == 1 ? "   <- your limit" : ""));
            }
        }
        double most = result.points().stream().mapToDouble(Point::operations).max().orElseThrow();
        double asked = means.allowed() * 3600 * result.rate();
        if (asked > 100 * most) {
            lines.add(String.format(Locale.ROOT, "this reaches %.0f times further than the ladder: train larger models of it before you rely on it", asked / most));
        }
        return lines;
    }

    /** Writes the page. */
    public static void write(Path file, Scale.Result result, Means means) {
        var page = new StringBuilder("""
                <!doctype html>
                <html lang="en"><meta charset="utf-8"><title>Zhulong: laws of scale</title>
                <style>body{font:16px system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}pre{overflow:auto}</style>
                <h1>Laws of scale</h1>
                <p>Loss on what is held out, in nats a token, over the floating-point operations of training. Dots were measured, lines are the law for each
                size; the orange dot is the largest model, which the law had not seen.</p>
                """);
        chart(page, result);
        page.append("<pre>").append(Visible.html(String.join("\n", lines(result, means)))).append("</pre></html>\n");
        AtomicFile.writeString(file, page.toString());
    }

    private static void chart(StringBuilder page, Scale.Result result) {
        List<Point> all = new ArrayList<>(result.points());
        all.add(result.heldOut());
        double left = Math.log(all.stream().mapToDouble(Point::operations).min().orElseThrow());
        double right = Math.log(all.stream().mapToDouble(Point::operations).max().orElseThrow());
        double low = all.stream().mapToDouble(Point::loss).min().orElseThrow() - 0.1;
        double high = all.stream().mapToDouble(Point::loss).max().orElseThrow() + 0.1;
        page.append(String.format(Locale.ROOT, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"100%%\" role=\"img\" aria-label=\"loss over operations\""
                + " font-size=\"14\" fill=\"currentColor\">%n", WIDTH, HEIGHT));
        for (int i = 0; i <= 4; i++) {
            double value = low + i * (high - low) / 4;
            page.append(String.format(Locale.ROOT, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" stroke-opacity=\".15\"/>"
                    + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2f</text>%n", LEFT, WIDTH - RIGHT, y(value, low, high), y(value, low, high), LEFT - 8, y(value, low, high) + 5, value));
            double operations = left + i * (right - left) / 4;
            page.append(String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.1e</text>%n", x(operations, left, right), HEIGHT - BOTTOM + 24, Math.exp(operations)));
        }
        all.stream().mapToLong(Point::weights).distinct().sorted().forEach(weights -> {
            page.append("<polyline fill=\"none\" stroke=\"#4285f4\" stroke-opacity=\".6\" points=\"");
            for (int i = 0; i <= 60; i++) {
                double operations = left + i * (right - left) / 60;
                double loss = result.fitted().law().loss(weights, Math.exp(operations) / (Point.OPERATIONS * weights));
                if (loss <= high && loss >= low) {
                    page.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(operations, left, right), y(loss, low, high)));
                }
            }
            page.append("\"/>\n");
        });
        for (Point point : all) {
            page.append(String.format(Locale.ROOT, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"><title>%s: %.4f</title></circle>%n",
                    x(Math.log(point.operations()), left, right), y(point.loss(), low, high), point == result.heldOut() ? "#ef6c1a" : "#4285f4", point.rung(), point.loss()));
        }
        page.append("</svg>\n");
    }

    private static double x(double value, double left, double right) {
        return LEFT + (value - left) / Math.max(right - left, 1e-9) * (WIDTH - LEFT - RIGHT);
    }

    private static double y(double value, double low, double high) {
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    }
}
