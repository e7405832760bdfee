package dev.zhulong.evaluate.text;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/**
 * One number of a metric, with what is needed to trust and to repeat it.
 *
 * @param name      {@code BLEU}, {@code rougeL}, {@code exact_match}
 * @param estimate  and its error
 * @param percent   whether the scale is 0 to 100 (BLEU, chrF, TER) and not 0 to 1
 * @param lower     whether less is better (TER)
 * @param signature settings
 * @param detail    its parts, for people; may be empty
 */
public record MetricValue(String name, Estimate estimate, boolean percent, boolean lower, String signature, String detail) {
    /** {@code BLEU = 34.26 ± 1.10 (standard error 0.56)}, and the parts behind it. */
    public String text() {
        String digits = percent ? "%.2f" : "%.4f";
        String text = String.format(Locale.ROOT, "%s = " + digits, name, estimate.value());
        if (!Double.isNaN(estimate.standardError())) {
            text += String.format(Locale.ROOT, " ± " + digits + " (standard error " + digits + ")", estimate.halfWidth(), estimate.standardError());
        }
        return detail.isEmpty() ? text : text + "  " + detail;
    }

    /** Fields {@code name, score, standard_error, low, high, resamples, better, signature}; those of an unknown error are left out. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("name", name).put("score", estimate.value());
        if (!Double.isNaN(estimate.standardError())) {
            json.put("standard_error", estimate.standardError()).put("low", estimate.low()).put("high", estimate.high());
            json.put("resamples", estimate.resamples());
        }
        json.put("better", lower ? "lower" : "higher").put("signature", signature);
        if (!detail.isEmpty()) {
            json.put("detail", detail);
        }
        return json;
    }
}
