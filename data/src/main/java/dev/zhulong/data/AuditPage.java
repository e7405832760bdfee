package dev.zhulong.data;

import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.Visible;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The audit as one plain page that needs nothing else. Everything that comes from documents is escaped. */
final class AuditPage {
    private static final String HEAD = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Corpus audit</title>
            <style>
            body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
            h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
            table { border-collapse: collapse; width: 100%; margin: .6rem 0; }
            th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #eee; vertical-align: top; }
            td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
            pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f4; padding: .5rem .7rem; margin: .3rem 0; font-size: 12.5px; }
            code { overflow-wrap: anywhere; } .quiet { color: #777; } summary { cursor: pointer; }
            </style></head><body>
            <h1>Corpus audit</h1>
            """;

    private final StringBuilder out = new StringBuilder(HEAD);

    private AuditPage() { }

    static String html(Audit audit, ReadReport report, Map<String, Object> totals) {
        var page = new AuditPage();
        page.totals(totals);
        page.overview(audit);
        page.read(report);
        audit.steps().forEach(page::step);
        return page.out.append("</body></html>\n").toString();
    }

    private void totals(Map<String, Object> totals) {
        out.append("<table>");
        totals.forEach((name, value) -> out.append("<tr><td>").append(escape(name.replace('_', ' '))).append("</td><td class=n>")
                .append(value instanceof Long n ? number(n) : escape(String.valueOf(value))).append("</td></tr>\n"));
        out.append("</table>");
    }

    private void overview(Audit audit) {
        out.append("<h2>Steps</h2><table><tr><th>step<th class=n>documents in<th class=n>changed<th class=n>dropped"
                + "<th class=n>bytes in<th class=n>bytes out</tr>\n");
        audit.steps().forEach((name, step) -> {
            out.append("<tr><td>").append(escape(name)).append("</td>");
            for (long value : new long[] {step.documentsIn(), step.changed(), step.dropped(), step.bytesIn(), step.bytesOut()}) {
                out.append("<td class=n>").append(number(value)).append("</td>");
            }
            out.append("</tr>\n");
        });
        out.append("</table>");
    }

    private void read(ReadReport report) {
        out.append("<h2>Reading</h2><p>").append(number(report.documents())).append(" documents read.</p>");
        tallies("Skipped", report.skipped());
        tallies("Repaired", report.repaired());
    }

    private void tallies(String title, Map<String, ReadReport.Tally> tallies) {
        if (tallies.isEmpty()) {
            return;
        }
        out.append("<table><tr><th>").append(title).append("<th class=n>count<th>for example</tr>\n");
        tallies.forEach((reason, tally) -> out.append("<tr><td>").append(escape(reason)).append("</td><td class=n>")
                .append(number(tally.count())).append("</td><td><code>")
                .append(String.join("<br>", tally.samples().stream().map(AuditPage::escape).toList())).append("</code></td></tr>\n"));
        out.append("</table>");
    }

    private void step(String name, Audit.Step step) {
        if (step.drops().isEmpty() && step.changes().isEmpty()) {
            return;
        }
        out.append("<h2>").append(escape(name)).append("</h2>");
        step.drops().forEach((reason, tally) -> reason("Dropped: " + reason, tally.documents(), tally.documents(), tally.samples()));
        step.changes().forEach((note, tally) -> reason("Changed: " + note, tally.documents(), tally.occurrences(), tally.samples()));
    }

    private void reason(String title, long documents, long occurrences, List<Audit.Sample> samples) {
        out.append("<details><summary>").append(escape(title)).append(" <span class=quiet>")
                .append(number(documents)).append(documents == 1 ? " document" : " documents");
        if (occurrences != documents) {
            out.append(", ").append(number(occurrences)).append(" times");
        }
        out.append("</span></summary>\n");
        for (Audit.Sample sample : samples) {
            out.append("<code>").append(escape(sample.id())).append("</code><pre>").append(escape(sample.excerpt())).append("</pre>\n");
        }
        out.append("</details>\n");
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    static String escape(String text) {
        return Visible.html(Visible.text(text)).replace("'", "&#39;");
    }
}
