package dev.zhulong.recipe.label;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Classification;
import dev.zhulong.evaluate.text.Estimate;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * How right a head is.
 *
 * @param unit    what was counted: texts, sentences, questions
 * @param count   how many
 * @param metrics by name, the most telling first; in [0, 1]
 * @param of      what {@code classes} are: label, tag, entity; empty where there are none
 * @param classes by name
 * @param notices what should be known beside the numbers
 */
public record HeadScores(String unit, int count, Map<String, Estimate> metrics, String of, SortedMap<String, Classification.Class> classes,
        List<String> notices) {
    static final String ACCURACY = "accuracy";
    static final String MACRO_F1 = "macro_f1";
    static final String ENTITY_F1 = "entity_f1";
    static final String WEIGHTED_F1 = "weighted_f1";
    static final String MICRO_F1 = "micro_f1";
    static final String F1 = "f1";
    static final String EXACT_MATCH = "exact_match";

    public HeadScores {
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
        classes = Collections.unmodifiableSortedMap(new TreeMap<>(classes));
        notices = List.copyOf(notices);
    }

    static Classification.Class together(Collection<Classification.Class> classes) {
        return new Classification.Class(classes.stream().mapToLong(Classification.Class::support).sum(), classes.stream().mapToLong(Classification.Class::said).sum(),
                classes.stream().mapToLong(Classification.Class::hits).sum());
    }

    /** One line of all metrics: {@code accuracy 0.9500, macro_f1 0.9499}. */
    public String line() {
        return metrics.entrySet().stream().map(e -> String.format(Locale.ROOT, "%s %.4f", e.getKey(), e.getValue().value())).collect(Collectors.joining(", "));
    }

    /** The metrics with their standard errors, and a line for each class. */
    public String text() {
        var out = new StringBuilder(metrics.entrySet().stream().map(e -> String.format(Locale.ROOT, "%s %.4f%s", e.getKey(), e.getValue().value(),
                Double.isNaN(e.getValue().standardError()) ? "" : String.format(Locale.ROOT, " (standard error %.4f)", e.getValue().standardError())))
                .collect(Collectors.joining(", "))).append(String.format(Locale.ROOT, "; over %,d %s", count, unit));
        if (!classes.isEmpty()) {
            int width = Math.max(of.length(), classes.keySet().stream().mapToInt(String::length).max().orElse(0));
            out.append(String.format(Locale.ROOT, "%n%-" + width + "s %10s %10s %10s %8s", of, "precision", "recall", "F1", "count"));
            classes.forEach((name, c) -> out.append(String.format(Locale.ROOT, "%n%-" + width + "s %10.4f %10.4f %10.4f %8d", name, c.precision(), c.recall(), c.f1(),
                    c.support())));
        }
        notices.forEach(notice -> out.append(System.lineSeparator()).append(notice));
        return out.toString();
    }

    /** Fields {@code unit, rows, metrics, standard_errors}, and {@code classes} with precision, recall, F1, support, predictions and hits of each. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("unit", unit).put("rows", count);
        ObjectNode values = json.putObject("metrics");
        ObjectNode errors = json.putObject("standard_errors");
        metrics.forEach((name, estimate) -> {
            values.put(name, estimate.value());
            if (!Double.isNaN(estimate.standardError())) {
                errors.put(name, estimate.standardError());
            }
        });
        if (!classes.isEmpty()) {
            json.put("of", of);
            ObjectNode each = json.putObject("classes");
            classes.forEach((name, c) -> each.putObject(name).put("precision", c.precision()).put("recall", c.recall()).put("f1", c.f1())
                    .put("support", c.support()).put("predicted", c.said()).put("hits", c.hits()));
        }
        notices.forEach(json.putArray("notices")::add);
        return json;
    }
}
