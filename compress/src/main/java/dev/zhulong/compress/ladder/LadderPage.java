package dev.zhulong.compress.ladder;

import dev.zhulong.compress.ladder.Goal.Of;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.Visible;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** What was tried, as a page that needs nothing else: size against quality, and a table. */
public final class LadderPage {
    private static final String HEAD = """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Zhulong: a model made smaller</title>
            <style>body{font:16px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
            table{border-collapse:collapse}td,th{padding:.3rem .7rem;border-bottom:1px solid #8884;text-align:right;white-space:nowrap}
            td:first-child,th:first-child{text-align:left}.wide{overflow-x:auto}.chosen{font-weight:bold}.soft{opacity:.7}</style>
            """;
    private static final int WIDTH = 900;
    private static final int HEIGHT = 420;
    private static final int LEFT = 80;
    private static final int RIGHT = 20;
    private static final int TOP = 20;
    private static final int BOTTOM = 50;
    private static final int TICKS = 4;
    /** Of what is drawn as zero, as the axis is logarithmic. */
    private static final double LEAST = 1e-4;

    private final StringBuilder page = new StringBuilder(HEAD);
    private final Outcome outcome;
    private final List<Attempt> front;
    private final double low;
    private final double high;
    private final double largest;

    private LadderPage(Outcome outcome) {
        this.outcome = outcome;
        front = outcome.front();
        double floor = Math.log(outcome.goal().floor());
        low = Math.min(floor, outcome.attempts().stream().mapToDouble(LadderPage::height).min().orElse(floor)) - 0.3;
        high = Math.max(floor, outcome.attempts().stream().mapToDouble(LadderPage::height).max().orElse(floor)) + 0.3;
        largest = 1.1 * Math.max(outcome.goal().bytes(outcome.before()), outcome.attempts().stream().mapToLong(Attempt::bytes).max().orElse(0));
    }

    /**
     * Writes the page.
     *
     * @param model what the user calls it
     */
    public static void write(Path file, Outcome outcome, String model) {
        AtomicFile.writeString(file, new LadderPage(outcome).html(model));
    }

    private String html(String model) {
        Goal goal = outcome.goal();
        add("<h1>%s, made smaller</h1>\n", Visible.html(model));
        add("<p>%s in 32 bits a weight, %s in 16, %s as it is stored. Asked for: at most %s (−%s of %s), at most %s worse%s. %s</p>\n", Sizes.of(outcome.before().bytes(Of.F32)),
                Sizes.of(outcome.before().bytes(Of.F16)), Sizes.of(outcome.before().bytes(Of.STORED)), Sizes.of(goal.bytes(outcome.before())), Goal.percent(goal.smaller()), goal.of().words(),
                Goal.percent(goal.floor()), goal.faster() > 0 ? String.format(Locale.ROOT, ", %.3g times as fast", goal.faster()) : "",
                outcome.reached() ? "<b>Reached.</b>" : outcome.chosen().isPresent() ? "<b>Not reached; the best that is small enough was written.</b>" : "<b>Not reached; nothing was written.</b>");
        if (!outcome.attempts().isEmpty()) {
            picture();
            table();
        }
        outcome.notes().forEach(note -> add("<p>%s</p>\n", Visible.html(note)));
        add("<p class=soft>Worse: the larger of what perplexity and the exponential of the KL divergence may have risen by on texts that were not used otherwise, at the upper end of its 95 %% interval. "
                + "Better is down and left.</p>\n</html>\n");
        return page.toString();
    }

    private static double height(Attempt attempt) {
        return Math.log(Math.max(LEAST, attempt.fidelity().quality()));
    }

    private double x(double bytes) {
        return LEFT + bytes / largest * (WIDTH - LEFT - RIGHT);
    }

    private double y(double log) {
        return HEIGHT - BOTTOM - (log - low) / (high - low) * (HEIGHT - TOP - BOTTOM);
    }

    private void picture() {
        add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"100%%\" role=\"img\" aria-label=\"size against quality\" font-size=\"14\" fill=\"currentColor\">\n", WIDTH, HEIGHT);
        for (int i = 0; i <= TICKS; i++) {
            double log = low + i * (high - low) / TICKS;
            double bytes = i * largest / TICKS;
            add("<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" stroke-opacity=\".15\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2g %%</text>\n", LEFT, WIDTH - RIGHT,
                    y(log), y(log), LEFT - 8, y(log) + 5, 100 * Math.exp(log));
            add("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x(bytes), HEIGHT - BOTTOM + 24, Sizes.of((long) bytes));
        }
        double target = x(outcome.goal().bytes(outcome.before()));
        double floor = y(Math.log(outcome.goal().floor()));
        add("<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#34a853\" fill-opacity=\".12\"/>\n", LEFT, floor, target - LEFT, HEIGHT - BOTTOM - floor);
        add("<polyline fill=\"none\" stroke=\"#4285f4\" stroke-opacity=\".6\" points=\"");
        front.forEach(attempt -> add("%.1f,%.1f ", x(attempt.bytes()), y(height(attempt))));
        add("\"/>\n");
        for (Attempt attempt : outcome.attempts()) {
            add("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"><title>%s</title></circle>\n", x(attempt.bytes()), y(height(attempt)), isChosen(attempt) ? 7 : 4,
                    front.contains(attempt) ? "#4285f4" : "#8888", Visible.html(Outcome.line(attempt, outcome.before(), outcome.goal())));
        }
        add("</svg>\n");
    }

    private boolean isChosen(Attempt attempt) {
        return outcome.chosen().filter(attempt::equals).isPresent();
    }

    private void table() {
        add("<div class=wide><table><tr><th>recipe<th>size<th>of F32<th>perplexity<th>worse<th>KL<th>same top<th>tokens/s<th>seconds\n");
        for (Attempt attempt : outcome.attempts()) {
            Fidelity fidelity = attempt.fidelity();
            add("<tr%s><td>%s<td>%s<td>−%.1f %%<td>%.3f<td>%.2f %%<td>%.4f<td>%.1f %%<td>%,.0f<td>%.0f\n", isChosen(attempt) ? " class=chosen" : "", Visible.html(attempt.recipe().toString()),
                    Sizes.of(attempt.bytes()), 100 - 100.0 * attempt.bytes() / outcome.before().bytes(Of.F32), fidelity.perplexity() * Math.exp(fidelity.rise().value()), 100 * fidelity.quality(),
                    fidelity.kl().value(), 100 * fidelity.sameTop().value(), attempt.tokensPerSecond(), attempt.seconds());
        }
        add("</table></div>\n");
    }

    private void add(String format, Object... values) {
        page.append(String.format(Locale.ROOT, format, values));
    }
}
