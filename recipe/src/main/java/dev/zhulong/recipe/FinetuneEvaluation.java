package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Scores on what was held out, source by source, before training and after.
 *
 * @param sources in the order of the recipe
 */
public record FinetuneEvaluation(List<Source> sources) {
    static final String FILE = "evaluation.json";

    /**
     * One score.
     *
     * @param loss     mean nats a learnt token; of preference pairs, of the DPO loss a pair
     * @param count    learnt tokens, or pairs
     * @param accuracy share of pairs whose better answer is preferred more than before; NaN where there are no pairs
     * @param margin   mean of β·Δ; NaN where there are no pairs
     */
    public record Score(double loss, long count, double accuracy, double margin) {}

    /**
     * One task.
     *
     * @param name   of the source
     * @param before training
     * @param after  training
     * @param alone  of an adapter that was trained on this source only, if one was
     */
    public record Source(String name, Score before, Score after, Optional<Score> alone) {}

    public FinetuneEvaluation {
        sources = List.copyOf(sources);
    }

    /** All sources together, weighted by what they count. */
    public Score before() {
        return together(sources.stream().map(Source::before).toList());
    }

    /** All sources together, weighted by what they count. */
    public Score after() {
        return together(sources.stream().map(Source::after).toList());
    }

    private static Score together(List<Score> scores) {
        long count = scores.stream().mapToLong(Score::count).sum();
        return new Score(scores.stream().mapToDouble(s -> s.loss * s.count).sum() / count, count,
                scores.stream().mapToDouble(s -> s.accuracy * s.count).sum() / count, scores.stream().mapToDouble(s -> s.margin * s.count).sum() / count);
    }

    /** A table, one line a source. */
    public String text() {
        boolean alone = sources.stream().anyMatch(source -> source.alone.isPresent());
        int width = Math.max(6, sources.stream().mapToInt(source -> source.name.length()).max().orElse(0));
        var out = new StringBuilder(String.format(Locale.ROOT, "%-" + width + "s %10s %10s%s %10s", "task", "before", "after", alone ? "      alone" : "",
                "count"));
        if (!Double.isNaN(after().accuracy)) {
            out.append("   accuracy     margin");
        }
        for (Source source : sources) {
            out.append(line(width, source.name, source.before, source.after, alone ? source.alone : null));
        }
        if (sources.size() > 1) {
            out.append(line(width, "all", before(), after(), alone ? Optional.empty() : null));
        }
        return out.toString();
    }

    private static String line(int width, String name, Score before, Score after, Optional<Score> alone) {
        return String.format(Locale.ROOT, "%n%-" + width + "s %10.4f %10.4f%s %10d%s", name, before.loss, after.loss,
                alone == null ? "" : alone.map(s -> String.format(Locale.ROOT, " %10.4f", s.loss)).orElse("           "), after.count,
                Double.isNaN(after.accuracy) ? "" : String.format(Locale.ROOT, "   %8.3f %10.4f", after.accuracy, after.margin));
    }

    void write(Path directory) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("before", map(before()));
        fields.put("after", map(after()));
        Map<String, Object> each = new LinkedHashMap<>();
        for (Source source : sources) {
            Map<String, Object> own = new LinkedHashMap<>();
            own.put("before", map(source.before));
            own.put("after", map(source.after));
            source.alone.ifPresent(score -> own.put("alone", map(score)));
            each.put(source.name, own);
        }
        fields.put("sources", each);
        JsonFile.write(directory.resolve(FILE), fields);
    }

    static Map<String, Object> map(Score score) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("loss", score.loss);
        fields.put("count", score.count);
        if (!Double.isNaN(score.accuracy)) {
            fields.put("accuracy", score.accuracy);
            fields.put("margin", score.margin);
        }
        return fields;
    }

    static Score score(com.fasterxml.jackson.databind.JsonNode json) {
        return new Score(json.required("loss").asDouble(), json.required("count").asLong(), json.path("accuracy").asDouble(Double.NaN),
                json.path("margin").asDouble(Double.NaN));
    }

    /** Of the finished run in a directory; empty if nothing was held out. */
    public static Optional<FinetuneEvaluation> read(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            var sources = new java.util.ArrayList<Source>();
            new ObjectMapper().readTree(file.toFile()).required("sources").properties().forEach(e -> sources.add(new Source(e.getKey(),
                    score(e.getValue().required("before")), score(e.getValue().required("after")),
                    e.getValue().has("alone") ? Optional.of(score(e.getValue().get("alone"))) : Optional.empty())));
            return sources.isEmpty() ? Optional.empty() : Optional.of(new FinetuneEvaluation(sources));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }
}
