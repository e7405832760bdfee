package dev.zhulong.recipe.label;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.label.EncoderExamples;
import dev.zhulong.data.label.LabelColumns;
import dev.zhulong.data.label.LabelSet;
import dev.zhulong.data.label.LabelledRows;
import dev.zhulong.data.label.LabelledText;
import dev.zhulong.data.label.TextReader;
import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.data.pack.EncoderRows;
import dev.zhulong.evaluate.text.Classification;
import dev.zhulong.evaluate.text.Estimate;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/** A class for each text or pair of texts, or any number of classes. */
record ClassifyTask(LabelColumns columns) implements HeadTask<LabelledText> {
    static ClassifyTask of(Settings settings) {
        var columns = settings.columns();
        return new ClassifyTask(new LabelColumns(columns.getOrDefault("text", "text"), Optional.ofNullable(columns.get("text_pair")),
                columns.getOrDefault("label", "label"), settings.names(), settings.multi()));
    }

    @Override
    public Kind kind() {
        return Kind.CLASSIFY;
    }

    @Override
    public LabelledRows<LabelledText> read(Path file) {
        return TextReader.read(file, columns);
    }

    @Override
    public List<String> content(LabelledText row) {
        return row.content();
    }

    @Override
    public EncoderSpec head(EncoderSpec base, List<LabelledText> rows) {
        Problem problem = columns.multi() ? Problem.MULTI_LABEL : Problem.SINGLE_LABEL;
        List<String> found = rows.stream().flatMap(row -> row.labels().stream()).distinct().toList();
        if (columns.names().isEmpty() && base.head() instanceof Head.Classes(_, List<String> labels, Problem own, _) && own == problem && labels.containsAll(found)) {
            return base;
        }
        LabelSet labels = columns.names().isEmpty() ? LabelSet.sorted(found) : new LabelSet(columns.names());
        if (labels.size() < 2 && !columns.multi()) {
            throw new IllegalArgumentException("every row has the label '" + labels.names().getFirst() + "': there is nothing to tell apart; give rows of two labels or more");
        }
        return base.withClasses(labels.names(), problem);
    }

    @Override
    public List<String> metrics(EncoderSpec spec) {
        return List.of(HeadScores.MACRO_F1, HeadScores.ACCURACY, columns.multi() ? HeadScores.MICRO_F1 : HeadScores.WEIGHTED_F1);
    }

    @Override
    public HeadExamples examples(List<LabelledText> rows, EncoderTokenizer tokenizer, EncoderSpec spec, int max) {
        if (!(spec.head() instanceof Head.Classes classes) || classes.problem() == Problem.REGRESSION) {
            throw another(spec);
        }
        boolean several = classes.problem() == Problem.MULTI_LABEL;
        if (several != columns.multi()) {
            throw new IllegalArgumentException(several ? "the model gives any number of labels to a text: say that rows may have several (multi)"
                    : "the model gives one label to a text, and rows with several are spoken of (multi)");
        }
        var labels = new LabelSet(classes.labels());
        // one after another, so that the first row with an unknown label is named
        rows.forEach(row -> labels.ids(row.labels(), row.where()));
        List<EncoderRow> inputs = several ? EncoderExamples.severalLabels(rows, tokenizer, labels, max) : EncoderExamples.texts(rows, tokenizer, labels, max);
        return new Examples(rows, EncoderRows.of(inputs, false), classes.labels(), several);
    }

    private record Examples(List<LabelledText> texts, EncoderRows rows, List<String> labels, boolean several) implements HeadExamples {
        @Override
        public int size() {
            return texts.size();
        }

        @Override
        public HeadScores score(List<float[]> logits, Consumer<ObjectNode> said) {
            List<List<String>> found = new ArrayList<>();
            for (int i = 0; i < texts.size(); i++) {
                double[] p = several ? HeadLogits.sigmoid(logits.get(i)) : HeadLogits.softmax(logits.get(i));
                List<String> chosen = several ? IntStream.range(0, p.length).filter(c -> p[c] >= 0.5).mapToObj(labels::get).toList()
                        : List.of(labels.get(HeadLogits.largest(logits.get(i))));
                found.add(chosen);
                said.accept(line(texts.get(i), chosen, p));
            }
            return several ? several(found) : one(found.stream().map(List::getFirst).toList());
        }

        private ObjectNode line(LabelledText text, List<String> chosen, double[] p) {
            ObjectNode line = JsonNodeFactory.instance.objectNode().put("where", text.where()).put("text", text.text());
            text.pair().ifPresent(pair -> line.put("text_pair", pair));
            if (several) {
                text.labels().forEach(line.putArray("labels")::add);
                chosen.forEach(line.putArray("predicted")::add);
            } else {
                line.put("label", text.labels().getFirst()).put("predicted", chosen.getFirst());
            }
            ObjectNode each = line.putObject("probabilities");
            for (int c = 0; c < p.length; c++) {
                each.put(labels.get(c), p[c]);
            }
            return line;
        }

        private HeadScores one(List<String> found) {
            Classification c = Classification.of(found, texts.stream().map(text -> text.labels().getFirst()).toList());
            Map<String, Estimate> metrics = new LinkedHashMap<>();
            metrics.put(HeadScores.ACCURACY, c.accuracy());
            metrics.put(HeadScores.MACRO_F1, Estimate.unknown(c.macroF1()));
            metrics.put(HeadScores.WEIGHTED_F1, Estimate.unknown(c.weighted()));
            return new HeadScores("texts", texts.size(), metrics, "label", c.classes(), List.of());
        }

        /** A text is right where all its labels are said and no other. */
        private HeadScores several(List<List<String>> found) {
            SortedMap<String, Classification.Class> classes = new TreeMap<>();
            for (String label : labels) {
                long support = texts.stream().filter(text -> text.labels().contains(label)).count();
                long times = found.stream().filter(list -> list.contains(label)).count();
                long hits = IntStream.range(0, found.size()).filter(i -> found.get(i).contains(label) && texts.get(i).labels().contains(label)).count();
                classes.put(label, new Classification.Class(support, times, hits));
            }
            double[] right = IntStream.range(0, found.size()).mapToDouble(i -> found.get(i).size() == texts.get(i).labels().stream().distinct().count()
                    && texts.get(i).labels().containsAll(found.get(i)) ? 1 : 0).toArray();
            Map<String, Estimate> metrics = new LinkedHashMap<>();
            metrics.put(HeadScores.ACCURACY, Estimate.mean(right, 1));
            metrics.put(HeadScores.MACRO_F1, Estimate.unknown(classes.values().stream().mapToDouble(Classification.Class::f1).average().orElse(0)));
            metrics.put(HeadScores.MICRO_F1, Estimate.unknown(HeadScores.together(classes.values()).f1()));
            return new HeadScores("texts", texts.size(), metrics, "label", classes, List.of());
        }
    }
}
