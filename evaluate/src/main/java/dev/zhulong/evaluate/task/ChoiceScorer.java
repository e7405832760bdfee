package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.task.Likelihoods.Scored;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.CorpusMetric;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.evaluate.text.TextMetric;
import dev.zhulong.text.chat.Conversation;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** Multiple choice by log-likelihood: the answer that is likeliest after the question, as a whole ({@code acc}) or by byte ({@code acc_norm}). */
final class ChoiceScorer implements Scorer {
    private final Subject subject;
    private final TaskSpec.Choice spec;
    private final Likelihoods likelihoods;
    private final ItemTemplate context;
    private final ItemTemplate answer;
    private final List<ItemTemplate> choices;
    private final Questions questions;
    private final String task;

    ChoiceScorer(TaskSpec task, TaskSpec.Choice spec, TaskData data, Subject subject) {
        this.task = task.name();
        this.spec = spec;
        this.subject = subject;
        likelihoods = new Likelihoods(subject.model(), subject.tokenizer());
        context = new ItemTemplate(task.name() + ": context", spec.context());
        answer = new ItemTemplate(task.name() + ": answer", spec.answer());
        choices = spec.choices().stream().map(choice -> new ItemTemplate(task.name() + ": choices", choice)).toList();
        questions = new Questions(data, task.shots().separator(), spec.delimiter(), context::render,
                item -> choices(item).get(right(item, choices(item))));
    }

    private List<String> choices(Item item) {
        List<String> all = spec.choicesIn().isEmpty() ? choices.stream().map(choice -> choice.render(item)).toList()
                : ItemTemplate.list(task + ": choices_in", spec.choicesIn(), item);
        if (all.size() < 2 || all.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException(task + ": " + item.id() + " needs at least two answers to choose from, none of them empty; found " + all);
        }
        return all;
    }

    private int right(Item item, List<String> all) {
        String named = answer.render(item).strip();
        int index = switch (spec.answerIs()) {
            case TEXT -> all.stream().map(String::strip).toList().indexOf(named);
            case LETTER -> named.length() == 1 ? named.toUpperCase(Locale.ROOT).charAt(0) - 'A' : -1;
            case INDEX -> whole(named);
            case NUMBER -> whole(named) - 1;
        };
        if (index < 0 || index >= all.size()) {
            throw new IllegalArgumentException(task + ": " + item.id() + ": the answer '" + named + "' is no "
                    + spec.answerIs().name().toLowerCase(Locale.ROOT) + " of the choices " + all);
        }
        return index;
    }

    private static int whole(String text) {
        return text.matches("\\d{1,6}") ? Integer.parseInt(text) : -1;
    }

    private List<Scored> scored(Item item, List<String> all) {
        if (!spec.chat()) {
            String text = questions.text(item);
            return all.stream().map(choice -> likelihoods.text(text, spec.delimiter() + choice)).toList();
        }
        Conversation conversation = questions.conversation(item);
        String opening = subject.chat().template().render(conversation, true).toString();
        if (opening.lastIndexOf("<think>") > opening.lastIndexOf("</think>")) {
            throw new IllegalArgumentException(task + ": the model's chat template opens a thought, so the likelihood of an answer there would be that of"
                    + " a thought: leave chat out, or use a generate section");
        }
        int[] prompt = subject.chat().prompt(conversation);
        return all.stream().map(choice -> likelihoods.after(prompt, choice)).toList();
    }

    @Override
    public List<ObjectNode> run(List<Item> items) {
        List<ObjectNode> outcomes = new ArrayList<>();
        for (Item item : items) {
            List<String> all = choices(item);
            int right = right(item, all);
            List<Scored> scored = scored(item, all);
            double[] sums = likelihoods.of(scored);
            double[] byByte = IntStream.range(0, sums.length).mapToDouble(i -> sums[i] / all.get(i).getBytes(StandardCharsets.UTF_8).length).toArray();
            ObjectNode outcome = JsonNodeFactory.instance.objectNode();
            outcome.put("right", right).put("said", best(sums)).put("said_norm", best(byByte));
            ArrayNode texts = outcome.putArray("choices");
            all.forEach(texts::add);
            ArrayNode loglikelihoods = outcome.putArray("loglikelihoods");
            Arrays.stream(sums).forEach(loglikelihoods::add);
            outcome.putObject("values").put("acc", best(sums) == right ? 1 : 0).put("acc_norm", best(byByte) == right ? 1 : 0);
            if (scored.stream().anyMatch(Scored::cut)) {
                outcome.put("cut", true);
            }
            outcomes.add(outcome);
        }
        return outcomes;
    }

    /** The first of the largest. */
    private static int best(double[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            best = values[i] > values[best] ? i : best;
        }
        return best;
    }

    @Override
    public ObjectNode shown(Item item) {
        List<String> all = choices(item);
        List<Scored> scored = scored(item, all);
        ObjectNode shown = JsonNodeFactory.instance.objectNode();
        shown.put("prompt", spec.chat() ? subject.chat().template().render(questions.conversation(item), true).toString() : questions.text(item));
        Scored first = scored.getFirst();
        ArrayNode ids = shown.putArray("ids");
        Arrays.stream(first.ids()).limit(first.from()).forEach(ids::add);
        ArrayNode answers = shown.putArray("choices");
        for (int i = 0; i < all.size(); i++) {
            ObjectNode one = answers.addObject().put("text", (spec.chat() ? "" : spec.delimiter()) + all.get(i));
            ArrayNode own = one.putArray("ids");
            Arrays.stream(scored.get(i).ids()).skip(scored.get(i).from()).forEach(own::add);
        }
        shown.put("right", right(item, all));
        return shown;
    }

    @Override
    public List<MetricValue> metrics(List<ObjectNode> outcomes, Bootstrap bootstrap) {
        List<MetricValue> values = new ArrayList<>();
        for (String metric : spec.metrics()) {
            if (metric.equals("classification")) {
                List<Segment> segments = outcomes.stream().map(o -> Segment.of(o.get("choices").get(o.get("said").asInt()).asText(),
                        o.get("choices").get(o.get("right").asInt()).asText())).toList();
                TextMetric.of(metric, TextMetric.Settings.DEFAULT).corpus(segments, bootstrap).stream()
                        .filter(value -> !value.name().equals("accuracy")).forEach(values::add);
                continue;
            }
            double[] each = outcomes.stream().mapToDouble(o -> o.get("values").get(metric).asDouble()).toArray();
            String chance = chance(outcomes);
            values.add(new MetricValue(metric, Estimate.mean(each, 1), false, false, (metric.equals("acc") ? "loglikelihood:sum" : "loglikelihood:byte")
                    + "|version:" + CorpusMetric.VERSION, chance));
        }
        return values;
    }

    private static String chance(List<ObjectNode> outcomes) {
        return String.format(Locale.ROOT, "chance %.4f", outcomes.stream()
                .mapToDouble(o -> 1.0 / o.get("choices").size()).average().orElse(0));
    }

    @Override
    public String protocol() {
        return "log-likelihood of each answer after the question, tokenised as one text" + (spec.chat() ? " in the model's chat template" : "")
                + ", a token over the seam counted as the answer's; acc: the largest sum, acc_norm: the largest sum by byte of the answer, the first of"
                + " equals";
    }
}
