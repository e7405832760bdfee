package dev.zhulong.recipe.tune;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.Visible;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The page of a search: its score over steps, a line a candidate, and a table, best first. */
final class Report {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 420;
    private static final int LEFT = 70;
    private static final int RIGHT = 20;
    private static final int TOP = 20;
    private static final int BOTTOM = 50;

    private Report() {}

    /** Longest trained first, and among those the best first; failures last. */
    static List<Trial> ranked(List<Trial> trials) {
        List<Trial> order = new ArrayList<>(trials);
        order.sort(Comparator.comparing(Trial::failed).thenComparing(Comparator.comparingInt(Trial::round).reversed())
                .thenComparingDouble(Trial::score).thenComparingInt(Trial::candidate));
        return order;
    }

    static void write(Path file, List<Trial> trials) {
        var page = new StringBuilder("""
                <!doctype html>
                <html lang="en"><meta charset="utf-8"><title>Zhulong: search</title>
                <style>body{font:16px system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
                table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #8884;text-align:left}
                td.n,th.n{text-align:right}</style>
                <h1>Search</h1>
                <p>Score on what is held out, in MEASURE, after training; lower is better. The best of the longest round is orange.</p>
                """.replace("MEASURE", measure(trials)));
        chart(page, trials);
        page.append("<table><tr><th>candidate<th>values<th class=n>steps<th class=n>tokens<th class=n>seconds<th class=n>").append(measure(trials)).append("</tr>\n");
        for (Trial t : ranked(trials)) {
            page.append(String.format(Locale.ROOT, "<tr><td>%d<td>%s<td class=n>%,d<td class=n>%,d<td class=n>%.1f<td class=n>%s</tr>%n",
                    t.candidate(), Visible.html(t.values()), t.steps(), t.tokens(), t.seconds(),
                    t.failed() ? Visible.html(t.failure()) : String.format(Locale.ROOT, "%.4f", t.score())));
        }
        AtomicFile.writeString(file, page.append("</table></html>\n").toString());
    }

    private static String measure(List<Trial> trials) {
        return trials.stream().map(Trial::measure).filter(measure -> !measure.isEmpty()).findFirst().orElse("bits a byte");
    }

    private static void chart(StringBuilder page, List<Trial> trials) {
        List<Trial> done = ranked(trials).stream().filter(t -> !t.failed()).toList();
        if (done.isEmpty()) {
            return;
        }
        int best = done.getFirst().candidate();
        double low = done.stream().mapToDouble(Trial::score).min().orElseThrow();
        double high = done.stream().mapToDouble(Trial::score).max().orElseThrow();
        double room = Math.max((high - low) * 0.05, 1e-3);
        double first = Math.log(done.stream().mapToLong(Trial::steps).min().orElseThrow());
        double last = Math.log(done.stream().mapToLong(Trial::steps).max().orElseThrow());
        double width = last > first ? last - first : 1;
        page.append(String.format(Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"100%%\" role=\"img\" aria-label=\"score over steps\""
                + " font-size=\"14\" fill=\"currentColor\">%n", WIDTH, HEIGHT));
        for (int i = 0; i <= 4; i++) {
            double value = low - room + i * (high - low + 2 * room) / 4;
            double y = y(value, low - room, high + room);
            page.append(String.format(Locale.ROOT, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\""
                    + " stroke-opacity=\".15\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3f</text>%n", LEFT, WIDTH - RIGHT, y, y, LEFT - 8,
                    y + 5, value));
        }
        Map<Integer, List<Trial>> byCandidate = new TreeMap<>();
        done.forEach(t -> byCandidate.computeIfAbsent(t.candidate(), c -> new ArrayList<>()).add(t));
        done.stream().mapToLong(Trial::steps).distinct().sorted().limit(12).forEach(steps -> page.append(String.format(Locale.ROOT,
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%,d</text>%n", x(steps, first, width), HEIGHT - 28, steps)));
        page.append(String.format(Locale.ROOT, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">steps</text>%n", WIDTH / 2, HEIGHT - 6));
        byCandidate.forEach((candidate, of) -> {
            String color = candidate == best ? "#ef6c1a" : "#4285f4";
            var places = new StringBuilder();
            var dots = new StringBuilder();
            of.sort(Comparator.comparingLong(Trial::steps));
            for (Trial t : of) {
                double x = x(t.steps(), first, width);
                double y = y(t.score(), low - room, high + room);
                places.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
                dots.append(String.format(Locale.ROOT, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"><title>%d: %s, %.4f</title></circle>%n", x,
                        y, color, candidate, Visible.html(t.values()), t.score()));
            }
            page.append(String.format(Locale.ROOT, "<polyline fill=\"none\" stroke=\"%s\" stroke-opacity=\".6\" points=\"%s\"/>%n%s", color,
                    places.toString().strip(), dots));
        });
        page.append("</svg>\n");
    }

    private static double x(long steps, double first, double width) {
        return LEFT + 30 + (Math.log(steps) - first) / width * (WIDTH - LEFT - RIGHT - 60);
    }

    private static double y(double value, double low, double high) {
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP);
    }
}
