package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;

/** Labels in {@code config.json}, and what their logits mean, as transformers decides it. */
final class ConfigLabels {
    private static final int MOST_LABELS = 1_000_000;

    private ConfigLabels() {}

    /** By id; {@code LABEL_0}, … where only their number is known, which is 2 where that is not. */
    static List<String> read(JsonFields config) {
        int absent = config.integer("num_labels", 1, MOST_LABELS, 2);
        JsonFields map = config.object("id2label").orElse(null);
        if (map == null) {
            return IntStream.range(0, absent).mapToObj(id -> "LABEL_" + id).toList();
        }
        int n = map.object().size();
        if (n == 0 || config.isSet("num_labels") && n != absent) {
            throw config.wrong("id2label", config.isSet("num_labels") ? absent + " labels, as num_labels says" : "one label or more", n + " of them");
        }
        var labels = new ArrayList<String>();
        var seen = new HashSet<String>();
        for (int id = 0; id < n; id++) {
            String field = Integer.toString(id);
            String label = map.text(field).orElseThrow(() -> map.wrong(field, "the label of this id: ids count from 0 to " + (n - 1), "none"));
            if (!seen.add(label)) {
                throw map.wrong(field, "a label of its own", FormatException.quote(label));
            }
            labels.add(label);
        }
        return labels;
    }

    /** {@code problem_type}, else regression for one label and one of them for more. */
    static Problem problem(JsonFields config, int labels) {
        String name = config.text("problem_type").orElse(labels == 1 ? name(Problem.REGRESSION) : name(Problem.SINGLE_LABEL));
        for (Problem problem : Problem.values()) {
            if (name(problem).equals(name)) {
                return problem;
            }
        }
        throw config.wrong("problem_type", "single_label_classification, multi_label_classification or regression", FormatException.quote(name));
    }

    private static String name(Problem problem) {
        return switch (problem) {
            case SINGLE_LABEL -> "single_label_classification";
            case MULTI_LABEL -> "multi_label_classification";
            case REGRESSION -> "regression";
        };
    }

    /** Puts the fields that are read here, where the head has labels. */
    static void write(Head head, ObjectNode config) {
        if (head.labels().isEmpty()) {
            return;
        }
        ObjectNode byId = config.putObject("id2label");
        ObjectNode byLabel = config.putObject("label2id");
        for (int id = 0; id < head.labels().size(); id++) {
            byId.put(Integer.toString(id), head.labels().get(id));
            byLabel.put(head.labels().get(id), id);
        }
        if (head instanceof Head.Classes classes) {
            config.put("problem_type", name(classes.problem()));
        }
    }
}
