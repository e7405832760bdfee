package dev.zhulong.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.media.PictureFolder;
import dev.zhulong.data.media.PictureFolder.Entry;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.picture.PictureClassifier;
import dev.zhulong.infer.picture.PictureModel;
import dev.zhulong.media.MediaException;
import dev.zhulong.media.processor.PreparedPicture;
import dev.zhulong.recipe.label.PictureScores;
import dev.zhulong.tensor.Libtorch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Classes of pictures. */
@Command(
        name = "classify",
        description = {
            "Tell what is on pictures: the most probable classes of each, by a model that was trained on them, or by any labels that you name.",
            "A vit or a dinov2 with a head gives its own classes. A clip or a siglip compares pictures with texts: name the labels with --labels.",
        },
        footer = {
            "",
            "Each picture is a JSON line with its file and its labels with their probabilities, or with the error that kept it from being read; with --out FILE.csv a row a label. Probabilities of a"
                    + " siglip are of each label by itself and do not sum to one.",
            "",
            "Examples:",
            "  zhulong classify --model vit-base-patch16-224 --data photos/ --top 3",
            "  zhulong classify --model clip-vit-base-patch32 --data photos/ --labels cat,dog,bird --out labels.csv",
            "  zhulong classify --model runs/flowers --data flowers/test --by-folder",
        })
final class ClassifyVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Directory of a network that sees pictures: vit, dinov2, clip or siglip.")
    Path model;

    @Option(names = "--data", required = true, arity = "1..*", paramLabel = "PATH", description = "Pictures, and directories of pictures with all that is below them.")
    List<Path> data;

    @Option(names = "--labels", split = ",", paramLabel = "LABEL", description = "Labels to choose from, with a clip or a siglip, separated by commas.")
    List<String> labels = List.of();

    @Option(names = "--labels-file", paramLabel = "FILE", description = "File with a label on each line, in place of --labels.")
    Path labelsFile;

    @Option(names = "--prompt", defaultValue = "a photo of a {}", paramLabel = "TEXT", description = "Text that stands for a label, which takes the place of {} (default: a photo of a {}).")
    String prompt;

    @Option(names = "--top", defaultValue = "5", paramLabel = "N", description = "Labels to give for each picture (default: 5).")
    int top;

    @Option(names = "--by-folder", description = "Compare with the name of the directory that each picture lies in, directly below --data: accuracy, and which are taken for which.")
    boolean byFolder;

    @Option(names = "--batch", defaultValue = "16", paramLabel = "N", description = "Pictures that are computed together; the result does not depend on it (default: 16).")
    int batch;

    @Option(names = "--threads", paramLabel = "N", description = "Worker threads (default: all cores).")
    Integer threads;

    @Option(names = "--out", paramLabel = "FILE", description = "File to write, .jsonl or .csv (default: standard output, JSON lines).")
    Path out;

    @Option(names = "--force", description = "Replace the file if it exists.")
    boolean force;

    @Override
    protected void run() {
        Threads.check(spec.commandLine(), threads);
        boolean csv = out != null && out.toString().endsWith(".csv");
        if (out != null && !csv && !out.toString().endsWith(".jsonl")) {
            throw wrongUsage("--out must end in .jsonl or .csv, found " + out);
        }
        if (top < 1 || batch < 1) {
            throw wrongUsage("--top and --batch must be at least 1");
        }
        if (!labels.isEmpty() && labelsFile != null) {
            throw wrongUsage("give either --labels or --labels-file");
        }
        List<String> wanted = labelsFile == null ? labels.stream().map(String::strip).toList() : TextFile.read(labelsFile).lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
        if (out != null) {
            Outputs.file(out, force);
        }
        List<Entry> pictures = PictureFolder.of(data);
        if (byFolder && pictures.stream().anyMatch(entry -> entry.label().isEmpty())) {
            throw new IllegalArgumentException("--by-folder needs a directory for each label below --data, and " + pictures.stream().filter(entry -> entry.label().isEmpty()).findFirst().orElseThrow().file()
                    + " lies in none");
        }
        if (threads != null) {
            Libtorch.threads(threads);
        }
        try (PictureModel opened = PictureModel.open(model)) {
            run(wanted.isEmpty() ? PictureClassifier.byHead(opened) : PictureClassifier.byTexts(opened, wanted, prompt), opened, pictures, csv);
        }
    }

    private void run(PictureClassifier classifier, PictureModel opened, List<Entry> pictures, boolean csv) {
        if (byFolder) {
            pictures.stream().map(entry -> entry.label().orElseThrow()).filter(label -> !classifier.labels().contains(label)).findFirst().ifPresent(label -> {
                throw new IllegalArgumentException("no class is called " + label + ", as a directory below --data is; the model's classes are "
                        + classifier.labels().stream().limit(10).collect(Collectors.joining(", ")) + (classifier.labels().size() > 10 ? ", ..." : ""));
            });
        }
        var lines = new StringBuilder(csv ? "file,rank,label,probability,error\n" : "");
        List<List<String>> ranked = new ArrayList<>();
        List<String> right = new ArrayList<>();
        int errors = 0;
        try (var status = ProgressLine.on(err())) {
            for (int from = 0; from < pictures.size(); from += batch) {
                List<Entry> some = pictures.subList(from, Math.min(pictures.size(), from + batch));
                List<PreparedPicture> read = new ArrayList<>();
                String[] wrong = new String[some.size()];
                for (int i = 0; i < wrong.length; i++) {
                    try {
                        read.add(opened.read(some.get(i).file()));
                    } catch (MediaException e) {
                        wrong[i] = e.getMessage();
                        errors++;
                    }
                }
                List<double[]> probabilities = classifier.probabilities(read);
                for (int i = 0, good = 0; i < wrong.length; i++) {
                    double[] p = wrong[i] == null ? probabilities.get(good++) : new double[0];
                    List<Integer> order = IntStream.range(0, p.length).boxed().sorted((a, b) -> Double.compare(p[b], p[a])).toList();
                    emit(csv, some.get(i), order.subList(0, Math.min(top, order.size())), p, classifier.labels(), wrong[i], lines);
                    if (byFolder && wrong[i] == null) {
                        ranked.add(order.stream().limit(5).map(classifier.labels()::get).toList());
                        right.add(some.get(i).label().orElseThrow());
                    }
                }
                status.at("classify", from + some.size(), pictures.size(), "pictures");
            }
        }
        if (out != null) {
            AtomicFile.writeString(out, lines.toString());
        }
        if (!right.isEmpty()) {
            // scores go where the rows do not
            (out == null ? err() : out()).println(PictureScores.of(ranked, right, List.of()).text());
        }
        if (errors > 0) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%,d of %,d pictures could not be read; the rows of these say why", errors, pictures.size()));
        }
    }

    private void emit(boolean csv, Entry entry, List<Integer> order, double[] p, List<String> labels, String error, StringBuilder lines) {
        if (csv) {
            if (error != null) {
                lines.append(cell(entry.name())).append(",,,,").append(cell(error)).append('\n');
            }
            for (int rank = 0; rank < order.size(); rank++) {
                int label = order.get(rank);
                lines.append(cell(entry.name())).append(',').append(rank + 1).append(',').append(cell(labels.get(label))).append(',').append(String.format(Locale.ROOT, "%.6f", p[label])).append(",\n");
            }
            return;
        }
        ObjectNode line = JsonNodeFactory.instance.objectNode().put("file", entry.name());
        if (error != null) {
            line.put("error", error);
        } else {
            ArrayNode said = line.putArray("labels");
            order.forEach(label -> said.addObject().put("label", labels.get(label)).put("probability", p[label]));
        }
        if (out == null) {
            out().println(line);
        } else {
            lines.append(line).append('\n');
        }
    }

    /** As RFC 4180 has it. */
    private static String cell(String text) {
        return text.matches("[^\",\\r\\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
}
