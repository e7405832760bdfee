package dev.zhulong.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Bleu;
import dev.zhulong.evaluate.text.BleuTokenizer;
import dev.zhulong.evaluate.text.Bootstrap;
import dev.zhulong.evaluate.text.MetricValue;
import dev.zhulong.evaluate.text.Segment;
import dev.zhulong.evaluate.text.TextMetric;
import dev.zhulong.evaluate.text.WordByWord;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.progress.ProgressLine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Text metrics on files. */
@Command(
        name = "score",
        description = {
            "Compare what a model wrote with what it should have written, line by line, without a model.",
            "Metrics: bleu, chrf, chrf++, ter (0 to 100, equal to sacreBLEU's); rouge (0 to 1, equal to rouge_score's); exact; squad and cmrc"
                    + " (exact match and F1 of short answers); classification (one label a line); ner (BIO or BIOES tags, one sentence a"
                    + " line), ner_strict (the same, an entity that breaks its scheme being none); entities (TYPE: text, with ; between).",
            "Every number has its standard error, 95 %% interval and signature: numbers with different signatures cannot be compared.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong score --metric bleu,chrf --hypothesis out.txt --reference ref.txt",
            "  zhulong score --metric bleu --tokenize zh --hypothesis out.txt --reference a.txt b.txt",
            "  zhulong score --metric rouge --stemmer --hypothesis out.txt --reference ref.txt --json",
            "  zhulong score --metric chrf --hypothesis out.zh --reference held-out.zh --source held-out.en --pairs train.tsv",
            "  zhulong score --metric ner --hypothesis tags.txt --reference gold.txt",
        })
final class ScoreVerb extends Verb {
    @Option(names = "--metric", split = ",", required = true, paramLabel = "NAME", description = "Metrics: bleu, chrf, chrf++, ter, "
            + "rouge, exact, squad, cmrc, classification, ner, ner_strict, entities, separated by commas.")
    List<String> metrics;

    @Option(names = "--hypothesis", required = true, paramLabel = "FILE", description = "File that the model wrote: UTF-8, one segment "
            + "on each line.")
    Path hypothesis;

    @Option(names = "--reference", required = true, arity = "1..*", paramLabel = "FILE", description = "File of the expected texts, with the "
            + "same number of lines; several files are several references.")
    List<Path> references;

    @Option(names = "--source", paramLabel = "FILE", description = "File of the texts that were translated, with the same number of lines: the scores of a copy "
            + "of the source are printed beside those of the translation.")
    Path source;

    @Option(names = "--pairs", paramLabel = "FILE", description = "TSV of texts and their translations, from training and not from what is scored: the scores of a "
            + "translation word by word are printed as well, with a dictionary that IBM's model 1 learns from them. Needs --source.")
    Path pairs;

    @Option(names = "--reverse", description = "Take the second column of --pairs as the source and the first as the translation.")
    boolean reverse;

    @Option(names = "--tokenize", paramLabel = "NAME", defaultValue = "13a", description = "Tokenizer for BLEU: 13a (default), intl, "
            + "zh, char, none.")
    String tokenize;

    @Option(names = "--smooth", paramLabel = "NAME", defaultValue = "exp", description = "Smoothing for BLEU: exp (default), floor, "
            + "add-k, none.")
    String smooth;

    @Option(names = "--lowercase", description = "Ignore case in BLEU and chrF.")
    boolean lowercase;

    @Option(names = "--stemmer", description = "Compare the stems of English words in ROUGE.")
    boolean stemmer;

    @Option(names = "--chinese", description = "Treat each Chinese, Japanese and Korean character as a word in ROUGE.")
    boolean chinese;

    @Option(names = "--escaped-lines", description = "Read \\n in a line as a line break within the segment (ROUGE-Lsum takes lines as "
            + "sentences).")
    boolean escapedLines;

    @Option(names = "--bootstrap", paramLabel = "N", defaultValue = "1000", description = "Number of resamples for the standard errors "
            + "of numbers that are not means (default 1000; 0: none).")
    int resamples;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "12345", description = "Random seed for the resampling (default 12345).")
    long seed;

    @Option(names = "--sentence", description = "Also print the scores of every line, as tab-separated columns.")
    boolean sentence;

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    @Option(names = "--out", paramLabel = "FILE", description = "File to write the JSON object to as well.")
    Path out;

    @Option(names = "--force", description = "Replace the file of --out if it exists.")
    boolean force;

    @Override
    protected void run() {
        if (resamples < 0) {
            throw wrongUsage("--bootstrap must be 0 or more resamples, found " + resamples);
        }
        if (stemmer && chinese) {
            throw wrongUsage("--stemmer and --chinese cannot be combined: the stemmer is English");
        }
        if (pairs != null && source == null || reverse && pairs == null) {
            throw wrongUsage(reverse && pairs == null ? "--reverse goes with --pairs" : "--pairs goes with --source");
        }
        List<TextMetric> chosen = chosen();
        if (out != null) {
            Outputs.file(out, force);
        }
        List<Segment> segments = segments();
        List<MetricValue> values = new ArrayList<>();
        List<List<MetricValue>> rows = new ArrayList<>();
        var bootstrap = new Bootstrap(resamples, seed);
        try (var status = ProgressLine.on(err())) {
            for (int m = 0; m < chosen.size(); m++) {
                status.at("score " + metrics.get(m), m, chosen.size(), "metrics");
                values.addAll(chosen.get(m).corpus(segments, bootstrap));
            }
            for (int i = 0; sentence && i < segments.size(); i++) {
                Segment segment = segments.get(i);
                rows.add(chosen.stream().flatMap(metric -> metric.sentence(segment).stream()).toList());
                status.at("score lines", i, segments.size(), "lines");
            }
        }
        Map<String, List<MetricValue>> baselines = source == null ? Map.of() : baselines(segments, chosen, bootstrap);
        String object = json(segments.size(), values, rows, baselines);
        if (out != null) {
            AtomicFile.writeString(out, object + "\n");
        }
        if (json) {
            out().println(object);
        } else {
            print(segments.size(), values, rows);
            baselines.forEach((name, own) -> out().println(name + ": " + own.stream().map(MetricValue::text).collect(Collectors.joining("; "))));
        }
    }

    /** What costs nothing: the source itself, and its words one by one. */
    private Map<String, List<MetricValue>> baselines(List<Segment> segments, List<TextMetric> chosen, Bootstrap bootstrap) {
        List<String> sources = lines(source);
        if (sources.size() != segments.size()) {
            throw new IllegalArgumentException(source + " has " + sources.size() + " lines but " + hypothesis + " " + segments.size());
        }
        Map<String, List<String>> texts = new LinkedHashMap<>();
        texts.put("copy of the source", sources);
        if (pairs != null) {
            List<String[]> cells = lines(pairs).stream().map(line -> line.split("\t")).filter(row -> row.length >= 2).toList();
            if (cells.isEmpty()) {
                throw new IllegalArgumentException(pairs + " holds no pairs: expected lines of a text, a tab and its translation");
            }
            var dictionary = WordByWord.learn(cells.stream().map(row -> row[reverse ? 1 : 0]).toList(), cells.stream().map(row -> row[reverse ? 0 : 1]).toList());
            texts.put("word by word", sources.stream().map(dictionary::translate).toList());
        }
        Map<String, List<MetricValue>> baselines = new LinkedHashMap<>();
        texts.forEach((name, lines) -> {
            List<Segment> own = IntStream.range(0, lines.size()).mapToObj(i -> new Segment(lines.get(i), segments.get(i).references())).toList();
            baselines.put(name, chosen.stream().flatMap(metric -> metric.corpus(own, bootstrap).stream()).toList());
        });
        return baselines;
    }

    private List<TextMetric> chosen() {
        try {
            var settings = new TextMetric.Settings(BleuTokenizer.of(tokenize), lowercase, Bleu.Smoothing.of(smooth), stemmer, chinese);
            return metrics.stream().map(name -> TextMetric.of(name, settings)).toList();
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
    }

    private List<Segment> segments() {
        List<String> written = lines(hypothesis);
        List<List<String>> wanted = new ArrayList<>();
        for (Path file : references) {
            List<String> own = lines(file);
            if (own.size() != written.size()) {
                throw new IllegalArgumentException(hypothesis + " has " + written.size() + " lines but " + file + " " + own.size()
                        + ": line i of one is compared with line i of the other; look for a line that was lost, added or broken in two");
            }
            wanted.add(own);
        }
        if (written.isEmpty()) {
            throw new IllegalArgumentException(hypothesis + " is empty: there is nothing to score");
        }
        return Segment.align(written, wanted);
    }

    /** Lines end at \n only: other line separators of Unicode are text to the programs these scores are compared with. */
    private List<String> lines(Path file) {
        String text = TextFile.read(file);
        if (text.startsWith("\ufeff")) {
            text = text.substring(1);
        }
        if (text.isEmpty()) {
            return List.of();
        }
        String[] lines = (text.endsWith("\n") ? text.substring(0, text.length() - 1) : text).split("\n", -1);
        return Arrays.stream(lines).map(line -> line.endsWith("\r") ? line.substring(0, line.length() - 1) : line)
                .map(line -> escapedLines ? line.replace("\\n", "\n") : line).toList();
    }

    private void print(int segments, List<MetricValue> values, List<List<MetricValue>> rows) {
        if (!rows.isEmpty()) {
            out().println("line\t" + rows.getFirst().stream().map(MetricValue::name).collect(Collectors.joining("\t")));
            for (int i = 0; i < rows.size(); i++) {
                out().println((i + 1) + "\t" + rows.get(i).stream().map(value -> String.format(Locale.ROOT, value.percent() ? "%.2f" : "%.4f",
                        value.estimate().value())).collect(Collectors.joining("\t")));
            }
            out().println();
        }
        out().println(segments + (segments == 1 ? " segment" : " segments"));
        for (int i = 0; i < values.size(); i++) {
            MetricValue value = values.get(i);
            out().println(value.text());
            if (i == values.size() - 1 || !values.get(i + 1).signature().equals(value.signature())) {
                out().println("    " + value.signature());
            }
        }
    }

    private String json(int segments, List<MetricValue> values, List<List<MetricValue>> rows, Map<String, List<MetricValue>> baselines) {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        object.put("segments", segments).put("hypothesis", hypothesis.toString());
        ArrayNode files = object.putArray("references");
        references.forEach(file -> files.add(file.toString()));
        ArrayNode metricsNode = object.putArray("metrics");
        values.forEach(value -> metricsNode.add(value.json()));
        if (!baselines.isEmpty()) {
            ObjectNode beside = object.putObject("baselines");
            baselines.forEach((name, own) -> own.forEach(value -> beside.withArray(name.replace(' ', '_')).add(value.json())));
        }
        if (!rows.isEmpty()) {
            ArrayNode lines = object.putArray("sentences");
            for (List<MetricValue> row : rows) {
                ObjectNode line = lines.addObject();
                row.forEach(value -> line.put(value.name(), value.estimate().value()));
            }
        }
        return object.toString();
    }
}
