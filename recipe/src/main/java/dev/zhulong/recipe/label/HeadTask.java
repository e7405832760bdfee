package dev.zhulong.recipe.label;

import dev.zhulong.data.label.LabelledRows;
import dev.zhulong.evaluate.text.AnswerMatch;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/**
 * What the head of an encoder is for.
 *
 * @param <T> one row
 */
public sealed interface HeadTask<T> permits ClassifyTask, TagsTask, AnswersTask {
    /** As users name it. */
    enum Kind {
        /** A class, or classes, for each text or pair of texts. */
        CLASSIFY("text", "text_pair", "label"),
        /** A tag for each word. */
        TAGS("tokens", "tags"),
        /** Where in a context the answer to a question lies. */
        QA;

        private final List<String> columns;

        Kind(String... columns) {
            this.columns = List.of(columns);
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * How files of rows are to be understood.
     *
     * @param columns that hold a field under another name
     * @param names   of the labels, in the order of the outputs; empty for those of the rows
     * @param multi   whether a text may have any number of classes
     * @param match   how answers are compared
     * @param overlap tokens of the context that two windows share; 0 for a third of the longest input
     */
    record Settings(Map<String, String> columns, List<String> names, boolean multi, AnswerMatch match, int overlap) {
        /** All as it is by default. */
        public static final Settings DEFAULT = new Settings(Map.of(), List.of(), false, AnswerMatch.SQUAD, 0);
    }

    /** @throws IllegalArgumentException where the settings name columns that such rows do not have, or do not fit the task */
    static HeadTask<?> of(Kind kind, Settings settings) {
        for (String column : new TreeSet<>(settings.columns.keySet())) {
            if (!kind.columns.contains(column)) {
                throw new IllegalArgumentException("there is no field '" + column + "' in rows for the task " + kind + (kind.columns.isEmpty()
                        ? ": their fields are those of SQuAD" : "; it has " + String.join(", ", kind.columns)));
            }
        }
        if (settings.multi && kind != Kind.CLASSIFY) {
            throw new IllegalArgumentException("several labels a row belong to the task classify, not to " + kind);
        }
        if (!settings.names.isEmpty() && kind == Kind.QA) {
            throw new IllegalArgumentException("the task qa has no labels");
        }
        return switch (kind) {
            case CLASSIFY -> ClassifyTask.of(settings);
            case TAGS -> TagsTask.of(settings);
            case QA -> new AnswersTask(settings.match, settings.overlap);
        };
    }

    Kind kind();

    /** The rows of a file. @throws IllegalArgumentException where none can be used; says why */
    LabelledRows<T> read(Path file);

    /** What a row says, without what is right about it: rows that are equal in it lie on one side of a split. */
    List<String> content(T row);

    /**
     * The encoder under a head for these rows. A head that {@code base} has already stays where it knows all their labels.
     *
     * @param rows of training, and those held out of them
     */
    EncoderSpec head(EncoderSpec base, List<T> rows);

    /**
     * The inputs of rows.
     *
     * @param spec with the head
     * @param max  tokens of an input
     * @throws IllegalArgumentException where the head is of another task, or a row has a label that it does not know; names the row
     */
    HeadExamples examples(List<T> rows, EncoderTokenizer tokenizer, EncoderSpec spec, int max);

    /** Names of its metrics, first the one by which evaluations are compared where nothing else is said. @param spec with the head */
    List<String> metrics(EncoderSpec spec);

    /** Tokens of an input where nothing else is said. */
    default int longest() {
        return 512;
    }

    /** The rows of several files, one after another; what was refused and noted goes to {@code notices}. */
    default List<T> read(List<Path> files, List<String> notices) {
        List<T> rows = new ArrayList<>();
        for (Path file : files) {
            LabelledRows<T> read = read(file);
            rows.addAll(read.rows());
            notices.add(file.getFileName() + ": " + read.report());
            read.report().noted().forEach((what, tally) -> notices.add(file.getFileName() + ": " + what + " " + tally.count() + ", first at "
                    + tally.samples().getFirst().where()));
        }
        return rows;
    }

    /** What a head of another task says to this one. */
    default IllegalArgumentException another(EncoderSpec spec) {
        String found = switch (spec.head()) {
            case EncoderSpec.Head.None none -> "no head";
            case EncoderSpec.Head.MaskedTokens tokens -> "a head over masked tokens";
            case EncoderSpec.Head.Classes classes -> "a head for the task classify";
            case EncoderSpec.Head.Tags tags -> "a head for the task tags";
            case EncoderSpec.Head.Spans spans -> "a head for the task qa";
        };
        return new IllegalArgumentException("the model has " + found + ", and the task " + kind() + " was asked for; train one with zhulong finetune --task " + kind());
    }
}
