package dev.zhulong.evaluate.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.Visible;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The results as one page that needs nothing else: a table a task, models side by side, and what each model read of the first row. */
final class ReportPage {
    private static final String HEAD = """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Zhulong: evaluation</title>
            <style>body{font:16px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
            table{border-collapse:collapse}td,th{padding:.3rem .7rem;border-bottom:1px solid #8884;text-align:left;vertical-align:top}
            td.n,th.n{text-align:right;white-space:nowrap}small,.soft{opacity:.7}pre{white-space:pre-wrap;overflow-wrap:anywhere;
            border:1px solid #8884;padding:.6rem;max-height:24rem;overflow:auto}.wide{overflow-x:auto}</style>
            <h1>Evaluation</h1>
            <p>Each number with its 95 % interval (±) and standard error (se). A difference is taken row by row, from the first model.</p>
            """;

    private final List<ObjectNode> entries;
    private final List<Comparison> comparisons;
    private final StringBuilder page = new StringBuilder(HEAD);

    ReportPage(List<ObjectNode> entries, Path samples) {
        this.entries = entries;
        this.comparisons = Comparison.all(entries, samples);
    }

    String html() {
        Map<String, List<ObjectNode>> tasks = new LinkedHashMap<>();
        entries.forEach(entry -> tasks.computeIfAbsent(entry.get("task").asText(), _ -> new ArrayList<>()).add(entry));
        tasks.forEach(this::task);
        return page.append("</html>\n").toString();
    }

    private void task(String name, List<ObjectNode> models) {
        add("<h2>%s</h2>\n<p class=soft>%s</p>\n", Visible.html(name), Visible.html(models.getFirst().path("protocol").asText()));
        Set<JsonNode> rows = new LinkedHashSet<>();
        models.forEach(model -> rows.add(model.path("asked")));
        if (rows.size() > 1) {
            add("<p><b>These models were not evaluated on the same rows in the same way; their numbers cannot be compared.</b></p>\n");
        }
        table("", models, entry -> entry.path("metrics"));
        differences(name);
        groups(models);
        for (ObjectNode model : models) {
            model.path("notices").forEach(notice -> add("<p>%s: %s</p>\n", Visible.html(model.get("model").asText()), Visible.html(notice.asText())));
        }
        for (ObjectNode model : models) {
            first(model);
        }
    }

    private interface Values {
        JsonNode of(ObjectNode entry);
    }

    private void table(String caption, List<ObjectNode> models, Values values) {
        add("<div class=wide><table>%s<tr><th>", caption.isEmpty() ? "" : "<caption>" + Visible.html(caption) + "</caption>");
        models.forEach(model -> add("<th class=n>%s<br><small>%,d rows</small>", Visible.html(model.get("model").asText()), model.path("rows").asInt()));
        add("</tr>\n");
        Set<String> names = new LinkedHashSet<>();
        models.forEach(model -> values.of(model).forEach(value -> names.add(value.get("name").asText())));
        for (String name : names) {
            String better = "";
            var cells = new StringBuilder();
            String signature = "";
            for (ObjectNode model : models) {
                JsonNode value = named(values.of(model), name);
                cells.append("<td class=n>").append(value == null ? "" : number(value));
                better = value == null ? better : value.path("better").asText();
                signature = value == null ? signature : value.path("signature").asText();
            }
            add("<tr><td title=\"%s\">%s <small>%s is better</small>%s</tr>\n", Visible.html(signature), Visible.html(name), better, cells);
        }
        add("</table></div>\n");
    }

    private static JsonNode named(JsonNode values, String name) {
        for (JsonNode value : values) {
            if (value.path("name").asText().equals(name)) {
                return value;
            }
        }
        return null;
    }

    private static String number(JsonNode value) {
        double score = value.path("score").asDouble();
        String error = value.has("standard_error") ? String.format(Locale.ROOT, " ± %.4f<br><small>se %.4f</small>",
                (value.path("high").asDouble() - value.path("low").asDouble()) / 2, value.path("standard_error").asDouble()) : "";
        String detail = value.has("detail") ? "<br><small>" + Visible.html(value.get("detail").asText()) + "</small>" : "";
        return String.format(Locale.ROOT, "%.4f", score) + error + detail;
    }

    private void differences(String task) {
        List<Comparison> own = comparisons.stream().filter(c -> c.task().equals(task)).toList();
        if (own.isEmpty()) {
            return;
        }
        add("<ul>\n");
        own.forEach(c -> add("<li>%s\n", Visible.html(c.text())));
        add("</ul>\n");
    }

    private void groups(List<ObjectNode> models) {
        Set<String> names = new LinkedHashSet<>();
        models.forEach(model -> model.path("groups").fieldNames().forEachRemaining(names::add));
        if (names.isEmpty()) {
            return;
        }
        add("<details><summary>%d groups</summary>\n", names.size());
        names.forEach(name -> table(name, models, entry -> entry.path("groups").path(name)));
        add("</details>\n");
    }

    private void first(ObjectNode model) {
        JsonNode first = model.path("first");
        add("<details><summary>what %s read of the first row</summary>\n<pre>%s</pre>\n", Visible.html(model.get("model").asText()),
                Visible.html(first.path("prompt").asText()));
        first.properties().forEach(e -> {
            if (!e.getKey().equals("prompt")) {
                add("<p>%s</p><pre>%s</pre>\n", Visible.html(e.getKey()), Visible.html(e.getValue().toString()));
            }
        });
        add("<p class=soft>key %s</p></details>\n", Visible.html(model.path("key").asText()));
    }

    private void add(String format, Object... values) {
        page.append(String.format(Locale.ROOT, format, values));
    }
}
