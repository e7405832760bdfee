package dev.zhulong.data.label;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads questions with answers that lie in a context: the JSON of SQuAD and CMRC 2018 (articles of paragraphs of questions; CMRC's first form too, whose
 * {@code context_text} and {@code query_text} have answers without a start: the first place where one stands), and rows with {@code context}, {@code question}
 * and {@code answers}, a list of objects with {@code text} and {@code answer_start} or an object with a list of each. A question without answers has none.
 */
public final class QuestionReader {
    private static final int SHOWN = 5;

    private final RowReport report = new RowReport();
    private final List<Question> questions = new ArrayList<>();

    private QuestionReader() {}

    /**
     * Every question of a file whose answers are where they are said to be.
     *
     * @throws IllegalArgumentException where the file is missing, of no known format, or has no question that can be used
     */
    public static LabelledRows<Question> read(Path file) {
        var reader = new QuestionReader();
        var seen = new RowFields.Seen();
        boolean[] nested = new boolean[1];
        RowReader.read(file, true, reader.report, row -> {
            seen.add(row);
            if (row.fields().path("paragraphs").isArray()) {
                nested[0] = true;
                reader.article(row);
            } else if (row.fields().path("context_text").isTextual() && row.fields().path("qas").isArray()) {
                nested[0] = true;
                reader.context(row);
            } else {
                var fields = new RowFields(row, reader.report);
                String context = fields.text("context");
                if (context != null) {
                    reader.question(fields, row.where(), context, row.fields());
                }
            }
        });
        seen.requireRows(file, reader.report, !reader.questions.isEmpty(), nested[0] ? new String[0] : new String[] {"context", "question"});
        return new LabelledRows<>(reader.questions, reader.report);
    }

    /** An article counts as many rows as it has questions, or one. */
    private void article(RowReader.Row row) {
        int count = 0;
        int paragraphs = 0;
        for (JsonNode paragraph : row.fields().path("paragraphs")) {
            paragraphs++;
            for (JsonNode one : paragraph.path("qas")) {
                if (count++ > 0) {
                    report.row();
                }
                String where = row.where() + " paragraph " + paragraphs + " question " + (one.path("id").isTextual() ? one.path("id").asText() : Integer.toString(count));
                var object = one instanceof ObjectNode o ? o : row.fields().objectNode();
                var fields = new RowFields(new RowReader.Row(where, row.number(), object), report);
                String context = fields.text(paragraph.path("context"), "context");
                if (context != null) {
                    question(fields, where, context, object);
                }
            }
        }
        if (count == 0) {
            new RowFields(row, report).refuse("an article without questions", "");
        }
    }

    /** A context of CMRC's first form; it counts as many rows as it has questions. */
    private void context(RowReader.Row row) {
        String context = row.fields().path("context_text").textValue();
        int count = 0;
        for (JsonNode one : row.fields().path("qas")) {
            if (count++ > 0) {
                report.row();
            }
            String id = one.path("query_id").asText("");
            String where = row.where() + " question " + (id.isEmpty() ? Integer.toString(count) : id);
            var fields = new RowFields(new RowReader.Row(where, row.number(), one instanceof ObjectNode o ? o : row.fields().objectNode()), report);
            String text = fields.text("query_text");
            List<String> texts = text == null ? null : fields.list("answers", false);
            if (texts == null) {
                continue;
            }
            List<Question.Answer> answers = texts.stream().distinct().map(answer -> new Question.Answer(answer, context.indexOf(answer))).toList();
            var lost = answers.stream().filter(answer -> answer.from() < 0).findFirst();
            if (lost.isPresent()) {
                fields.refuse("an answer is not in its context", "'" + lost.get().text() + "'");
            } else {
                questions.add(new Question(where, id.isEmpty() ? where : id, context, text, answers));
            }
        }
        if (count == 0) {
            new RowFields(row, report).refuse("a context without questions", "");
        }
    }

    private void question(RowFields fields, String where, String context, ObjectNode row) {
        String text = fields.text("question");
        if (text == null) {
            return;
        }
        List<Question.Answer> answers = new ArrayList<>();
        JsonNode given = row.path("answers");
        boolean columns = given.isObject();
        JsonNode texts = columns ? given.path("text") : given;
        if (!RowFields.isMissing(given) && !texts.isArray()) {
            fields.refuse("field 'answers' is not a list", "expected objects with text and answer_start, or an object with a list of each");
            return;
        }
        if (columns && texts.size() != given.path("answer_start").size()) {
            fields.refuse("as many starts as answers are needed", texts.size() + " answers, " + given.path("answer_start").size() + " starts");
            return;
        }
        for (int i = 0; i < texts.size(); i++) {
            JsonNode answer = columns ? texts.get(i) : texts.get(i).path("text");
            JsonNode start = columns ? given.path("answer_start").get(i) : texts.get(i).path("answer_start");
            if (!answer.isTextual() || answer.textValue().isEmpty() || !start.isIntegralNumber()) {
                fields.refuse("an answer without its text or its start", "answer " + (i + 1));
                return;
            }
            int from = place(context, answer.textValue(), start.asLong(), fields);
            if (from < 0) {
                return;
            }
            answers.add(new Question.Answer(answer.textValue(), from));
        }
        String id = row.path("id").isValueNode() && !RowFields.isMissing(row.path("id")) ? row.path("id").asText() : where;
        questions.add(new Question(where, id, context, text, answers));
    }

    /** The UTF-16 unit at which an answer lies, of a start that counts code points as Python does; -1, and refused, where it is not there. */
    private static int place(String context, String answer, long start, RowFields fields) {
        if (start >= 0 && start <= context.codePointCount(0, context.length())) {
            int from = context.offsetByCodePoints(0, (int) start);
            if (context.startsWith(answer, from)) {
                return from;
            }
        }
        if (start >= 0 && start <= context.length() && context.startsWith(answer, (int) start)) {
            fields.note("an answer's start counts UTF-16 units, not code points", "at " + start);
            return (int) start;
        }
        List<String> places = new ArrayList<>();
        for (int at = context.indexOf(answer); at >= 0 && places.size() < SHOWN; at = context.indexOf(answer, at + 1)) {
            places.add(Integer.toString(context.codePointCount(0, at)));
        }
        String shown = answer.length() > 60 ? answer.substring(0, 60) + "..." : answer;
        fields.refuse("an answer is not at its start", "'" + shown.replaceAll("\\s+", " ") + "' is not at character " + start + " of the context; it is "
                + (places.isEmpty() ? "nowhere in it" : "at " + String.join(", ", places)));
        return -1;
    }
}
