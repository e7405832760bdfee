package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.CorpusMetric;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * One task put to one model.
 *
 * <pre>{@code
 * TaskResult result = TaskRun.run(Tasks.find(List.of("gsm8k")).getFirst(), subject, options, Progress.SILENT);
 * }</pre>
 */
public final class TaskRun {
    /** Stands in keys; grows when what is kept of a row changes. */
    private static final String FORMAT = "1";

    private TaskRun() {}

    /**
     * What the user asks for besides the task.
     *
     * @param data      where the task's files lie; empty for beside its YAML file
     * @param limit     most rows of each group; empty for all
     * @param shots     instead of the task's own number
     * @param bootstrap of the errors of numbers that are no means
     * @param samples   directory in which outcomes are kept, and found again
     */
    public record Options(Optional<Path> data, OptionalInt limit, OptionalInt shots, Bootstrap bootstrap, Path samples) {}

    /** @throws IllegalArgumentException where task, rows and model do not fit together; the message names the place */
    public static TaskResult run(Tasks.Found task, Subject subject, Options options, Progress progress) {
        TaskSpec spec = options.shots().isPresent() && task.spec().measure().asks()
                ? task.spec().withShots(options.shots().getAsInt()) : task.spec();
        Path home = options.data().or(task::home).orElseThrow(() -> new IllegalArgumentException("task '" + spec.name()
                + "' comes without its rows (" + String.join(", ", spec.data().files()) + "): name the directory of its data files with --task-data DIR"));
        TaskData data = TaskData.read(spec, home.toAbsolutePath().normalize());
        List<Item> items = limited(data.items(), options.limit());
        Scorer scorer = spec.measure().scorer(spec, data, subject);
        SortedMap<String, String> key = key(spec, data, subject);
        long start = System.nanoTime();
        Map<String, ObjectNode> outcomes = new LinkedHashMap<>();
        ObjectNode first;
        Path file;
        try (SampleLog log = SampleLog.open(options.samples(), spec.name(), key)) {
            file = log.file();
            first = scorer.shown(items.getFirst());
            List<Item> open = new ArrayList<>();
            for (Item item : items) {
                log.outcome(item.id()).ifPresentOrElse(kept -> outcomes.put(item.id(), kept), () -> open.add(item));
            }
            int found = outcomes.size();
            for (int from = 0; from < open.size(); from += scorer.batch()) {
                progress.at(spec.name(), found + from, items.size(), "rows");
                List<Item> batch = open.subList(from, Math.min(open.size(), from + scorer.batch()));
                List<ObjectNode> made = scorer.run(batch);
                for (int i = 0; i < batch.size(); i++) {
                    made.get(i).put("id", batch.get(i).id());
                    log.add(made.get(i));
                    outcomes.put(batch.get(i).id(), made.get(i));
                }
            }
            List<String> notices = notices(data, outcomes, found);
            return new TaskResult(spec.name(), subject.name(), items.size(), scorer.protocol() + shots(spec), groups(items, outcomes, scorer,
                    options.bootstrap()), notices, first, SampleLog.hash(key), asked(key, items), file, (System.nanoTime() - start) * 1e-9);
        }
    }

    private static String shots(TaskSpec spec) {
        return spec.shots().count() == 0 ? "" : "; " + spec.shots().count() + " shots";
    }

    /** Everything an outcome depends on. */
    private static SortedMap<String, String> key(TaskSpec spec, TaskData data, Subject subject) {
        SortedMap<String, String> key = new TreeMap<>();
        subject.identity().forEach((name, value) -> key.put("model." + name, value));
        key.put("task", RecipeReader.toYaml(spec));
        spec.scorer().ifPresent(added -> key.put("scorer", added.hash()));
        key.put("rows", data.hash());
        key.put("version", CorpusMetric.VERSION + "/" + FORMAT);
        return key;
    }

    /** The same hash wherever the same rows were asked in the same way, whatever the model. */
    private static String asked(SortedMap<String, String> key, List<Item> items) {
        SortedMap<String, String> asked = new TreeMap<>(key);
        asked.keySet().removeIf(name -> name.startsWith("model."));
        asked.put("ids", items.stream().map(Item::id).collect(Collectors.joining("\n")));
        return SampleLog.hash(asked);
    }

    private static List<Item> limited(List<Item> items, OptionalInt limit) {
        if (limit.isEmpty()) {
            return items;
        }
        Map<String, Integer> taken = new HashMap<>();
        return items.stream().filter(item -> taken.merge(item.group(), 1, Integer::sum) <= limit.getAsInt()).toList();
    }

    private static List<String> notices(TaskData data, Map<String, ObjectNode> outcomes, int found) {
        List<String> notices = new ArrayList<>();
        if (data.report().refusals() > 0) {
            notices.add(data.report().toString());
        }
        long cut = outcomes.values().stream().filter(outcome -> outcome.path("cut").asBoolean()).count();
        if (cut > 0) {
            notices.add(cut + " of " + outcomes.size() + " rows did not fit the model's context and lost their beginning");
        }
        if (found > 0) {
            notices.add(found + " of " + outcomes.size() + " rows were done before and taken from the samples");
        }
        return notices;
    }

    /** Numbers over all rows under the empty name, and of each group under its own; of groups also the mean, each group counting alike. */
    private static Map<String, List<MetricValue>> groups(List<Item> items, Map<String, ObjectNode> outcomes, Scorer scorer, Bootstrap bootstrap) {
        SortedMap<String, List<ObjectNode>> byGroup = new TreeMap<>();
        items.forEach(item -> byGroup.computeIfAbsent(item.group(), _ -> new ArrayList<>()).add(outcomes.get(item.id())));
        List<MetricValue> all = scorer.metrics(items.stream().map(item -> outcomes.get(item.id())).toList(), bootstrap);
        if (byGroup.size() == 1) {
            return Map.of("", all);
        }
        Map<String, List<MetricValue>> values = new LinkedHashMap<>();
        byGroup.forEach((group, own) -> values.put(group.isEmpty() ? "(none)" : group, scorer.metrics(own, bootstrap)));
        List<MetricValue> whole = new ArrayList<>(all);
        for (MetricValue value : all) {
            List<Estimate> each = values.values().stream().flatMap(List::stream).filter(own -> own.name().equals(value.name()))
                    .map(MetricValue::estimate).toList();
            whole.add(new MetricValue("group_mean_" + value.name(), Estimate.average(each), value.percent(), value.lower(), value.signature(),
                    "each of " + each.size() + " groups counts alike"));
        }
        values.put("", whole);
        return values;
    }
}
