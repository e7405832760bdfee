package org.example;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.task.Item;
import dev.zhulong.evaluate.task.ItemTemplate;
import dev.zhulong.evaluate.task.Likelihoods;
import dev.zhulong.evaluate.task.Scorer;
import dev.zhulong.evaluate.task.ScorerProvider;
import dev.zhulong.evaluate.task.Subject;
import dev.zhulong.evaluate.task.TaskData;
import dev.zhulong.evaluate.task.TaskSpec;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.MetricValue;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** How often a model finds a sentence likelier than its words in reverse: it has learnt something of their order. */
public final class WordOrder implements ScorerProvider {

    @Override
    public String name() {
        return "word-order";
    }

    @Override
    public String description() {
        return "Share of sentences that the model finds likelier than their words in reverse. Settings: text, a template (default: {{ text }}).";
    }

    @Override
    public Scorer scorer(Map<String, String> settings, TaskSpec task, TaskData data, Subject subject) {
        settings.keySet().stream().filter(name -> !name.equals("text")).findFirst().ifPresent(name -> {
            throw new IllegalArgumentException("unknown setting '" + name + "'; there is text");
        });
        return new Comparison(new ItemTemplate(task.name() + ": text", settings.getOrDefault("text", "{{ text }}")),
                new Likelihoods(subject.model(), subject.tokenizer()));
    }

    private record Comparison(ItemTemplate template, Likelihoods likelihoods) implements Scorer {

        /** The sentence as it is, and in reverse. */
        private List<Likelihoods.Scored> both(Item item) {
            String text = template.render(item).strip();
            List<String> words = Arrays.asList(text.split("\\s+"));
            Collections.reverse(words);
            return List.of(likelihoods.text("", text), likelihoods.text("", String.join(" ", words)));
        }

        @Override
        public List<ObjectNode> run(List<Item> items) {
            return items.stream().map(this::outcome).toList();
        }

        private ObjectNode outcome(Item item) {
            double[] sums = likelihoods.of(both(item));
            ObjectNode outcome = JsonNodeFactory.instance.objectNode();
            // kept in a file: the numbers are made of this alone
            outcome.put("forwards", sums[0]).put("backwards", sums[1]);
            outcome.putObject("values").put("in_order", sums[0] > sums[1] ? 1 : sums[0] < sums[1] ? 0 : 0.5);
            return outcome;
        }

        @Override
        public ObjectNode shown(Item item) {
            ObjectNode shown = JsonNodeFactory.instance.objectNode();
            shown.put("prompt", template.render(item).strip());
            ArrayNode ids = shown.putArray("ids");
            Arrays.stream(both(item).getFirst().ids()).forEach(ids::add);
            return shown;
        }

        @Override
        public List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap) {
            double[] values = outcomes.stream().mapToDouble(outcome -> outcome.at("/values/in_order").asDouble()).toArray();
            return List.of(new MetricValue("in_order", Estimate.mean(values, 1), false, false, "loglikelihood:sum", "chance 0.5000"));
        }

        @Override
        public String protocol() {
            return "log-likelihood of each sentence after BOS (EOS without one) against that of its words in reverse";
        }
    }
}
