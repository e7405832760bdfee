package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.PerplexityResult;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.CorpusMetric;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.formats.progress.Progress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** Perplexity by {@link Perplexity}'s protocol, each row a document. */
final class PerplexityScorer implements Scorer {
    private final Subject subject;
    private final ItemTemplate template;
    private final List<TaskSpec.Replacement> replacements;
    private final List<Pattern> patterns;
    private final PerplexityOptions options;

    PerplexityScorer(TaskSpec task, TaskSpec.Text spec, Subject subject) {
        this.subject = subject;
        template = new ItemTemplate(task.name() + ": text", spec.text());
        replacements = spec.replace();
        replacements.forEach(each -> Patterns.replacement(task.name() + ": replace", each));
        patterns = replacements.stream().map(each -> Patterns.compile(task.name() + ": replace", each.pattern())).toList();
        PerplexityOptions standard = PerplexityOptions.of(subject.model().spec(), subject.tokenizer());
        PerplexityOptions windowed = spec.window() == 0 ? standard : standard.withWindow(spec.window());
        options = spec.stride() == 0 ? windowed : windowed.withStride(spec.stride());
    }

    private String text(Item item) {
        String text = template.render(item);
        for (int i = 0; i < patterns.size(); i++) {
            text = patterns.get(i).matcher(text).replaceAll(replacements.get(i).with());
        }
        return text;
    }

    @Override
    public List<ObjectNode> run(List<Item> items) {
        List<ObjectNode> outcomes = new ArrayList<>();
        for (Item item : items) {
            String original = template.render(item);
            TokenDocument document = TokenDocument.of(text(item), subject.tokenizer());
            PerplexityResult result = Perplexity.evaluate(subject.model(), subject.tokenizer(), List.of(document), options, Progress.SILENT);
            ObjectNode outcome = JsonNodeFactory.instance.objectNode();
            outcome.put("bytes", replacements.isEmpty() ? result.loss().bytes() : original.getBytes(StandardCharsets.UTF_8).length);
            outcome.put("words", Arrays.stream(original.split("\\s+")).filter(word -> !word.isEmpty()).count());
            put(outcome.putArray("nll"), result.windows().nll());
            put(outcome.putArray("tokens"), result.windows().tokens());
            outcome.putObject("values").put("mean_nll", result.loss().meanNll());
            outcomes.add(outcome);
        }
        return outcomes;
    }

    private static void put(ArrayNode array, double[] values) {
        Arrays.stream(values).forEach(array::add);
    }

    @Override
    public ObjectNode shown(Item item) {
        String text = text(item);
        ObjectNode shown = JsonNodeFactory.instance.objectNode();
        shown.put("prompt", text.length() > 2000 ? text.substring(0, text.offsetByCodePoints(0, text.codePointCount(0, 2000))) + " ..." : text);
        ArrayNode ids = shown.putArray("ids");
        Arrays.stream(subject.tokenizer().encode(text)).limit(options.window()).forEach(ids::add);
        return shown;
    }

    @Override
    public List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap) {
        double[] nll = all(outcomes, "nll");
        double[] tokens = all(outcomes, "tokens");
        Estimate mean = new PerplexityResult.Windows(nll, tokens).meanNll();
        double count = Arrays.stream(tokens).sum();
        double bytes = outcomes.stream().mapToDouble(o -> o.get("bytes").asDouble()).sum();
        double words = outcomes.stream().mapToDouble(o -> o.get("words").asDouble()).sum();
        String signature = "window:" + options.window() + "|stride:" + options.stride() + "|bos:" + (options.bos() ? "yes" : "no") + "|version:"
                + CorpusMetric.VERSION;
        String size = String.format(Locale.ROOT, "%,.0f tokens, %,.0f bytes, %,.0f words", count, bytes, words);
        return List.of(new MetricValue("perplexity", mean.exp(), false, true, signature, size),
                new MetricValue("bits_per_byte", mean.times(count / bytes / Math.log(2)), false, true, signature, ""),
                new MetricValue("word_perplexity", mean.times(count / Math.max(1, words)).exp(), false, true, signature, ""));
    }

    private static double[] all(List<ObjectNode> outcomes, String name) {
        return outcomes.stream().flatMap(o -> o.get(name).valueStream()).mapToDouble(JsonNode::asDouble).toArray();
    }

    @Override
    public String protocol() {
        return "each row tokenised once" + (replacements.isEmpty() ? "" : " after the task's replacements, words and bytes counted before them")
                + "; windows of " + options.window() + " tokens, one every " + options.stride() + ", every token scored once"
                + (options.bos() ? ", each window after BOS" : ", without BOS: a document's first token is not scored");
    }
}
