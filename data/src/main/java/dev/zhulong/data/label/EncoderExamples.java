package dev.zhulong.data.label;

import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.encode.AnswerSpan;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.text.encode.EncoderTokenizer;
import dev.zhulong.text.encode.WordTags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Labelled rows as inputs of an encoder; all methods work on all cores and give results in the order of the rows. */
public final class EncoderExamples {
    private EncoderExamples() {}

    /**
     * Texts, or pairs, with the output of their class; rows of at most {@code max} tokens, longer ones cut.
     *
     * @throws IllegalArgumentException where a label is not of {@code labels}; names the row
     */
    public static List<EncoderRow> texts(List<LabelledText> rows, EncoderTokenizer tokenizer, LabelSet labels, int max) {
        return rows.parallelStream().map(row -> EncoderRow.of(input(row, tokenizer, max), labels.ids(row.labels(), row.where()))).toList();
    }

    /** Texts, or pairs, with 0 or 1 for each label: those that may have several. */
    public static List<EncoderRow> severalLabels(List<LabelledText> rows, EncoderTokenizer tokenizer, LabelSet labels, int max) {
        return rows.parallelStream().map(row -> {
            int[] each = new int[labels.size()];
            Arrays.stream(labels.ids(row.labels(), row.where())).forEach(id -> each[id] = 1);
            return EncoderRow.of(input(row, tokenizer, max), each);
        }).toList();
    }

    private static EncodedText input(LabelledText row, EncoderTokenizer tokenizer, int max) {
        return row.pair().map(pair -> tokenizer.encode(row.text(), pair, max)).orElseGet(() -> tokenizer.encode(row.text(), max));
    }

    /**
     * A sentence as an input, kept for what its tokens' labels say of its words.
     *
     * @param input whose labels are those of {@link WordTags#toTokens}
     */
    public record Sentence(TaggedWords words, EncodedText input, EncoderRow row) {}

    /** Sentences, the first token of each word with the output of its tag; words past {@code max} tokens are cut off. */
    public static List<Sentence> words(List<TaggedWords> rows, EncoderTokenizer tokenizer, LabelSet labels, int max) {
        return rows.parallelStream().map(row -> {
            EncodedText input = tokenizer.encodeWords(row.words(), max);
            return new Sentence(row, input, EncoderRow.of(input, WordTags.toTokens(input, labels.ids(row.tags(), row.where()))));
        }).toList();
    }

    /**
     * A question and its windows over the context.
     *
     * @param windows each with the whole question
     * @param rows    the same to learn from: first and last token of the first answer, the first token twice where a window has not all of it
     */
    public record Windows(Question question, List<EncodedText> windows, List<EncoderRow> rows) {}

    /**
     * Questions in windows of at most {@code max} tokens that overlap by {@code overlap} tokens of the context.
     *
     * @param report where questions that leave no room for their context are refused
     */
    public static List<Windows> questions(List<Question> questions, EncoderTokenizer tokenizer, int max, int overlap, RowReport report) {
        record Made(Question question, Windows windows, String problem) {}
        List<Made> all = questions.parallelStream().map(question -> {
            try {
                return new Made(question, windows(question, tokenizer.windows(question.question(), question.context(), max, overlap)), "");
            } catch (IllegalArgumentException e) {
                return new Made(question, null, e.getMessage());
            }
        }).toList();
        List<Windows> usable = new ArrayList<>();
        for (Made made : all) {
            if (made.windows == null) {
                report.refuse("question too long", new RowReport.Sample(made.question.where(), made.problem, made.question.question()));
            } else {
                usable.add(made.windows);
            }
        }
        return usable;
    }

    private static Windows windows(Question question, List<EncodedText> windows) {
        List<EncoderRow> rows = windows.stream().map(window -> {
            AnswerSpan span = question.answers().isEmpty() ? AnswerSpan.NONE
                    : AnswerSpan.of(window, question.answers().getFirst().from(), question.answers().getFirst().to());
            return EncoderRow.of(window, span.start(), span.end());
        }).toList();
        return new Windows(question, windows, rows);
    }
}
