package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.MetricValue;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What a task says of a model.
 *
 * @param task     its name
 * @param model    the model's name in reports
 * @param rows     how many were put to it
 * @param protocol how the numbers come about, in words
 * @param groups   numbers over all rows under the empty name; of each group under its own
 * @param notices  what should be known beside the numbers: rows that could not be used, texts that were cut
 * @param first    what the model read of the first row: prompt and ids
 * @param key      hash of everything the numbers depend on
 * @param asked    hash of task, shots and the rows that were asked; equal where two models were asked the same
 * @param samples  file of all rows' outcomes
 * @param seconds  it took
 */
public record TaskResult(String task, String model, int rows, String protocol, Map<String, List<MetricValue>> groups, List<String> notices,
        ObjectNode first, String key, String asked, Path samples, double seconds) {
    /** The numbers over all rows. */
    public List<MetricValue> metrics() {
        return groups.get("");
    }

    /** All of it but the outcomes; {@code samples} is the file's name. */
    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("task", task).put("model", model).put("rows", rows).put("protocol", protocol);
        json.set("metrics", array(metrics()));
        if (groups.size() > 1) {
            ObjectNode each = json.putObject("groups");
            groups.forEach((group, values) -> {
                if (!group.isEmpty()) {
                    each.set(group, array(values));
                }
            });
        }
        ArrayNode said = json.putArray("notices");
        notices.forEach(said::add);
        json.set("first", first);
        return json.put("key", key).put("asked", asked).put("samples", samples.getFileName().toString()).put("seconds", seconds);
    }

    private static ArrayNode array(List<MetricValue> values) {
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        values.forEach(value -> array.add(value.json()));
        return array;
    }
}
