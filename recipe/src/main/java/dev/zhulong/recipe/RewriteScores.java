package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.TextPair;
import dev.zhulong.evaluate.text.Bleu;
import dev.zhulong.evaluate.text.BleuTokenizer;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.evaluate.text.TextMetric;
import dev.zhulong.evaluate.text.WordByWord;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What texts that were written are worth, beside what costs nothing: the source itself, and in translations its words one by one.
 *
 * @param values    of the model
 * @param baselines by what was done instead
 */
record RewriteScores(List<MetricValue> values, Map<String, List<MetricValue>> baselines) {
    /** Pairs that a dictionary is learnt of at most: its table grows with the words that stand in one row. */
    private static final int DICTIONARY = 50_000;

    /** @param learnt pairs that the dictionary is learnt of */
    static RewriteScores of(RewriteRecipe.Task task, List<TextPair> pairs, List<String> written, List<TextPair> learnt) {
        boolean han = pairs.stream().anyMatch(pair -> pair.target().codePoints().anyMatch(c -> Character.UnicodeScript.of(c) == Character.UnicodeScript.HAN));
        var settings = new TextMetric.Settings(han ? BleuTokenizer.ZH : BleuTokenizer.V13A, false, Bleu.Smoothing.EXP, false, han);
        List<TextMetric> metrics = (task == RewriteRecipe.Task.TRANSLATE ? List.of("chrf", "bleu") : List.of("rouge")).stream()
                .map(name -> TextMetric.of(name, settings)).toList();
        Map<String, List<String>> others = new LinkedHashMap<>();
        List<String> sources = pairs.stream().map(TextPair::source).toList();
        others.put("copy of the source", sources);
        if (task == RewriteRecipe.Task.TRANSLATE) {
            List<TextPair> some = learnt.subList(0, Math.min(DICTIONARY, learnt.size()));
            var dictionary = WordByWord.learn(some.stream().map(TextPair::source).toList(), some.stream().map(TextPair::target).toList());
            others.put("word by word", sources.stream().map(dictionary::translate).toList());
        }
        Map<String, List<MetricValue>> baselines = new LinkedHashMap<>();
        others.forEach((name, texts) -> baselines.put(name, score(metrics, texts, pairs)));
        return new RewriteScores(score(metrics, written, pairs), baselines);
    }

    private static List<MetricValue> score(List<TextMetric> metrics, List<String> texts, List<TextPair> pairs) {
        List<Segment> segments = IntStream.range(0, pairs.size()).mapToObj(i -> Segment.of(texts.get(i), pairs.get(i).target())).toList();
        return metrics.stream().flatMap(metric -> metric.corpus(segments, Bootstrap.DEFAULT).stream()).toList();
    }

    void put(ObjectNode json) {
        put(json.putArray("metrics"), values);
        ObjectNode others = json.putObject("baselines");
        baselines.forEach((name, own) -> put(others.putArray(name), own));
    }

    private static void put(ArrayNode array, List<MetricValue> values) {
        values.forEach(value -> array.add(value.json()));
    }

    /** A line for the model, and one for each baseline. */
    String text() {
        List<String> lines = new ArrayList<>();
        lines.add("the model: " + text(values));
        baselines.forEach((name, own) -> lines.add(name + ": " + text(own)));
        return String.join("\n", lines);
    }

    private static String text(List<MetricValue> values) {
        return values.stream().map(MetricValue::text).collect(Collectors.joining("; "));
    }
}
