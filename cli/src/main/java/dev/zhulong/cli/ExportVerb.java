package dev.zhulong.cli;

import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.infer.open.OpenEncoderDecoder;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.text.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A model with all it needs to run elsewhere. */
@Command(
        name = "export",
        description = {
            "Write a folder that runs a model on a machine without Zhulong.",
            "--runtime: a Java runtime with the CPU engine, the model and a launcher, for this kind of system and processor. It needs no JDK and no network, and takes about 55 MB"
                    + " besides the model, 63 with a tokenizer of byte-level BPE. It has the verbs generate, chat and serve, which compute on the CPU engine; what needs libtorch (--engine torch, --route throughput),"
                    + " directories of weights, guard rules and a cache in Redis are not in it.",
            "--edge: a page that runs the model in a browser, by WebAssembly and without a server of ours, and the jar and the lines for an Android project. Models of the families Llama, Qwen2"
                    + " and Qwen3, of up to 2 GB; a single thread.",
            "A model directory is written as a GGUF file first, with its weights as they are stored (--edge: in q8_0) or as --to says; zhulong quantize makes smaller ones and measures what they lose.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong export --runtime --model my-model.Q4_0.gguf --out my-model-runtime",
            "  my-model-runtime/zhulong generate --prompt 'Once upon a time'",
            "  zhulong export --runtime --model my-model --to q8_0 --out my-model-runtime --archive",
            "  zhulong export --edge --model my-model --to q4_0 --out my-page",
        })
final class ExportVerb extends Verb {
    @Option(names = "--runtime", description = "Write a Java runtime with the model and a launcher.")
    boolean runtime;

    @Option(names = "--edge", description = "Write a page with the model, and what an Android project needs.")
    boolean edge;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or a GGUF file.")
    Path model;

    @Option(names = "--to", paramLabel = "TYPE", description = "Type to quantize the weights of a model directory to, as in zhulong quantize (default: as they are stored; with --edge q8_0).")
    String to;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Folder to write; must be absent or empty.")
    Path out;

    @Option(names = "--archive", description = "Write the folder as OUT.tar.gz as well.")
    boolean archive;

    @Override
    protected void run() throws IOException {
        if (runtime == edge) {
            throw wrongUsage(runtime ? "--runtime and --edge write different folders: give one of them" : "nothing to export: give --runtime or --edge");
        }
        if (edge) {
            EdgePageFiles.page();
        }
        Precision precision = precision();
        if (!Files.exists(model)) {
            throw new IllegalArgumentException("no such model: " + model + "; name a directory in the Hugging Face layout or a GGUF file");
        }
        try (ModelFiles files = open(model)) {
            requireRunnable(files);
        }
        Outputs.directory(out, false);
        Path packed = out.resolveSibling(out.toAbsolutePath().normalize().getFileName() + ".tar.gz");
        if (archive) {
            Outputs.file(packed, false);
        }
        Path target = out.toAbsolutePath().normalize();
        Files.createDirectories(target.getParent());
        Path beside = Files.createTempDirectory(target.getParent(), "." + target.getFileName() + "-");
        try (var status = ProgressLine.on(err()); var stop = AtExit.of(() -> FileTree.delete(beside))) {
            Path gguf = ModelFiles.isGguf(model) ? model : quantized(precision, beside, status);
            Path made = beside.resolve("made");
            if (edge) {
                EdgePageFiles.requireUsable(gguf);
                status.at("writing a page");
                EdgePageFiles.write(made, gguf);
            } else {
                status.at("linking a Java runtime");
                RuntimeImage.write(made, gguf, needsTokenizers(gguf));
            }
            if (archive) {
                status.at("packing " + packed);
                Tar.pack(made, target.getFileName().toString(), packed);
            }
            Files.deleteIfExists(target);
            Files.move(made, target);
            status.close();
            out().println(String.format(Locale.ROOT, "%s: %s, of which %s are the model%s", out, Sizes.of(bytes(target)), Sizes.of(bytes(target.resolve(edge ? "model.gguf" : "model"))),
                    archive ? "; " + packed + ": " + Sizes.of(Files.size(packed)) : ""));
        } finally {
            FileTree.delete(beside);
        }
    }

    private Precision precision() {
        if (to == null) {
            return null;
        }
        if (ModelFiles.isGguf(model)) {
            throw wrongUsage("--to quantizes a model directory; " + model + " is a GGUF file, which is taken as it is (zhulong quantize --requantize makes others)");
        }
        Precision precision;
        try {
            precision = Precision.of(to);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--to: " + e.getMessage());
        }
        if (precision.isDirectory()) {
            throw wrongUsage("--to " + to + " is written as a directory, which is not read elsewhere: take a GGUF type such as q4_0");
        }
        return precision;
    }

    private static ModelFiles open(Path model) {
        if (EncoderModel.is(model) || OpenEncoderDecoder.isEncoderDecoder(model)) {
            throw new IllegalArgumentException(model + " is no decoder: only models that continue text, such as Llama and Qwen, are exported");
        }
        return ModelFiles.open(model, EngineChoice.DEFAULT.withEngine(Engine.CPU));
    }

    /** Refuses what the three verbs cannot run before anything is made. */
    private void requireRunnable(ModelFiles files) {
        if (!files.hasTokenizer()) {
            throw new IllegalArgumentException(model + " has no tokenizer, without which no prompt can be read");
        }
    }

    /** Whether the file's tokenizer leaves something to Hugging Face's library. */
    private static boolean needsTokenizers(Path gguf) {
        try (ModelFiles files = open(gguf)) {
            return files.tokenizer() instanceof HuggingFaceTokenizer;
        }
    }

    /** The directory as a GGUF file, in {@code beside}. */
    private Path quantized(Precision asked, Path beside, ProgressLine status) {
        Precision precision = asked != null ? asked : edge ? Precision.Q8_0 : stored();
        Path gguf = beside.resolve(model.toAbsolutePath().normalize().getFileName() + "." + precision.toString().toUpperCase(Locale.ROOT) + ".gguf");
        new Quantization(model, precision, gguf, false, Libtorch.threads(), status).run();
        return gguf;
    }

    /** The type that most of a directory's bytes are of. */
    private Precision stored() {
        try (ModelDirectory directory = ModelDirectory.open(model)) {
            var bytes = new EnumMap<StorageType, Long>(StorageType.class);
            directory.tensors().values().forEach(tensor -> bytes.merge(tensor.type(), tensor.data().byteSize(), Long::sum));
            StorageType most = bytes.entrySet().stream().max(Map.Entry.comparingByValue()).map(Map.Entry::getKey).orElse(StorageType.F32);
            return switch (most) {
                case F16 -> Precision.F16;
                case BF16 -> Precision.BF16;
                default -> Precision.F32;
            };
        }
    }

    private static long bytes(Path tree) throws IOException {
        try (Stream<Path> paths = Files.walk(tree)) {
            return paths.filter(path -> Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)).mapToLong(path -> path.toFile().length()).sum();
        }
    }
}
