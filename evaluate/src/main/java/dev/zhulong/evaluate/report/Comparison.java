package dev.zhulong.evaluate.report;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.task.Samples;
import dev.zhulong.evaluate.text.Estimate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How much a model's number differs from the first model's, row by row: rows that are hard for both do not blur the difference, so its error
 * is smaller than the two numbers' own.
 *
 * @param task       both were asked
 * @param metric     a mean over rows
 * @param base       the first model
 * @param model      the other
 * @param difference the other less the first
 * @param rows       both have done
 */
record Comparison(String task, String metric, String base, String model, Estimate difference, int rows) {
    /** Of every model with the first that has the task, where both were asked the same rows. */
    static List<Comparison> all(List<ObjectNode> entries, Path samples) {
        Map<String, ObjectNode> first = new LinkedHashMap<>();
        List<Comparison> all = new ArrayList<>();
        for (ObjectNode entry : entries) {
            String task = entry.get("task").asText();
            ObjectNode base = first.putIfAbsent(task, entry);
            if (base != null && base.path("asked").equals(entry.path("asked"))) {
                all.addAll(pair(task, base, entry, samples));
            }
        }
        return all;
    }

    private static List<Comparison> pair(String task, ObjectNode base, ObjectNode entry, Path samples) {
        Map<String, Map<String, Double>> before = Samples.values(samples.resolve(base.get("samples").asText()));
        Map<String, Map<String, Double>> after = Samples.values(samples.resolve(entry.get("samples").asText()));
        Map<String, List<Double>> differences = new LinkedHashMap<>();
        after.forEach((id, values) -> values.forEach((metric, value) -> {
            Double was = before.getOrDefault(id, Map.of()).get(metric);
            if (was != null) {
                differences.computeIfAbsent(metric, _ -> new ArrayList<>()).add(value - was);
            }
        }));
        List<Comparison> all = new ArrayList<>();
        differences.forEach((metric, each) -> all.add(new Comparison(task, metric, base.get("model").asText(), entry.get("model").asText(),
                Estimate.mean(each.stream().mapToDouble(Double::doubleValue).toArray(), 1), each.size())));
        return all;
    }

    /** Whether the 95 % interval of the difference leaves out 0. */
    boolean significant() {
        return difference.low() > 0 || difference.high() < 0;
    }

    String text() {
        String error = Double.isNaN(difference.standardError()) ? ", error unknown" : String.format(Locale.ROOT, " ± %.4f", difference.halfWidth());
        return String.format(Locale.ROOT, "%s %s: %s less %s = %+.4f%s over %d rows%s", task, metric, model, base, difference.value(), error, rows,
                Double.isNaN(difference.standardError()) || significant() ? "" : " (could be chance)");
    }
}
