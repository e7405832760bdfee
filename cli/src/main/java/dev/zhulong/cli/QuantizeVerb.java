package dev.zhulong.cli;

import dev.zhulong.compress.Budget;
import dev.zhulong.compress.CalibrationTokens;
import dev.zhulong.compress.Importance;
import dev.zhulong.compress.MeasuredModel;
import dev.zhulong.compress.Measurement;
import dev.zhulong.compress.Precision;
import dev.zhulong.compress.Quantization;
import dev.zhulong.compress.RoundingLosses;
import dev.zhulong.compress.TensorTypes;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.infer.open.OpenEncoderDecoder;
import dev.zhulong.tensor.Libtorch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Fewer bits a weight. */
@Command(
        name = "quantize",
        description = {
            "Make a model smaller by storing its weights in fewer bits.",
            "Each weight is rounded to the nearest value that the scale of its group allows, with the scale that gives the least error. "
                    + "The last line reports the size, the perplexity and the tokens per second on the CPU engine, before and after; of an encoder"
                    + " the size, and with --text how near the vectors of its lines are.",
            "Types, from large to small: f32, bf16, f16; q8_0 (no noticeable loss); q6_k, q5_k_m, q5_k_s, q5_1, q5_0; q4_k_m (the usual "
                    + "choice), q4_k_s, iq4_nl, iq4_xs, q4_1, q4_0; q3_k_l, q3_k_m, q3_k_s, q2_k (a large loss); q2_0 (for models trained in it: others lose nearly all). These are GGUF files with "
                    + "llama.cpp's mixes of types, which llama.cpp reads too. Where the length of a row is no multiple of 256, other types "
                    + "of as many bits replace the types with a k in their name; of no multiple of 64, q4_0 replaces q2_0.",
            "q4 and q4_sym are Zhulong's own int4 (groups of 128, with and without a minimum). They are written as a directory, which "
                    + "only Zhulong's CPU engine reads. w4a16 is a directory of the integers of q4_sym in the format of compressed-tensors, which vLLM, transformers and both engines of "
                    + "Zhulong read; embedding and head stay as they are.",
            "With --imatrix, errors count as much as the columns they are in: the lower the type, the more that gains.",
            "With --calibrate, the layers are rounded on a text, which loses least.",
            "With --bpw or --size, each tensor gets the type with which the model is predicted to lose least at that size. The types are printed, and so are the --tensor-type options that give "
                    + "them again, here and in llama-quantize.",
            "Models that are quantized already are refused, because rounding twice loses more.",
        },
        footer = {
            "", "Examples:",
            "  zhulong quantize --model my-model --to q4_k_m --out my-model.Q4_K_M.gguf",
            "  zhulong quantize --model my-model.BF16.gguf --to q8_0 --text held-out.txt --out my-model.Q8_0.gguf",
            "  zhulong quantize --model my-model --to q3_k_m --imatrix my-model.imatrix.gguf --out my-model.Q3_K_M.gguf",
            "  zhulong quantize --model my-model --to q4_0 --calibrate notes.txt --out my-model.Q4_0.gguf",
            "  zhulong quantize --model my-model --bpw 3.5 --calibrate notes.txt --out my-model.3_5bit.gguf",
            "  zhulong quantize --model my-model --size 800MB --imatrix my-model.imatrix.gguf --out my-model.800MB.gguf",
            "  zhulong quantize --model my-model --to q4 --out my-model-int4",
            "  zhulong quantize --model my-model --to w4a16 --out my-model-w4a16",
            "  zhulong quantize --model my-model --to f16 --no-measure --out my-model.F16.gguf",
        })
final class QuantizeVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or GGUF file.")
    Path model;

    @Option(names = "--to", paramLabel = "TYPE", description = "Type to quantize to; see above. Give this, --bpw or --size.")
    String to;

    @Option(names = "--bpw", paramLabel = "BITS", description = "Most bits a weight, such as 4.2: a type for each tensor is chosen so that the loss predicted is least. Needs --calibrate, or --imatrix, which predicts less well.")
    Double bpw;

    @Option(names = "--size", paramLabel = "SIZE", description = "The same for the most bytes of the whole file, such as 800MB.")
    String size;

    @Option(names = "--out", required = true, paramLabel = "FILE|DIR", description = "GGUF file to write, without a vocabulary where the model has no "
            + "tokenizer; for q4, q4_sym and w4a16, a directory.")
    Path out;

    @Option(names = "--tensor-type", arity = "1..*", paramLabel = "REGEX=TYPE", description = "Types for tensors whose names in GGUF match, such as ffn_down=q6_k or blk.[01].attn_v=q8_0, as in "
            + "llama-quantize: the first that matches decides, and --to decides about the rest.")
    List<String> tensorTypes;

    @Option(names = "--imatrix", paramLabel = "FILE", description = "Importance matrix of this model, from zhulong imatrix or from llama-imatrix (GGUF or .dat).")
    Path imatrix;

    @Option(names = "--calibrate", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files to round the layers on, one after another, with later columns making up for the errors of "
            + "earlier ones (GPTQ): the least loss at 4 bits and below, in minutes. Decoders only. Interrupted, the same command goes on. Take other text than --text.")
    List<Path> calibrate;

    @Option(names = "--tokens", paramLabel = "N", description = "Most tokens of --calibrate to read (default: " + CalibrationTokens.USUAL + ").")
    Integer tokens;

    @Option(names = "--text", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files to measure the perplexity on "
            + "(default: 8 texts of at most 128 tokens that the model itself writes before it is quantized, from a fixed seed).")
    List<Path> text;

    @Option(names = "--no-measure", description = "Measure neither perplexity nor speed; the command then needs memory for a single "
            + "tensor only.")
    boolean noMeasure;

    @Option(names = "--requantize", description = "Accept a model that is quantized already, although rounding twice loses more.")
    boolean requantize;

    @Option(names = "--force", description = "Replace --out if it exists.")
    boolean force;

    @Option(names = "--overwrite", hidden = true, description = "A former name of --force.")
    void overwrite(boolean on) {
        force |= on;
    }

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    private Importance importance;

    @Override
    protected void run() {
        requireOneGoal();
        long bytes = size == null ? 0 : bytes(size);
        // with a budget, a kind of GGUF file that the choice may change
        Precision precision = hasBudget() ? Precision.Q4_0 : precision();
        Threads.check(spec.commandLine(), threads);
        if (noMeasure && text != null) {
            throw wrongUsage("--text gives the texts to measure on, so leave out --no-measure");
        }
        if (!Files.exists(model)) {
            throw new IllegalArgumentException("no such model: " + model + "; name a directory in the Hugging Face layout or a GGUF file");
        }
        requireOut(precision);
        TensorTypes types = types(precision);
        int count = threads != null ? threads : Libtorch.threads();
        EngineChoice choice = EngineChoice.DEFAULT.withEngine(Engine.CPU).withThreads(count);
        // a file that cannot be read is told before anything is measured
        importance = imatrix == null ? null : Importance.read(imatrix);
        requireOtherText();
        if (calibrate != null && (EncoderModel.is(model) || OpenEncoderDecoder.isEncoderDecoder(model))) {
            throw new IllegalArgumentException("--calibrate rounds the layers of decoders, and " + model + " is none: leave it out");
        }
        CalibrationTokens read = calibrate == null ? null : ImatrixVerb.calibration(model, calibrate, tokens == null ? CalibrationTokens.USUAL : tokens);
        if (threads != null && read != null) {
            Libtorch.threads(threads);
        }
        if (EncoderModel.is(model)) {
            if (hasBudget()) {
                throw new IllegalArgumentException("--bpw and --size choose types for decoders, and " + model + " is an encoder: name a type with --to");
            }
            encoder(precision, types, count, choice);
            return;
        }
        boolean both = OpenEncoderDecoder.isEncoderDecoder(model);
        boolean measured = !both && !noMeasure && hasTokenizer(choice);
        if (!noMeasure && !measured && text != null) {
            throw new IllegalArgumentException(model + " has no tokenizer, so there is no perplexity of a text: leave out --text");
        }
        try (var status = ProgressLine.on(err())) {
            if (hasBudget()) {
                if (both) {
                    throw new IllegalArgumentException("--bpw and --size choose types for decoders, and " + model + " is none: name a type with --to");
                }
                Budget budget = budget(bytes, read, count, status);
                types = budget.types();
                precision = budget.precision();
            }
            var quantisation = new Quantization(model, precision, out, requantize, count, status).importance(importance).calibration(read).types(types);
            List<TokenDocument> documents = List.of();
            Measurement before = null;
            if (measured) {
                status.at("measuring " + model);
                // a file that cannot be read is told before gigabytes are
                String whole = text == null ? null : text.stream().map(TextFile::read).collect(Collectors.joining("\n"));
                try (ModelFiles files = ModelFiles.open(model, choice); LoadedModel loaded = load(files)) {
                    var original = new MeasuredModel(loaded);
                    documents = whole == null ? original.written() : original.documents(whole);
                    before = documents.isEmpty() ? null : original.measure(documents);
                }
            }
            Quantization.Written written = quantisation.run();
            Measurement after = null;
            if (before != null) {
                status.at("measuring " + out);
                try (ModelFiles files = ModelFiles.open(out, choice); LoadedModel loaded = load(files)) {
                    after = new MeasuredModel(loaded).measure(documents);
                }
            }
            status.close();
            written.notices().forEach(err()::println);
            out().println(line(written, before, after));
        }
    }

    private boolean hasBudget() {
        return bpw != null || size != null;
    }

    private void requireOneGoal() {
        if ((to == null ? 0 : 1) + (bpw == null ? 0 : 1) + (size == null ? 0 : 1) != 1) {
            throw wrongUsage("give a type with --to, or bits a weight with --bpw, or a size of the file with --size: one of the three");
        }
        if (!hasBudget()) {
            return;
        }
        if (calibrate == null && imatrix == null) {
            throw wrongUsage("--bpw and --size choose types by what the model loses on a text: give one with --calibrate, or an importance matrix with --imatrix");
        }
        if (tensorTypes != null) {
            throw wrongUsage("--bpw and --size choose the types of all tensors, so leave out --tensor-type");
        }
        if (bpw != null && !(bpw > 0)) {
            throw wrongUsage("--bpw must be more than 0, found " + bpw);
        }
    }

    private long bytes(String text) {
        try {
            return Sizes.parse(text);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--size: " + e.getMessage());
        }
    }

    /** Chooses, and says what. */
    private Budget budget(long bytes, CalibrationTokens read, int count, ProgressLine status) {
        RoundingLosses losses = read != null ? RoundingLosses.measure(model, read, count, status) : RoundingLosses.measure(model, importance, count, status);
        Budget budget = size != null ? Budget.ofFile(losses, bytes) : Budget.ofBits(losses, bpw);
        status.message(budget.table());
        status.message("again: --to " + budget.precision() + budget.lines().stream().map(line -> " --tensor-type '" + line + "'").collect(Collectors.joining()));
        return budget;
    }

    private TensorTypes types(Precision precision) {
        if (tensorTypes != null && precision.isDirectory()) {
            throw wrongUsage("--tensor-type is for GGUF files, and " + precision + " is written as a directory");
        }
        try {
            return tensorTypes == null ? TensorTypes.NONE : TensorTypes.parse(tensorTypes);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--tensor-type: " + e.getMessage());
        }
    }

    /** What was calibrated on a text looks better on it than it is. */
    private void requireOtherText() {
        if (tokens != null && (tokens < 1 || calibrate == null)) {
            throw wrongUsage(calibrate == null ? "--tokens says how much of --calibrate to read: give both or none" : "--tokens must be at least 1, found " + tokens);
        }
        for (Path file : calibrate == null || text == null ? List.<Path>of() : text) {
            if (calibrate.stream().anyMatch(other -> other.toAbsolutePath().normalize().equals(file.toAbsolutePath().normalize()))) {
                throw wrongUsage(file + " is given to --calibrate and to --text: a text that the layers were rounded on says little of others");
            }
        }
    }

    /** An encoder has no perplexity; how far its vectors turn says what was lost. */
    private void encoder(Precision precision, TensorTypes types, int count, EngineChoice choice) {
        List<String> lines = text == null ? List.of() : text.stream().map(TextFile::read).flatMap(String::lines).filter(line -> !line.isBlank()).toList();
        try (var status = ProgressLine.on(err())) {
            Quantization.Written written = new Quantization(model, precision, out, requantize, count, status).importance(importance).types(types).run();
            String measured = "vectors not compared: give texts with --text";
            if (!lines.isEmpty()) {
                status.at("comparing vectors");
                double[] cosines;
                try (EncoderModel before = EncoderModel.open(model, choice); EncoderModel after = EncoderModel.open(out, choice)) {
                    List<float[]> one = before.encoder().vectors(lines, Optional.empty());
                    List<float[]> other = after.encoder().vectors(lines, Optional.empty());
                    cosines = IntStream.range(0, lines.size()).mapToDouble(i -> cosine(one.get(i), other.get(i))).toArray();
                }
                measured = String.format(Locale.ROOT, "cosines of %,d vectors before and after: mean %.6f, least %.6f", cosines.length, Arrays.stream(cosines).average().orElseThrow(),
                        Arrays.stream(cosines).min().orElseThrow());
            }
            status.close();
            out().println(size(written) + "; " + measured + (requantize ? "; rounded once more: the earlier loss remains" : ""));
        }
    }

    private static double cosine(float[] one, float[] other) {
        double product = 0;
        double first = 0;
        double second = 0;
        for (int i = 0; i < one.length; i++) {
            product += (double) one[i] * other[i];
            first += (double) one[i] * one[i];
            second += (double) other[i] * other[i];
        }
        return product / Math.sqrt(first * second);
    }

    private Precision precision() {
        try {
            return Precision.of(to);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--to: " + e.getMessage());
        }
    }

    private void requireOut(Precision precision) {
        boolean gguf = out.toString().toLowerCase(Locale.ROOT).endsWith(".gguf");
        if (precision.isDirectory() == gguf) {
            throw wrongUsage(gguf ? precision + " is written as a directory, as no GGUF type can say it: name a directory with --out, or use q4_k_m or q4_0"
                    : precision + " is written as a GGUF file: name one with --out, such as " + out + ".gguf");
        }
        if (Files.exists(out) && !force) {
            throw new IllegalArgumentException(out + " exists already; choose another --out, or replace it with --force");
        }
        if (!precision.isDirectory() && Files.isDirectory(out)) {
            throw new IllegalArgumentException(out + " is a directory; name a file with --out");
        }
        if (!precision.isDirectory()) {
            Outputs.requireRegular(out, "--out");
        }
        if (out.toAbsolutePath().normalize().equals(model.toAbsolutePath().normalize())) {
            throw new IllegalArgumentException("--out is the model itself, which is read during quantization: choose another --out");
        }
    }

    /** Without one there is no text. */
    private boolean hasTokenizer(EngineChoice choice) {
        try (ModelFiles files = ModelFiles.open(model, choice)) {
            return files.hasTokenizer();
        }
    }

    private static LoadedModel load(ModelFiles files) {
        long needed = files.memory().total(MeasuredModel.TOKENS);
        long available = Machine.availableMemory();
        if (needed > available) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "measuring %s needs %s of memory and %s are available: quantize it with --no-measure,"
                    + " which needs little", files.path(), Sizes.memory(needed), Sizes.memory(available)));
        }
        return files.load(MeasuredModel.TOKENS);
    }

    private String size(Quantization.Written written) {
        double share = 100.0 * written.bytesAfter() / written.bytesBefore() - 100;
        return String.format(Locale.ROOT, "%s: %s -> %s (%.0f%% %s)", out, Sizes.of(written.bytesBefore()),
                Sizes.of(written.bytesAfter()), Math.abs(share), share > 0 ? "larger" : "smaller");
    }

    private String line(Quantization.Written written, Measurement before, Measurement after) {
        String measured = after == null ? "perplexity not measured" + (noMeasure ? "" : OpenEncoderDecoder.isEncoderDecoder(model) ? ": the model writes of a source" : ": the model has no tokenizer, or produces no text without a prompt")
                : String.format(Locale.ROOT, "perplexity %.4f -> %.4f over %,d tokens %s; %.1f -> %.1f tokens/s", before.perplexity(), after.perplexity(),
                        after.tokens(), text == null ? "the model wrote itself"
                                : "of " + text.stream().map(Path::toString).collect(Collectors.joining(" ")),
                        before.tokensPerSecond(), after.tokensPerSecond());
        return size(written) + "; " + measured + (requantize ? "; rounded once more: the earlier loss remains" : "");
    }
}
