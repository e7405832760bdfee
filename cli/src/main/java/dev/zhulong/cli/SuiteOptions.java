package dev.zhulong.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.report.EvaluationReport;
import dev.zhulong.evaluate.task.Subject;
import dev.zhulong.evaluate.task.TaskResult;
import dev.zhulong.evaluate.task.TaskRun;
import dev.zhulong.evaluate.task.Tasks;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.text.chat.ChatEncoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** The part of {@code evaluate} that puts tasks to models. */
final class SuiteOptions {
    @Option(names = "--suite", split = ",", arity = "1..*", paramLabel = "TASK", description = "Tasks to run: mmlu, cmmlu, gsm8k, "
            + "squad, cmrc2018, crows-pairs, wikitext, java; a YAML file of your own; or a directory of such files.")
    List<String> tasks;

    @Option(names = "--task-data", paramLabel = "DIR", description = "Directory of the data files that the tasks name (default: beside "
            + "the task's YAML file). Nothing is downloaded.")
    Path data;

    @Option(names = "--limit", paramLabel = "N", description = "Use only the first N rows of each group.")
    Integer limit;

    @Option(names = "--shots", paramLabel = "N", description = "Number of solved examples before each question, instead of the task's "
            + "own number.")
    Integer shots;

    @Option(names = "--beside-base", description = "Also measure the model without its --adapter.")
    boolean base;

    @Option(names = "--report", paramLabel = "DIR", description = "Directory to keep the results, a web page and the outcome of every "
            + "row in; models measured into it earlier stay there and are compared.")
    Path report;

    @Option(names = "--bootstrap", paramLabel = "N", defaultValue = "1000", description = "Number of resamples for the standard errors "
            + "of numbers that are not means (default 1000; 0: none).")
    int resamples;

    /** What is measured: a model, with an adapter or without. */
    private record Candidate(Path model, Path adapter) {
        String name() {
            return adapter == null ? model.toString() : model + " + " + adapter;
        }
    }

    /** Whether an option was given that only tasks know. */
    boolean anyGiven() {
        return data != null || limit != null || shots != null || base || report != null;
    }

    /** Runs all tasks on all models, prints them, and returns the JSON object. */
    String run(EvaluateVerb verb, List<Path> models, Path adapter, EngineOptions engine, boolean json) {
        if (limit != null && limit < 1 || shots != null && shots < 0 || resamples < 0) {
            throw verb.wrongUsage("--limit must be at least 1, --shots and --bootstrap not negative");
        }
        if (base && adapter == null) {
            throw verb.wrongUsage("--beside-base goes with --adapter");
        }
        List<Tasks.Found> found = Tasks.find(tasks);
        List<Candidate> candidates = new ArrayList<>();
        models.forEach(model -> {
            if (adapter == null || base) {
                candidates.add(new Candidate(model, null));
            }
            if (adapter != null) {
                candidates.add(new Candidate(model, adapter));
            }
        });
        Path directory = report != null ? report : temporary();
        try {
            return run(verb, found, candidates, engine, directory, json);
        } finally {
            if (report == null) {
                FileTree.delete(directory);
            }
        }
    }

    private String run(EvaluateVerb verb, List<Tasks.Found> found, List<Candidate> candidates, EngineOptions engine, Path directory,
            boolean json) {
        EvaluationReport kept = EvaluationReport.open(directory);
        var options = new TaskRun.Options(Optional.ofNullable(data), limit == null ? OptionalInt.empty() : OptionalInt.of(limit),
                shots == null ? OptionalInt.empty() : OptionalInt.of(shots), resamples == 0 ? Bootstrap.NONE : new Bootstrap(resamples,
                Bootstrap.DEFAULT.seed()), EvaluationReport.samples(directory));
        ArrayNode results = JsonNodeFactory.instance.arrayNode();
        for (Candidate candidate : candidates) {
            try (ModelFiles files = engine.open(candidate.model, candidate.adapter, Engine.TORCH);
                    LoadedModel loaded = files.loadFitting(verb.err()::println)) {
                var chat = new ChatEncoder(files.template(), loaded.tokenizer());
                var subject = new Subject(candidate.name(), loaded.model(), loaded.tokenizer(), chat, files.identity());
                for (Tasks.Found task : found) {
                    TaskResult result;
                    try (var status = ProgressLine.on(verb.err())) {
                        result = TaskRun.run(task, subject, options, status);
                    }
                    kept.add(result);
                    results.add(result.json());
                    if (!json) {
                        print(verb, result);
                    }
                }
            }
        }
        List<String> comparisons = kept.comparisons();
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        object.set("results", results);
        ArrayNode compared = object.putArray("comparisons");
        comparisons.forEach(compared::add);
        if (json) {
            verb.out().println(object);
        } else {
            comparisons.forEach(verb.out()::println);
            if (report != null) {
                verb.out().println("report    " + directory.resolve(EvaluationReport.PAGE));
            }
        }
        return object.toString();
    }

    private static void print(EvaluateVerb verb, TaskResult result) {
        verb.out().println(String.format(Locale.ROOT, "%s, %s: %,d rows, %.1f s", result.task(), result.model(), result.rows(), result.seconds()));
        result.metrics().forEach(value -> verb.out().println("  " + value.text()));
        result.groups().forEach((group, values) -> {
            if (!group.isEmpty()) {
                MetricValue first = values.getFirst();
                verb.out().println("    " + group + ": " + first.text());
            }
        });
        result.notices().forEach(notice -> verb.out().println("  " + notice));
        verb.out().println("  " + result.protocol());
        verb.out().flush();
    }

    private static Path temporary() {
        try {
            return Files.createTempDirectory("zhulong-evaluate");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
