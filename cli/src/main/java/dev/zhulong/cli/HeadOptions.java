package dev.zhulong.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.AnswerMatch;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.recipe.LabelEvaluation;
import dev.zhulong.recipe.label.HeadScores;
import dev.zhulong.recipe.label.HeadTask;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The part of {@code evaluate} that measures the head of an encoder on labelled rows. */
final class HeadOptions {
    @Option(names = "--task", paramLabel = "TASK", description = "Task of an encoder's head to measure on the labelled rows of --data: classify, tags or qa.")
    HeadTask.Kind task;

    @Option(names = "--map", arity = "1..*", paramLabel = "FIELD=COLUMN", description = "Column of the labelled rows that holds a field under another name: "
            + "text, text_pair, label (classify), tokens, tags (tags).")
    Map<String, String> mapping = Map.of();

    @Option(names = "--labels", split = ",", paramLabel = "NAME", description = "Names of labels that are numbers in the rows, from 0.")
    List<String> labels = List.of();

    @Option(names = "--multi", description = "Read any number of classes for a text, as a list (with --task classify).")
    boolean multi;

    @Option(names = "--match", paramLabel = "MANNER", description = "Comparison of answers: squad (default) or cmrc.")
    AnswerMatch match;

    @Option(names = "--seq", paramLabel = "N", description = "Maximum number of tokens in an input (default: the model's context, at most 512; with --task qa 384).")
    Integer seq;

    @Option(names = "--overlap", paramLabel = "N", description = "Number of tokens of the context that two windows of a question share (default: a third of the "
            + "longest input).")
    Integer overlap;

    @Option(names = "--batch", paramLabel = "N", description = "Number of inputs that are read together (default 16).")
    Integer batch;

    @Option(names = "--predictions", paramLabel = "FILE", description = "File to write each row to with what the model says of it, as JSON Lines.")
    Path predictions;

    /** Whether an option was given that only --task knows. */
    boolean anyGiven() {
        return !mapping.isEmpty() || !labels.isEmpty() || multi || match != null || seq != null || overlap != null || batch != null || predictions != null;
    }

    /** Measures, prints, and returns the JSON object. @param adapter null for none */
    String run(EvaluateVerb verb, Path model, Path adapter, Path data, String device, boolean json, boolean force) {
        if (batch != null && batch < 1 || seq != null && seq < 1 || overlap != null && overlap < 1) {
            throw verb.wrongUsage("--batch, --seq and --overlap must be at least 1");
        }
        if (predictions != null) {
            Outputs.file(predictions, force);
        }
        HeadTask<?> what = HeadTask.of(task, new HeadTask.Settings(mapping, labels, multi, match == null ? AnswerMatch.SQUAD : match, overlap == null ? 0 : overlap));
        var lines = new StringBuilder();
        HeadScores scores;
        Device where = Device.parse(device);
        where.require();
        try (var line = ProgressLine.on(verb.err());
                var on = DeviceScope.open(where)) {
            scores = LabelEvaluation.run(model, Optional.ofNullable(adapter), what, List.of(data), seq == null ? 0 : seq, batch == null ? 16 : batch, line, said -> {
                if (predictions != null) {
                    lines.append(said).append('\n');
                }
            });
        }
        if (predictions != null) {
            AtomicFile.writeString(predictions, lines.toString());
        }
        ObjectNode object = JsonNodeFactory.instance.objectNode().put("task", task.toString()).put("model", model.toString()).put("data", data.toString());
        object.setAll(scores.json());
        verb.out().println(json ? object.toString() : scores.text());
        return object.toString();
    }
}
