package dev.zhulong.recipe.quickstart;

import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.evaluate.text.TextMetric;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.recipe.FinetuneEvaluation;
import dev.zhulong.recipe.javadoc.DocumentedMethod;
import dev.zhulong.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Has a model answer held-out prompts greedily, alone and with an adapter, and scores both against what the methods' authors wrote. */
final class Comparison {
    private static final String STAGE = "compare";
    private static final int AT_ONCE = 8;
    private static final List<String> METRICS = List.of("bleu", "rouge");

    private final Tokenizer tokenizer;
    private final int seq;
    private final List<DocumentedMethod> pairs;
    private final Progress progress;
    private int done;

    private Comparison(Tokenizer tokenizer, int seq, List<DocumentedMethod> pairs, Progress progress) {
        this.tokenizer = tokenizer;
        this.seq = seq;
        this.pairs = pairs;
        this.progress = progress;
    }

    /**
     * @param model      directory of the model
     * @param adapter    directory of PEFT's files
     * @param evaluation of the fine-tuning, by the tasks' names
     */
    static Finetuning of(Path model, Path adapter, Tokenizer tokenizer, int seq, MethodPairs.Found found, long steps,
            FinetuneEvaluation evaluation, Progress progress) {
        var comparison = new Comparison(tokenizer, seq, found.heldOut(), progress);
        Map<Task, List<String>> before = comparison.answers(model, null);
        Map<Task, List<String>> after = comparison.answers(model, adapter);
        return new Finetuning(found.train(), found.heldOut().size(), steps, LoraConfig.read(adapter).rank(), Stream.of(Task.values())
                .map(task -> comparison.result(task, before.get(task), after.get(task), evaluation)).toList());
    }

    /** @param adapter null for none */
    private Map<Task, List<String>> answers(Path directory, Path adapter) {
        try (ModelFiles files = ModelFiles.open(directory, adapter, Quickstart.TORCH, step -> { });
                LanguageModel model = files.loadEngine((long) AT_ONCE * files.context())) {
            return answers(new Generator(model, tokenizer));
        }
    }

    private Map<Task, List<String>> answers(Generator generator) {
        var answers = new EnumMap<Task, List<String>>(Task.class);
        for (Task task : Task.values()) {
            int most = task == Task.DESCRIBE ? MethodPairs.sentenceTokens(seq) : seq;
            var options = GenerateOptions.of(most, SamplerOptions.GREEDY).withStop(task.stop());
            var written = new ArrayList<String>();
            for (int from = 0; from < pairs.size(); from += AT_ONCE) {
                List<int[]> prompts = pairs.subList(from, Math.min(pairs.size(), from + AT_ONCE)).stream()
                        .map(pair -> generator.sequence(task.prompt(pair))).toList();
                for (Generation one : generator.generateAll(prompts, options, (index, text) -> { })) {
                    written.add(task.answer(one.text(), one.finish() == Generation.Finish.STOP));
                }
                done += prompts.size();
                progress.at(STAGE, done, 2L * Task.values().length * pairs.size(), "answers");
            }
            answers.put(task, written);
        }
        return answers;
    }

    private Finetuning.Result result(Task task, List<String> before, List<String> after, FinetuneEvaluation evaluation) {
        FinetuneEvaluation.Source loss = evaluation.sources().stream().filter(s -> s.name().equals(task.id())).findFirst().orElseThrow();
        var metrics = new ArrayList<Finetuning.Metric>();
        for (String name : METRICS) {
            List<MetricValue> then = score(name, task, before);
            List<MetricValue> now = score(name, task, after);
            for (int i = 0; i < now.size(); i++) {
                metrics.add(new Finetuning.Metric(now.get(i).name(), then.get(i).estimate().value(), known(then.get(i)),
                        now.get(i).estimate().value(), known(now.get(i)), now.get(i).percent(), now.get(i).signature()));
            }
        }
        List<Finetuning.Answer> answers = IntStream.range(0, pairs.size()).mapToObj(i -> new Finetuning.Answer(task.prompt(pairs.get(i)),
                task.reference(pairs.get(i)), before.get(i), after.get(i))).toList();
        return new Finetuning.Result(task.id(), task.what(), loss.before().loss(), loss.after().loss(), loss.after().count(), metrics, answers);
    }

    private List<MetricValue> score(String metric, Task task, List<String> written) {
        List<Segment> segments = IntStream.range(0, pairs.size()).mapToObj(i -> Segment.of(written.get(i), task.reference(pairs.get(i)))).toList();
        return TextMetric.of(metric, TextMetric.Settings.DEFAULT).corpus(segments, Bootstrap.DEFAULT);
    }

    private static Double known(MetricValue value) {
        double error = value.estimate().standardError();
        return Double.isNaN(error) ? null : error;
    }
}
