package dev.zhulong.recipe.label;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.EncoderExamples;
import dev.zhulong.data.label.EncoderExamples.Windows;
import dev.zhulong.data.label.LabelledRows;
import dev.zhulong.data.label.Question;
import dev.zhulong.data.label.QuestionReader;
import dev.zhulong.data.pack.EncoderRows;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.evaluate.text.AnswerMatch;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.text.encode.AnswerSearch;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Where in a context the answer to a question lies; none may be one of the answers where some question has none (SQuAD 2).
 *
 * @param overlap tokens of the context that two windows share; 0 for a third of the longest input
 */
record AnswersTask(AnswerMatch match, int overlap) implements HeadTask<Question> {
    @Override
    public Kind kind() {
        return Kind.QA;
    }

    @Override
    public LabelledRows<Question> read(Path file) {
        return QuestionReader.read(file);
    }

    /** Questions on one context belong together. */
    @Override
    public List<String> content(Question row) {
        return List.of(row.context());
    }

    @Override
    public EncoderSpec head(EncoderSpec base, List<Question> rows) {
        return base.head() instanceof Head.Spans ? base : base.withSpans();
    }

    @Override
    public List<String> metrics(EncoderSpec spec) {
        return List.of(HeadScores.F1, HeadScores.EXACT_MATCH);
    }

    /** As in transformers' example. */
    @Override
    public int longest() {
        return 384;
    }

    @Override
    public HeadExamples examples(List<Question> rows, EncoderTokenizer tokenizer, EncoderSpec spec, int max) {
        if (!(spec.head() instanceof Head.Spans)) {
            throw another(spec);
        }
        var report = new RowReport();
        List<Windows> windows = EncoderExamples.questions(rows, tokenizer, max, overlap > 0 ? overlap : max / 3, report);
        if (windows.isEmpty()) {
            throw new IllegalArgumentException("no question leaves room for its context: " + report.refused().firstEntry().getValue().samples().getFirst().detail());
        }
        List<String> notices = report.refusals() == 0 ? List.of() : List.of(report.refusals() + " questions leave no room for their context, and are left out");
        return new Examples(windows, EncoderRows.of(windows.stream().flatMap(w -> w.rows().stream()).toList(), false), match, notices);
    }

    private record Examples(List<Windows> questions, EncoderRows rows, AnswerMatch match, List<String> notices) implements HeadExamples {
        @Override
        public int size() {
            return questions.size();
        }

        @Override
        public HeadScores score(List<float[]> logits, Consumer<ObjectNode> said) {
            boolean nullable = questions.stream().anyMatch(q -> q.question().answers().isEmpty());
            var search = new AnswerSearch(AnswerSearch.DEFAULT.best(), AnswerSearch.DEFAULT.longest(), nullable, AnswerSearch.DEFAULT.threshold());
            List<Segment> segments = new ArrayList<>();
            int at = 0;
            for (Windows windows : questions) {
                List<float[]> own = logits.subList(at, at + windows.windows().size());
                at += own.size();
                Question question = windows.question();
                AnswerSearch.Answer answer = search.find(question.context(), windows.windows(), HeadLogits.each(own, 0, 2), HeadLogits.each(own, 1, 2));
                List<String> right = question.answers().stream().map(Question.Answer::text).toList();
                segments.add(new Segment(answer.text(), right.isEmpty() ? List.of("") : right));
                said.accept(line(question, answer));
            }
            AnswerMatch.Result result = match.evaluate(segments);
            Map<String, Estimate> metrics = new LinkedHashMap<>();
            metrics.put(HeadScores.EXACT_MATCH, result.exactMatch());
            metrics.put(HeadScores.F1, result.f1());
            if (nullable) {
                parts(segments, metrics);
            }
            return new HeadScores("questions", questions.size(), metrics, "", new TreeMap<>(), notices);
        }

        /** As SQuAD 2's script: apart for the questions that have an answer and those that have none. */
        private void parts(List<Segment> segments, Map<String, Estimate> metrics) {
            var byAnswer = IntStream.range(0, segments.size()).boxed().collect(Collectors.partitioningBy(i -> !questions.get(i).question().answers().isEmpty(),
                    Collectors.mapping(segments::get, Collectors.toList())));
            if (!byAnswer.get(true).isEmpty()) {
                AnswerMatch.Result some = match.evaluate(byAnswer.get(true));
                metrics.put("has_answer_exact_match", some.exactMatch());
                metrics.put("has_answer_f1", some.f1());
            }
            metrics.put("no_answer_exact_match", match.evaluate(byAnswer.get(false)).exactMatch());
        }

        private static ObjectNode line(Question question, AnswerSearch.Answer answer) {
            ObjectNode line = JsonNodeFactory.instance.objectNode().put("where", question.where()).put("id", question.id()).put("question", question.question());
            ArrayNode right = line.putArray("answers");
            question.answers().forEach(one -> right.add(one.text()));
            return line.put("predicted", answer.text()).put("start", answer.from()).put("end", answer.to()).put("probability", answer.probability());
        }
    }
}
