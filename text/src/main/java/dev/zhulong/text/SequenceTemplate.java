package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a model's input has around a text and between two: {@code [CLS] a [SEP] b [SEP]}, RoBERTa's {@code <s> a </s></s> b </s>}. Read from the
 * post-processor of a {@code tokenizer.json}.
 *
 * @param single of one text
 * @param pair   of two
 */
public record SequenceTemplate(List<Step> single, List<Step> pair) {
    /** Nothing around; the second text is of type 1, as the library has it without a post-processor. */
    public static final SequenceTemplate NOTHING = new SequenceTemplate(List.of(new Text(0, 0)), List.of(new Text(0, 0), new Text(1, 1)));

    /** One part of an input; its tokens are of segment {@code type}. */
    public sealed interface Step {
        int type();
    }

    /** A token of the template. */
    public record Token(int id, int type) implements Step {}

    /** The first text (0) or the second (1). */
    public record Text(int number, int type) implements Step {}

    public SequenceTemplate {
        single = List.copyOf(single);
        pair = List.copyOf(pair);
    }

    /** Tokens that are not of a text. */
    public int added(boolean two) {
        return (int) (two ? pair : single).stream().filter(Token.class::isInstance).count();
    }

    /** BERT's. */
    static SequenceTemplate bert(int cls, int sep) {
        return new SequenceTemplate(List.of(new Token(cls, 0), new Text(0, 0), new Token(sep, 0)),
                List.of(new Token(cls, 0), new Text(0, 0), new Token(sep, 0), new Text(1, 1), new Token(sep, 1)));
    }

    /** T5's. */
    static SequenceTemplate ended(int eos) {
        return new SequenceTemplate(List.of(new Text(0, 0), new Token(eos, 0)), List.of(new Text(0, 0), new Token(eos, 0), new Text(1, 0), new Token(eos, 0)));
    }

    /** RoBERTa's. */
    static SequenceTemplate roberta(int cls, int sep) {
        return new SequenceTemplate(List.of(new Token(cls, 0), new Text(0, 0), new Token(sep, 0)),
                List.of(new Token(cls, 0), new Text(0, 0), new Token(sep, 0), new Token(sep, 0), new Text(1, 0), new Token(sep, 0)));
    }

    /**
     * The template of a post-processor; empty where it adds nothing.
     *
     * @param name what errors call the file
     * @throws IllegalArgumentException where it names a token that is not there, or leaves out a text
     */
    static Optional<SequenceTemplate> of(JsonNode processor, Map<String, Integer> marks, String name) {
        return switch (processor.path("type").asText()) {
            case "Sequence" -> {
                for (JsonNode each : processor.path("processors")) {
                    Optional<SequenceTemplate> found = of(each, marks, name);
                    if (found.isPresent()) {
                        yield found;
                    }
                }
                yield Optional.empty();
            }
            case "BertProcessing" -> Optional.of(bert(id(processor, "cls", name), id(processor, "sep", name)));
            case "RobertaProcessing" -> Optional.of(roberta(id(processor, "cls", name), id(processor, "sep", name)));
            case "TemplateProcessing" -> Optional.of(new SequenceTemplate(steps(processor, "single", marks, name), steps(processor, "pair", marks, name)));
            default -> Optional.empty();
        };
    }

    private static int id(JsonNode processor, String field, String name) {
        JsonNode id = processor.path(field).path(1);
        if (!id.canConvertToInt() || id.intValue() < 0) {
            throw wrong(name, field, "a token and its id", processor.path(field));
        }
        return id.intValue();
    }

    private static List<Step> steps(JsonNode processor, String field, Map<String, Integer> marks, String name) {
        List<Step> steps = new ArrayList<>();
        for (JsonNode step : processor.path(field)) {
            if (step.has("Sequence")) {
                steps.add(new Text(step.path("Sequence").path("id").asText().equals("B") ? 1 : 0, step.path("Sequence").path("type_id").asInt()));
                continue;
            }
            JsonNode token = step.path("SpecialToken");
            String spelling = token.path("id").asText();
            JsonNode ids = processor.path("special_tokens").path(spelling).path("ids");
            if (ids.isEmpty() && !marks.containsKey(spelling)) {
                throw wrong(name, field, "tokens that the file knows", step);
            }
            for (JsonNode id : ids) {
                if (!id.canConvertToInt() || id.intValue() < 0) {
                    throw wrong(name, "special_tokens." + spelling, "ids", ids);
                }
                steps.add(new Token(id.intValue(), token.path("type_id").asInt()));
            }
            if (ids.isEmpty()) {
                steps.add(new Token(marks.get(spelling), token.path("type_id").asInt()));
            }
        }
        for (int text = 0; text <= (field.equals("pair") ? 1 : 0); text++) {
            int number = text;
            if (steps.stream().filter(step -> step instanceof Text(int n, int _) && n == number).count() != 1) {
                throw wrong(name, field, "each text once", processor.path(field));
            }
        }
        return steps;
    }

    private static IllegalArgumentException wrong(String name, String field, String expected, JsonNode found) {
        String text = found.toString();
        return new IllegalArgumentException(name + ": post_processor." + field + ": expected " + expected + ", found "
                + (text.length() > 120 ? text.substring(0, 120) + "..." : text.isEmpty() ? "nothing" : text));
    }
}
