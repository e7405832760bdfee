package dev.zhulong.evaluate.task;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Outcomes of rows that an evaluation kept. */
public final class Samples {
    private Samples() {}

    /** Of each row by its id the numbers that are means over rows; empty where the file is missing. */
    public static Map<String, Map<String, Double>> values(Path file) {
        Map<String, Map<String, Double>> all = new LinkedHashMap<>();
        SampleLog.read(file).forEach((id, outcome) -> {
            Map<String, Double> values = new LinkedHashMap<>();
            outcome.path("values").properties().forEach(e -> values.put(e.getKey(), e.getValue().asDouble()));
            all.put(id, values);
        });
        return all;
    }
}
