package dev.zhulong.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.CleanConfig;
import dev.zhulong.data.Cleaner;
import dev.zhulong.data.CleaningInParts;
import dev.zhulong.data.Corpus;
import dev.zhulong.data.DocumentStore;
import dev.zhulong.data.clean.Steps;
import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.ReadOptions;
import dev.zhulong.data.shard.ShardConfig;
import dev.zhulong.data.shard.ShardWriter;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Raw files to a cleaned corpus. */
@Command(
        name = "clean",
        description = {
            "Turn files, source trees and archives into a cleaned corpus with a training part and a validation part.",
            "Rules are applied in order, and duplicates and near-duplicates are removed over the whole corpus. An audit shows what was "
                    + "removed and why, with samples. The same input and seed give the same bytes, however the files are listed, and whether one process or many "
                    + "under Apache Spark (--spark) do it.",
        },
        footer = {
            "",
            "--steps standard takes each document for code or prose by its looks; code and prose decide for all. Or name the rules,"
                    + " in order:",
            "unicode, licence-headers, boilerplate, language, quality, repetition, personal-data. --steps none cleans nothing.",
            "A rule's arguments follow a colon; quotes keep its commas together: --steps 'unicode,\"language:en,zh\"'.",
            "",
            "Examples:",
            "  zhulong clean --data src.zip --steps code --out corpus",
            "  zhulong clean --data articles.jsonl --field body --languages en,zh --evaluation benchmark.jsonl --out corpus",
            "  zhulong clean --data docs/ notes/ --validation-fraction 0.1 --tokenizer my-model --out corpus",
            "  zhulong clean --spark local-cluster[2,1,1024] --data texts/ --out corpus",
        })
final class CleanVerb extends Verb {
    private static final long PART_BYTES = 128L << 20;

    @Option(names = "--data", required = true, arity = "1..*", paramLabel = "PATH",
            description = "Files, directories and archives (txt, source"
            + " code, json, jsonl, csv, parquet; zip, jar, tar, gz, zst), which are read in the order of their names.")
    List<Path> input;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the corpus to.")
    Path out;

    @Option(names = "--steps", split = ",", defaultValue = "standard", paramLabel = "NAME",
            description = "Cleaning rules: standard, code, prose, none, or the names of rules with commas between them (default: "
            + "standard).")
    List<String> steps;

    @Option(names = "--languages", split = ",", paramLabel = "CODE", description = "Keep documents in these languages only, e.g. en,zh"
            + " (default: all).")
    List<String> languages = List.of();

    @Option(names = "--redact", split = ",", paramLabel = "KIND", description = "Redact only these kinds of personal data, e.g. "
            + "email,phone (default: every kind that the personal-data rule knows).")
    List<String> redact = List.of();

    @Option(names = {"--field", "--column"}, defaultValue = "text", paramLabel = "NAME",
            description = "Field or column that holds the text in"
            + " json, jsonl, csv and parquet; dots reach into objects (default: text).")
    String field;

    @Option(names = "--extensions", split = ",", paramLabel = "EXT",
            description = "Take only files with these extensions from directories and archives, e.g. java,md (default: every text file).")
    List<String> extensions = List.of();

    @Option(names = "--no-dedup", description = "Keep exact and near duplicates.")
    boolean noDedup;

    @Option(names = "--validation-fraction", defaultValue = "0.02", paramLabel = "F", description = "Share of the documents to hold out for "
            + "validation, 0 to 1 (default: 0.02).")
    double validationFraction;

    @Option(names = "--evaluation", arity = "1..*", paramLabel = "FILE", description = "Texts the model will be tested on; documents "
            + "that overlap with them are removed.")
    List<Path> evaluation = List.of();

    @Option(names = "--tokenizer", paramLabel = "DIR", description = "Tokenizer to write token shards for as well, in shards/train and "
            + "shards/validation under --out.")
    Path tokenizer;

    @Option(names = "--seed", defaultValue = "0", paramLabel = "N", description = "Random seed for the split into training and "
            + "validation (default: 0).")
    long seed;

    @Option(names = "--threads", paramLabel = "N", description = "Worker threads; the result does not depend on their number (default: "
            + "all cores).")
    Integer threads;

    @Option(names = "--force", description = "Write into the directory even if it is not empty; a corpus in it is replaced.")
    boolean force;

    @Option(names = "--spark", paramLabel = "MASTER", description = "Let Apache Spark share out the work: " + SparkMaster.KINDS + ". The files are those of one process, byte "
            + "for byte. All machines have the JDK, Zhulong, the inputs and --out at the same paths. Its jars (about 240 MB) are fetched at first use.")
    String spark;

    @Option(names = "--spark-set", paramLabel = "NAME=VALUE", description = "Setting of Spark, such as spark.task.cpus=2, the threads of each process; may be repeated.")
    Map<String, String> sparkSettings = new LinkedHashMap<>();

    @Option(names = "--partitions", paramLabel = "N", description = "Number of parts that the inputs are shared out in under Spark; a compressed file other than a zip archive is not "
            + "cut (default: one for 128 MB, at least as many as a local master has slots).")
    Integer partitions;

    /** This process is a task of Spark's. */
    @Option(names = "--part", hidden = true, paramLabel = "STAGE:N")
    String part;

    @Override
    protected void run() throws IOException {
        Threads.check(spec.commandLine(), threads);
        input = input.stream().sorted(Comparator.comparing((Path path) -> path.toAbsolutePath().normalize().getFileName())
                .thenComparing(path -> path.toAbsolutePath().normalize())).toList();
        CleanConfig config = config();
        if (part != null) {
            part(config);
            return;
        }
        SparkMaster master = master();
        for (Path path : input) {
            if (Files.isDirectory(path) && out.toAbsolutePath().normalize().startsWith(path.toAbsolutePath().normalize())) {
                throw wrongUsage("--out " + out + " lies inside the input " + path + " and would be read again; put it elsewhere");
            }
        }
        Outputs.directory(out, force);
        if (tokenizer == null && Files.exists(out.resolve("shards"))) {
            throw new IllegalArgumentException(out.resolve("shards") + " holds token shards of the corpus that would be replaced;"
                    + " give --tokenizer"
                    + " to replace them too, or remove them");
        }
        try (Tokenizer cutter = tokenizer == null ? null : HuggingFaceTokenizer.load(tokenizer);
                var status = ProgressLine.on(err())) {
            if (master != null) {
                inParts(config, master, cutter, status);
                return;
            }
            Corpus corpus = Cleaner.run(config, out, status);
            status.close();
            summary(corpus);
            if (cutter != null) {
                for (DocumentStore side : List.of(corpus.train(), corpus.validation())) {
                    try (var documents = side.documents()) {
                        shards(side, status, (shards, directory) -> ShardWriter.write(documents, side.bytes(), cutter, shards, directory, status), cutter);
                    }
                }
            }
        }
    }

    private SparkMaster master() {
        if (spark == null) {
            if (partitions != null || !sparkSettings.isEmpty()) {
                throw wrongUsage("--partitions and --spark-set need --spark");
            }
            return null;
        }
        if (partitions != null && partitions < 1) {
            throw wrongUsage("--partitions must be at least 1, found " + partitions);
        }
        try {
            return SparkMaster.of(spark);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
    }

    private Path work() {
        return out.resolve("cleaning.partial");
    }

    /** Has Spark do it. */
    private void inParts(CleanConfig config, SparkMaster master, Tokenizer cutter, ProgressLine status) throws IOException {
        List<String> task = new ArrayList<>(spec.commandLine().getParseResult().originalArgs());
        task.add("--part");
        Path logs = out.toAbsolutePath().normalize();
        logs = logs.resolveSibling(logs.getFileName() + ".spark");
        int wanted = partitions != null ? partitions : (int) Math.clamp(DocumentReader.size(input) / PART_BYTES + 1, Math.max(1, master.slots()), Integer.MAX_VALUE);
        try (var stages = new SparkParts(master, sparkSettings, task, logs, status); var parts = CleaningInParts.begin(config, work(), wanted, stages)) {
            Corpus corpus = parts.run(out);
            status.close();
            summary(corpus);
            if (cutter != null) {
                parts.encode();
                for (DocumentStore side : List.of(corpus.train(), corpus.validation())) {
                    shards(side, status, (shards, directory) -> ShardWriter.assemble(parts.encoded(side), side.bytes(), cutter, shards, directory, status), cutter);
                }
            }
        }
        FileTree.delete(logs);
    }

    /** Does one part, for whoever shares out the work. */
    private void part(CleanConfig config) {
        AtExit.ofParent();
        int colon = part.indexOf(':');
        try (Tokenizer cutter = tokenizer == null ? null : HuggingFaceTokenizer.load(tokenizer)) {
            CleaningInParts.part(threads == null ? config.withThreads(Libtorch.threads()) : config, cutter, work(), part.substring(0, colon), Integer.parseInt(part.substring(colon + 1)));
        }
    }

    private CleanConfig config() {
        try {
            var read = new ReadOptions(extensions.stream().map(e -> e.toLowerCase(Locale.ROOT)).collect(Collectors.toSet()), field,
                    StandardCharsets.UTF_8, ReadOptions.DEFAULT.maxDocumentBytes(), ReadOptions.DEFAULT.maxRatio(),
                    ReadOptions.DEFAULT.gitignore());
            var config = CleanConfig.of(input, chain()).withRead(read).withValidation(validationFraction, seed).withEvaluationSets(evaluation);
            config = noDedup ? config.withDuplicates(Clusters.Kind.NONE) : config;
            return threads == null ? config : config.withThreads(threads);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
    }

    private List<CleaningStep> chain() {
        var chain = new ArrayList<>(switch (String.join(",", steps)) {
            case "standard" -> Steps.standard();
            case "code" -> Steps.forCode();
            case "prose" -> Steps.forProse();
            case "none" -> List.<CleaningStep>of();
            default -> steps.stream().map(CleanVerb::unquoted).map(Steps::byName).toList();
        });
        if (!languages.isEmpty()) {
            CleaningStep language = Steps.byName("language:" + String.join(",", languages));
            chain.removeIf(step -> step.name().equals(language.name()));
            // after the rules that strip what is not text, before those that judge it
            int at = 0;
            while (at < chain.size() && Set.of("unicode", "licence-headers", "boilerplate").contains(chain.get(at).name())) {
                at++;
            }
            chain.add(at, language);
        }
        if (!redact.isEmpty()) {
            CleaningStep personal = Steps.byName("personal-data:" + String.join(",", redact));
            chain.removeIf(step -> step.name().equals(personal.name()));
            chain.add(personal);
        }
        return chain;
    }

    /** A rule with its arguments, which picocli does not split inside quotes and leaves them there. */
    private static String unquoted(String step) {
        return step.length() > 1 && step.startsWith("\"") && step.endsWith("\"") ? step.substring(1, step.length() - 1) : step;
    }

    @Override
    protected List<String> added() {
        return Steps.added().values().stream().map(step -> step.name() + ": " + step.provider().description()).toList();
    }

    private void summary(Corpus corpus) throws IOException {
        JsonNode audit = new ObjectMapper().readTree(corpus.directory().resolve("audit.json").toFile());
        out().println(String.format(Locale.ROOT, "read %,d documents%s", audit.at("/read/documents").asLong(), skipped(audit.at("/read/skipped"))));
        out().println(String.format(Locale.ROOT, "%-20s %12s %12s %12s %12s", "step", "documents", "dropped", "changed", "bytes left"));
        for (JsonNode step : audit.path("steps")) {
            out().println(String.format(Locale.ROOT, "%-20s %,12d %,12d %,12d %12s", step.path("name").asText(), step.path("documents_in").asLong(),
                    step.path("dropped").asLong(), step.path("changed").asLong(), Sizes.of(step.path("bytes_out").asLong())));
        }
        out().println(String.format(Locale.ROOT, "training    %,d documents, %s", corpus.train().count(),
                Sizes.of(corpus.train().bytes())));
        out().println(String.format(Locale.ROOT, "validation  %,d documents, %s", corpus.validation().count(),
                Sizes.of(corpus.validation().bytes())));
        out().println("report on what was removed and why: " + corpus.auditPage());
        if (corpus.validation().count() == 0) {
            err().println("nothing is held out: raise --validation-fraction if you want to evaluate on this corpus");
        }
    }

    /** Makes shards in a directory. */
    private interface Shards {
        TokenShards write(ShardConfig config, Path directory);
    }

    private void shards(DocumentStore side, ProgressLine status, Shards made, Tokenizer cutter) {
        Path file = Files.isDirectory(tokenizer) ? tokenizer.resolve("tokenizer.json") : tokenizer;
        ShardConfig config = ShardConfig.of(ContentHash.ofFile(file).sha256(), side.contentHash());
        Path directory = out.resolve("shards").resolve(side.directory().getFileName());
        try (TokenShards shards = made.write(cutter.eos().isPresent() ? config : config.withoutEndOfSequence(), directory)) {
            status.close();
            out().println(String.format(Locale.ROOT, "%s  %,d tokens, %.2f bytes a token, key %s", directory, shards.tokens(),
                    shards.tokens() == 0 ? 0 : (double) shards.bytes() / shards.tokens(), shards.key()));
        }
    }

    private static String skipped(JsonNode skipped) {
        return skipped.isEmpty() ? "" : "; skipped: " + skipped.properties().stream()
                .map(entry -> entry.getKey() + " " + entry.getValue().path("count").asLong()).collect(Collectors.joining(", "));
    }
}
