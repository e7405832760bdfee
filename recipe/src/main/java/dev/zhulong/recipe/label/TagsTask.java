package dev.zhulong.recipe.label;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.EncoderExamples;
import dev.zhulong.data.label.EncoderExamples.Sentence;
import dev.zhulong.data.label.LabelColumns;
import dev.zhulong.data.label.LabelSet;
import dev.zhulong.data.label.LabelledRows;
import dev.zhulong.data.label.TagReader;
import dev.zhulong.data.label.TaggedWords;
import dev.zhulong.data.pack.EncoderRows;
import dev.zhulong.evaluate.text.Classification;
import dev.zhulong.evaluate.text.Entities;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.text.encode.EncoderTokenizer;
import dev.zhulong.text.encode.WordTags;
import dev.zhulong.text.tags.TagScheme;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A tag for each word.
 *
 * @param conll column of the tags in a CoNLL file; empty for the last
 */
record TagsTask(LabelColumns columns, String conll) implements HeadTask<TaggedWords> {
    private static final String OUTSIDE = "O";

    static TagsTask of(Settings settings) {
        LabelColumns usual = LabelColumns.TAGS;
        var columns = settings.columns();
        return new TagsTask(usual.withColumns(columns.getOrDefault("tokens", usual.text()), columns.getOrDefault("tags", usual.label()))
                .withNames(settings.names()), columns.getOrDefault("tags", ""));
    }

    @Override
    public Kind kind() {
        return Kind.TAGS;
    }

    @Override
    public LabelledRows<TaggedWords> read(Path file) {
        return TagReader.read(file, columns, conll).rows();
    }

    @Override
    public List<String> content(TaggedWords row) {
        return row.words();
    }

    @Override
    public EncoderSpec head(EncoderSpec base, List<TaggedWords> rows) {
        List<String> found = rows.stream().flatMap(row -> row.tags().stream()).distinct().toList();
        if (columns.names().isEmpty() && base.head() instanceof Head.Tags(_, List<String> labels) && labels.containsAll(found)) {
            return base;
        }
        return base.withTags((columns.names().isEmpty() ? LabelSet.sorted(found) : new LabelSet(columns.names())).names());
    }

    @Override
    public List<String> metrics(EncoderSpec spec) {
        boolean entities = spec.head() instanceof Head.Tags(_, List<String> labels) && scheme(labels).isPresent();
        return entities ? List.of(HeadScores.ENTITY_F1, HeadScores.MACRO_F1, HeadScores.ACCURACY) : List.of(HeadScores.ACCURACY, HeadScores.MACRO_F1);
    }

    /** Each tag by itself: all of them tell the scheme, whatever the rows are that they stand in. */
    private static Optional<TagScheme> scheme(List<String> labels) {
        return TagScheme.of(labels.stream().map(List::of).toList());
    }

    @Override
    public HeadExamples examples(List<TaggedWords> rows, EncoderTokenizer tokenizer, EncoderSpec spec, int max) {
        if (!(spec.head() instanceof Head.Tags(_, List<String> names))) {
            throw another(spec);
        }
        var labels = new LabelSet(names);
        // one after another, so that the first row with an unknown tag is named
        rows.forEach(row -> labels.ids(row.tags(), row.where()));
        List<Sentence> sentences = EncoderExamples.words(rows, tokenizer, labels, max);
        return new Examples(sentences, EncoderRows.of(sentences.stream().map(Sentence::row).toList(), true), names);
    }

    private record Examples(List<Sentence> sentences, EncoderRows rows, List<String> labels) implements HeadExamples {
        @Override
        public int size() {
            return sentences.size();
        }

        @Override
        public HeadScores score(List<float[]> logits, Consumer<ObjectNode> said) {
            int outside = labels.indexOf(OUTSIDE);
            List<List<String>> found = new ArrayList<>();
            List<List<String>> right = new ArrayList<>();
            int cut = 0;
            for (int s = 0; s < sentences.size(); s++) {
                Sentence sentence = sentences.get(s);
                int[] words = WordTags.toWords(sentence.input(), HeadLogits.largest(logits.get(s), labels.size()), sentence.words().words().size(), -1);
                cut += (int) Arrays.stream(words).filter(id -> id < 0).count();
                List<String> tags = Arrays.stream(words).map(id -> id < 0 ? Math.max(0, outside) : id).mapToObj(labels::get).toList();
                found.add(tags);
                right.add(sentence.words().tags());
                said.accept(line(sentence.words(), tags));
            }
            return scores(found, right, cut);
        }

        private static ObjectNode line(TaggedWords words, List<String> tags) {
            ObjectNode line = JsonNodeFactory.instance.objectNode().put("where", words.where());
            words.words().forEach(line.putArray("tokens")::add);
            words.tags().forEach(line.putArray("tags")::add);
            tags.forEach(line.putArray("predicted")::add);
            return line;
        }

        private HeadScores scores(List<List<String>> found, List<List<String>> right, int cut) {
            Classification words = Classification.of(found.stream().flatMap(List::stream).toList(), right.stream().flatMap(List::stream).toList());
            List<String> notices = cut == 0 ? List.of() : List.of(cut + " words were cut off or have no token, and count as " + OUTSIDE
                    + ": allow longer inputs (train.seq, --seq)");
            Map<String, Estimate> metrics = new LinkedHashMap<>();
            Optional<TagScheme> scheme = scheme(labels);
            if (scheme.isEmpty()) {
                metrics.put(HeadScores.ACCURACY, words.accuracy());
                metrics.put(HeadScores.MACRO_F1, Estimate.unknown(words.macroF1()));
                return new HeadScores("sentences", found.size(), metrics, "tag", words.classes(), notices);
            }
            Entities entities = Entities.of(found, right, scheme.get());
            metrics.put(HeadScores.ENTITY_F1, Estimate.unknown(entities.micro().f1()));
            metrics.put("entity_precision", Estimate.unknown(entities.micro().precision()));
            metrics.put("entity_recall", Estimate.unknown(entities.micro().recall()));
            metrics.put(HeadScores.MACRO_F1, Estimate.unknown(entities.macroF1()));
            metrics.put(HeadScores.ACCURACY, words.accuracy());
            return new HeadScores("sentences", found.size(), metrics, "entity", entities.types(), notices);
        }
    }
}
