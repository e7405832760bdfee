package dev.zhulong.recipe;

import dev.zhulong.data.tune.EndMarks;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.evaluate.text.TextMetric;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.SupervisedTokens;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What adapters write to held-out prompts, greedily, scored by each task's metric: the common adapter beside the one that learnt this task alone.
 *
 * @param tasks in the order of the recipe
 */
record AnswerScores(List<Task> tasks) {
    static final String FILE = "answers.json";
    private static final int BATCH = 16;
    /** Tokens beyond the longest right answer. */
    private static final int SPARE = 8;

    /**
     * One task.
     *
     * @param metric   the name of its first number: exact_match, chrF2
     * @param together of the adapter that learnt all tasks
     * @param alone    of the adapter of this task, if there is one
     * @param count    answers
     */
    record Task(String name, String metric, double together, Optional<Double> alone, int count) {}

    /** A held-out example: what is read, and what is to be written. */
    private record Asked(int[] prompt, int[] answer) {
        /** Its last answer; empty where nothing stands before it. */
        static Optional<Asked> of(SupervisedTokens tokens) {
            int end = tokens.ids().length;
            while (end > 0 && !tokens.supervised()[end - 1]) {
                end--;
            }
            int from = end;
            while (from > 0 && tokens.supervised()[from - 1]) {
                from--;
            }
            return from == 0 ? Optional.empty() : Optional.of(new Asked(Arrays.copyOf(tokens.ids(), from), Arrays.copyOfRange(tokens.ids(), from, end)));
        }
    }

    /**
     * Scores what a model writes now.
     *
     * @param ends tokens that end an answer besides the model's EOS
     * @return the metric's first number
     */
    static MetricValue score(Decoder model, Tokenizer tokenizer, EndMarks ends, List<SupervisedTokens> held, String metric) {
        // over a model that goes on being trained: the engine is not closed
        var generator = new Generator(new TorchEngine(model), tokenizer);
        List<Asked> asked = held.stream().map(Asked::of).flatMap(Optional::stream).filter(one -> one.prompt.length < model.spec().contextLength()).toList();
        int longest = asked.stream().mapToInt(one -> one.answer.length).max().orElse(0);
        var options = new GenerateOptions(longest + SPARE, SamplerOptions.GREEDY, List.of(), List.copyOf(ends.ids()), false);
        List<Segment> segments = new ArrayList<>();
        for (int from = 0; from < asked.size(); from += BATCH) {
            List<Asked> batch = asked.subList(from, Math.min(asked.size(), from + BATCH));
            List<Generation> written = generator.generateAll(batch.stream().map(Asked::prompt).toList(), options, (_, _) -> {});
            for (int i = 0; i < batch.size(); i++) {
                int[] answer = Arrays.stream(batch.get(i).answer).filter(id -> !ends.ids().contains(id)).toArray();
                segments.add(Segment.of(written.get(i).text().strip(), tokenizer.decode(answer).strip()));
            }
        }
        return TextMetric.of(metric, TextMetric.Settings.DEFAULT).corpus(segments, Bootstrap.NONE).getFirst();
    }

    /** A table, one line a task. */
    String text() {
        boolean alone = tasks.stream().anyMatch(task -> task.alone.isPresent());
        int width = Math.max(4, tasks.stream().mapToInt(task -> task.name.length()).max().orElse(0));
        int wide = Math.max(6, tasks.stream().mapToInt(task -> task.metric.length()).max().orElse(0));
        var out = new StringBuilder(String.format(Locale.ROOT, "%-" + width + "s  %-" + wide + "s %10s%s %8s", "task", "metric", "mixture", alone ? "     single" : "", "answers"));
        for (Task task : tasks) {
            out.append(String.format(Locale.ROOT, "%n%-" + width + "s  %-" + wide + "s %10.4f%s %8d", task.name, task.metric, task.together,
                    !alone ? "" : task.alone.map(value -> String.format(Locale.ROOT, " %10.4f", value)).orElse("           "), task.count));
        }
        if (tasks.size() > 1 && tasks.stream().map(Task::metric).distinct().count() == 1) {
            out.append(String.format(Locale.ROOT, "%n%-" + width + "s  %-" + wide + "s %10.4f%s", "mean", tasks.getFirst().metric, tasks.stream().mapToDouble(Task::together).average()
                    .orElse(0), tasks.stream().allMatch(task -> task.alone.isPresent()) ? String.format(Locale.ROOT, " %10.4f", tasks.stream().mapToDouble(task -> task.alone.get())
                    .average().orElse(0)) : ""));
        }
        return out.toString();
    }

    void write(Path directory) {
        Map<String, Object> fields = new LinkedHashMap<>();
        for (Task task : tasks) {
            Map<String, Object> own = new LinkedHashMap<>();
            own.put("metric", task.metric);
            own.put("mixture", task.together);
            task.alone.ifPresent(value -> own.put("single", value));
            own.put("answers", task.count);
            fields.put(task.name, own);
        }
        JsonFile.write(directory.resolve(FILE), fields);
    }
}
