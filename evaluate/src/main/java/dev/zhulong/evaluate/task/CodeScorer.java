package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.code.JavaAnswer;
import dev.zhulong.evaluate.code.JavaSandbox;
import dev.zhulong.evaluate.code.JavaSandbox.Verdict;
import dev.zhulong.evaluate.code.PassAtK;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.CorpusMetric;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;

/** Java that the model writes, compiled and run against the row's test in a {@link JavaSandbox}; pass@k over several solutions of each problem. */
final class CodeScorer implements Scorer {
    private static final int BATCH = 8;

    private final TaskSpec.Code spec;
    private final Subject subject;
    private final Generator generator;
    private final ItemTemplate prompt;
    private final ItemTemplate test;
    private final JavaSandbox sandbox;
    private final GenerateOptions options;

    CodeScorer(TaskSpec task, TaskSpec.Code spec, Subject subject) {
        this.spec = spec;
        this.subject = subject;
        generator = new Generator(subject.model(), subject.tokenizer());
        prompt = new ItemTemplate(task.name() + ": prompt", spec.prompt());
        test = new ItemTemplate(task.name() + ": test", spec.test());
        sandbox = new JavaSandbox(spec.seconds(), spec.memoryMb());
        int most = Math.min(spec.maxNewTokens(), subject.model().spec().contextLength() / 2);
        SamplerOptions sampler = spec.temperature() == 0 ? SamplerOptions.GREEDY : SamplerOptions.DEFAULT.withTemperature(spec.temperature()).withTopP(spec.topP());
        options = new GenerateOptions(most, sampler, spec.stop(), spec.chat() ? List.copyOf(subject.chat().endOfTurn()) : List.of(), false);
    }

    private int[] ids(Item item) {
        String text = prompt.render(item);
        return spec.chat() ? subject.chat().prompt(Questions.turn(spec.instruction() + text)) : generator.sequence(text);
    }

    @Override
    public List<ObjectNode> run(List<Item> items) {
        return items.stream().map(this::run).toList();
    }

    private ObjectNode run(Item item) {
        String beginning = prompt.render(item);
        String tests = test.render(item);
        List<String> written = written(ids(item));
        ObjectNode outcome = JsonNodeFactory.instance.objectNode();
        ArrayNode solutions = outcome.putArray("solutions");
        int right = 0;
        List<Verdict> verdicts = verdicts(written.stream().map(text -> JavaAnswer.source(beginning, text)).toList(), tests);
        for (int i = 0; i < written.size(); i++) {
            Verdict verdict = verdicts.get(i);
            right += verdict.status() == JavaSandbox.Status.PASSED ? 1 : 0;
            solutions.addObject().put("written", written.get(i)).put("status", verdict.status().toString()).put("detail", verdict.detail());
        }
        outcome.put("right", right);
        ObjectNode values = outcome.putObject("values");
        for (int k : spec.k()) {
            values.put("pass@" + k, PassAtK.of(spec.samples(), right, k));
        }
        return outcome;
    }

    private List<String> written(int[] prompt) {
        List<String> all = new ArrayList<>();
        while (all.size() < spec.samples()) {
            // the number of the first in the batch tells its streams from those of the others
            GenerateOptions own = options.withSampler(options.sampler().withSeed(spec.seed() + 1_000_003L * all.size()));
            int count = Math.min(BATCH, spec.samples() - all.size());
            generator.generateAll(Collections.nCopies(count, prompt), own, (_, _) -> {}).stream().map(Generation::text).forEach(all::add);
        }
        return all;
    }

    private List<Verdict> verdicts(List<String> sources, String tests) {
        int at = Math.max(1, Math.min(sources.size(), Runtime.getRuntime().availableProcessors() / 2));
        try (ExecutorService pool = Executors.newFixedThreadPool(at)) {
            List<Future<Verdict>> running = sources.stream().map(source -> pool.submit(() -> sandbox.run(source, tests))).toList();
            List<Verdict> verdicts = new ArrayList<>();
            for (Future<Verdict> one : running) {
                verdicts.add(one.get());
            }
            return verdicts;
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException runtime ? runtime : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    @Override
    public ObjectNode shown(Item item) {
        ObjectNode shown = JsonNodeFactory.instance.objectNode().put("prompt", prompt.render(item));
        ArrayNode ids = shown.putArray("ids");
        for (int id : ids(item)) {
            ids.add(id);
        }
        shown.putArray("references").add(test.render(item));
        return shown;
    }

    @Override
    public List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap) {
        List<JsonNode> solutions = outcomes.stream().flatMap(outcome -> outcome.get("solutions").valueStream()).toList();
        String how = "samples:" + spec.samples() + "|temp:" + spec.temperature() + "|top_p:" + spec.topP() + "|seed:" + spec.seed() + "|version:" + CorpusMetric.VERSION;
        List<MetricValue> values = new ArrayList<>();
        for (int k : spec.k()) {
            double[] each = outcomes.stream().mapToDouble(outcome -> outcome.get("values").get("pass@" + k).asDouble()).toArray();
            values.add(new MetricValue("pass@" + k, Estimate.mean(each, 1), false, false, how, values.isEmpty() ? ends(solutions) : ""));
        }
        return values;
    }

    /** How many solutions ended how; of a single one also why. */
    private static String ends(List<JsonNode> solutions) {
        if (solutions.size() == 1) {
            String detail = solutions.getFirst().get("detail").asText();
            return solutions.getFirst().get("status").asText() + (detail.isEmpty() ? "" : ": " + detail);
        }
        Map<String, Long> counts = solutions.stream().collect(Collectors.groupingBy(solution -> solution.get("status").asText(), TreeMap::new, Collectors.counting()));
        return "of " + solutions.size() + " solutions " + counts.entrySet().stream().map(e -> e.getValue() + " " + e.getKey()).collect(Collectors.joining(", "));
    }

    @Override
    public String protocol() {
        return spec.samples() + (spec.samples() == 1 ? " solution" : " solutions") + " of each problem, " + (spec.temperature() == 0 ? "greedy"
                : "temperature " + spec.temperature() + ", top-p " + spec.topP() + ", seed " + spec.seed()) + ", at most " + options.maxNewTokens() + " new tokens"
                + (spec.chat() ? ", in the model's chat template" : "") + "; compiled and run for at most " + spec.seconds() + " s and " + spec.memoryMb()
                + " MB each; pass@k without bias (Chen et al. 2021)";
    }
}
