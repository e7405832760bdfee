package dev.zhulong.cli;

import dev.zhulong.compress.CalibrationTokens;
import dev.zhulong.compress.Importance;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.tensor.Libtorch;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Which columns of a model's matrices matter. */
@Command(
        name = "imatrix",
        description = {
            "Find out which weights of a model matter, so that quantize loses less where it counts.",
            "The model reads a text, and the squares of what each of its matrices is multiplied with are averaged: the importance matrix of llama.cpp. "
                    + "The file is llama.cpp's as well: llama-quantize reads it, and zhulong quantize reads those of llama-imatrix.",
            "Take text like that which the model will read: the same languages, the same kind. Importance learned from English costs a model its Chinese. "
                    + "Never take the text that you will measure the result on.",
            "The model's layers are in memory one at a time, so the model may be larger than memory.",
        },
        footer = {
            "", "Examples:",
            "  zhulong imatrix --model my-model --text notes.txt letters.txt --out my-model.imatrix.gguf",
            "  zhulong quantize --model my-model --to q4_k_m --imatrix my-model.imatrix.gguf --out my-model.Q4_K_M.gguf",
        })
final class ImatrixVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face layout, or GGUF file; a decoder.")
    Path model;

    @Option(names = "--text", required = true, arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files to read.")
    List<Path> text;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "Importance matrix to write, such as my-model.imatrix.gguf.")
    Path out;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "" + CalibrationTokens.USUAL, description = "Most tokens to read, taken from all over the texts in chunks of "
            + CalibrationTokens.CHUNK + " (default: ${DEFAULT-VALUE}).")
    int tokens;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    @Option(names = "--force", description = "Replace the file if it exists.")
    boolean force;

    @Override
    protected void run() {
        Threads.check(spec.commandLine(), threads);
        if (tokens < 1) {
            throw wrongUsage("--tokens must be at least 1, found " + tokens);
        }
        Outputs.file(out, force);
        try (var status = ProgressLine.on(err())) {
            CalibrationTokens read = calibration(model, text, tokens);
            if (threads != null) {
                Libtorch.threads(threads);
            }
            Importance importance = Importance.collect(model, read, status);
            importance.write(out);
            status.close();
            int partial = importance.partial().size();
            out().printf(Locale.ROOT, "%s: importance of %,d tensors from %,d tokens%s%n", out, importance.file().entries().size(), read.count(),
                    partial == 0 ? "" : "; " + partial + " of them have experts that no token was sent to (" + importance.partial().getFirst() + "): a longer text reaches more");
        }
    }

    /** Text for a model's own tokenizer. */
    static CalibrationTokens calibration(Path model, List<Path> text, int tokens) {
        try (ModelFiles files = ModelFiles.open(model, EngineChoice.DEFAULT.withEngine(Engine.CPU))) {
            if (!files.hasTokenizer()) {
                throw new IllegalArgumentException(model + " has no tokenizer, so it cannot read text");
            }
            return CalibrationTokens.read(text, files.tokenizer(), files.spec().contextLength(), tokens);
        }
    }
}
