package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Bleu;
import dev.zhulong.evaluate.text.BleuTokenizer;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.CorpusMetric;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.evaluate.text.TextMetric;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the model writes, greedily, beside what it should have written. */
final class GenerateScorer implements Scorer {
    /** Metrics that are means over rows, so that two models' rows can be compared one by one. */
    private static final Set<String> BY_ROW = Set.of("rouge", "exact", "squad", "cmrc");
    private static final int BATCH = 8;

    private record Extraction(Pattern pattern, TaskSpec.Extract.Which which) {}

    private final String task;
    private final TaskSpec.Generate spec;
    private final Subject subject;
    private final Generator generator;
    private final GenerateOptions options;
    private final ItemTemplate prompt;
    private final Optional<ItemTemplate> reference;
    private final List<Extraction> extract;
    private final List<Extraction> extractReference;
    private final List<Pattern> remove;
    private final List<TextMetric> metrics;
    private final Questions questions;

    GenerateScorer(TaskSpec task, TaskSpec.Generate spec, TaskData data, Subject subject) {
        this.task = task.name();
        this.spec = spec;
        this.subject = subject;
        generator = new Generator(subject.model(), subject.tokenizer());
        prompt = new ItemTemplate(this.task + ": prompt", spec.prompt());
        reference = spec.reference().isEmpty() ? Optional.empty() : Optional.of(new ItemTemplate(this.task + ": reference", spec.reference()));
        extract = spec.extract().stream().map(e -> new Extraction(Patterns.compile(this.task + ": extract", e.pattern()), e.which())).toList();
        extractReference = spec.extractReference().stream()
                .map(e -> new Extraction(Patterns.compile(this.task + ": extract_reference", e.pattern()), e.which())).toList();
        remove = spec.remove().stream().map(pattern -> Patterns.compile(this.task + ": remove", pattern)).toList();
        var settings = new TextMetric.Settings(BleuTokenizer.of(spec.tokenize()), false, Bleu.Smoothing.EXP, false, spec.chinese());
        metrics = spec.metrics().stream().map(name -> TextMetric.of(name, settings)).toList();
        questions = new Questions(data, task.shots().separator(), spec.delimiter(), prompt::render, item -> references(item).getFirst());
        // a model that was shown solved rows goes on with rows of its own
        List<String> stop = spec.stop().isEmpty() && task.shots().count() > 0 && !spec.chat() ? List.of(task.shots().separator()) : spec.stop();
        List<Integer> ends = spec.chat() ? List.copyOf(subject.chat().endOfTurn()) : List.of();
        // a prompt needs room too
        int most = Math.min(spec.maxNewTokens(), subject.model().spec().contextLength() / 2);
        options = new GenerateOptions(most, SamplerOptions.GREEDY, stop, ends, false);
    }

    private List<String> references(Item item) {
        return reference.map(template -> List.of(template.render(item)))
                .orElseGet(() -> ItemTemplate.list(task + ": references_in", spec.referencesIn(), item));
    }

    private int[] ids(Item item) {
        return spec.chat() ? subject.chat().prompt(questions.conversation(item)) : generator.sequence(questions.text(item));
    }

    /** The end of a prompt that is too long, BOS kept at its front. */
    private int[] fit(int[] ids) {
        int room = subject.model().spec().contextLength() - options.maxNewTokens();
        if (ids.length <= room) {
            return ids;
        }
        int[] kept = Arrays.copyOfRange(ids, ids.length - room, ids.length);
        if (subject.tokenizer().addsBos()) {
            kept[0] = ids[0];
        }
        return kept;
    }

    @Override
    public int batch() {
        return BATCH;
    }

    @Override
    public List<ObjectNode> run(List<Item> items) {
        List<int[]> prompts = items.stream().map(this::ids).toList();
        List<Generation> written = generator.generateAll(prompts.stream().map(this::fit).toList(), options, (_, _) -> {});
        List<ObjectNode> outcomes = new ArrayList<>();
        for (int i = 0; i < items.size(); i++) {
            ObjectNode outcome = JsonNodeFactory.instance.objectNode();
            String text = written.get(i).text();
            Optional<String> found = extracted(afterThought(text), extract);
            String answer = clean(found.orElse(""));
            outcome.put("written", text).put("answer", answer).put("found", found.isPresent());
            ArrayNode wanted = outcome.putArray("references");
            for (String one : references(items.get(i))) {
                String id = items.get(i).id();
                wanted.add(clean(extracted(one, extractReference).orElseThrow(
                        () -> new IllegalArgumentException(task + ": extract_reference finds nothing in the reference of " + id))));
            }
            ObjectNode values = outcome.putObject("values");
            for (int m = 0; m < metrics.size(); m++) {
                if (BY_ROW.contains(spec.metrics().get(m))) {
                    metrics.get(m).sentence(segment(outcome)).forEach(value -> values.put(value.name(), value.estimate().value()));
                }
            }
            if (prompts.get(i).length > fit(prompts.get(i)).length) {
                outcome.put("cut", true);
            }
            outcomes.add(outcome);
        }
        return outcomes;
    }

    /** What a reasoning model thought before it spoke is no part of its answer. */
    private static String afterThought(String text) {
        int end = text.lastIndexOf("</think>");
        return end < 0 ? text : text.substring(end + "</think>".length());
    }

    private static Optional<String> extracted(String text, List<Extraction> extractions) {
        if (extractions.isEmpty()) {
            return Optional.of(text);
        }
        for (Extraction extraction : extractions) {
            Matcher matcher = extraction.pattern.matcher(text);
            String found = null;
            while (matcher.find()) {
                String group = matcher.groupCount() == 0 ? matcher.group() : firstGroup(matcher);
                found = found == null || extraction.which == TaskSpec.Extract.Which.LAST ? group : found;
            }
            if (found != null) {
                return Optional.of(found);
            }
        }
        return Optional.empty();
    }

    /** Of alternatives with a group each only one has matched. */
    private static String firstGroup(Matcher matcher) {
        for (int g = 1; g <= matcher.groupCount(); g++) {
            if (matcher.group(g) != null) {
                return matcher.group(g);
            }
        }
        return matcher.group();
    }

    private String clean(String text) {
        for (Pattern pattern : remove) {
            text = pattern.matcher(text).replaceAll("");
        }
        return spec.numbers() ? PlainNumber.of(text.strip()) : text.strip();
    }

    private static Segment segment(ObjectNode outcome) {
        return new Segment(outcome.get("answer").asText(), outcome.get("references").valueStream().map(JsonNode::asText).toList());
    }

    @Override
    public ObjectNode shown(Item item) {
        ObjectNode shown = JsonNodeFactory.instance.objectNode();
        shown.put("prompt", spec.chat() ? subject.chat().template().render(questions.conversation(item), true).toString() : questions.text(item));
        ArrayNode ids = shown.putArray("ids");
        Arrays.stream(fit(ids(item))).forEach(ids::add);
        ArrayNode wanted = shown.putArray("references");
        references(item).forEach(wanted::add);
        return shown;
    }

    @Override
    public List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap) {
        List<Segment> segments = outcomes.stream().map(GenerateScorer::segment).toList();
        List<MetricValue> values = new ArrayList<>();
        metrics.forEach(metric -> values.addAll(metric.corpus(segments, bootstrap)));
        if (!extract.isEmpty()) {
            double[] missing = outcomes.stream().mapToDouble(o -> o.get("found").asBoolean() ? 0 : 1).toArray();
            values.add(new MetricValue("no_answer", Estimate.mean(missing, 1), false, true, "version:" + CorpusMetric.VERSION,
                    "answers in which extract matched nothing"));
        }
        return values;
    }

    @Override
    public String protocol() {
        String fewer = options.maxNewTokens() < spec.maxNewTokens() ? " (half the model's context; the task says " + spec.maxNewTokens() + ")" : "";
        return "greedy, at most " + options.maxNewTokens() + " new tokens" + fewer + (options.stop().isEmpty() ? "" : ", ended by "
                + String.join(", ", options.stop().stream().map(text -> JsonNodeFactory.instance.textNode(text).toString()).toList()))
                + (spec.chat() ? ", in the model's chat template" : "") + (extract.isEmpty() ? "" : "; only the part of the answer that the task's patterns find");
    }
}
