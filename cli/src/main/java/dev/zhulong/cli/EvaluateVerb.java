package dev.zhulong.cli;

import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.PerplexityResult;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.formats.AtomicFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Perplexity and bits per byte. */
@Command(
        name = "evaluate",
        description = {
            "Measure how well a model predicts a text: perplexity a token and bits per byte.",
            "A file is one document, tokenised once as it is; every token is scored exactly once. Perplexity compares models that share a"
                    + " tokenizer, bits per byte compares any.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong evaluate --model my-model --text held-out.txt",
            "  zhulong evaluate --model my-model --text a.txt b.txt --window 256 --stride 128 --json",
            "  zhulong evaluate --model my-model --data corpus                    the corpus's validation side",
        })
final class EvaluateVerb extends Verb {
    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory in the Hugging Face layout.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to put on the model, in PEFT's files.")
    Path adapter;

    @Option(names = "--text", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files, each a document.")
    List<Path> text;

    @Option(names = "--data", paramLabel = "DIR",
            description = "Instead of --text: a cleaned corpus or token shards (their validation"
            + " side), one side of them, or a directory of texts. In shards the end of a document is a token to predict too.")
    Path data;

    @Option(names = "--window", paramLabel = "N", description = "Most tokens read at once, BOS included (default: the model's context).")
    Integer window;

    @Option(names = "--stride", paramLabel = "N",
            description = "Tokens from one window's start to the next (default: the window, so that they"
            + " do not overlap).")
    Integer stride;

    @Option(names = "--bos", arity = "1", paramLabel = "true|false", description = "Whether every window begins with BOS (default: as"
            + " tokenizer_config.json says).")
    Boolean bos;

    @Option(names = "--json",
            description = "Print one JSON object: mean_nll (nats a token), tokens, perplexity, bits_per_byte, window, stride,"
            + " bos, bytes, protocol.")
    boolean json;

    @Option(names = "--out", paramLabel = "FILE", description = "Write the JSON object to this file too.")
    Path out;

    @Option(names = "--force", description = "Replace the file of --out if it exists.")
    boolean force;

    @Override
    protected void run() {
        if ((text == null) == (data == null)) {
            throw wrongUsage(text == null ? "what is to be evaluated on? Give --text FILE or --data DIR" : "--text and --data do"
                    + " not go together");
        }
        if (window != null && window < 1) {
            throw wrongUsage("--window must be at least 1 token, found " + window);
        }
        if (stride != null && (stride < 1 || window != null && stride > window)) {
            throw wrongUsage("--stride must lie between 1 and the window, found " + stride + ": a larger one would leave tokens unscored");
        }
        if (out != null) {
            Outputs.file(out, force);
        }
        try (LoadedModel loaded = LoadedModel.open(model, adapter);
                Stream<TokenDocument> documents = documents(loaded);
                var status = new StatusLine(err())) {
            PerplexityOptions options = options(loaded);
            Iterable<TokenDocument> once = documents::iterator;
            PerplexityResult result = Perplexity.evaluate(loaded.model(), loaded.tokenizer(), once, options,
                    tokens -> status.update("evaluate", tokens, 0, "tokens"));
            status.close();
            report(result);
        }
    }

    private PerplexityOptions options(LoadedModel loaded) {
        var options = PerplexityOptions.of(loaded.model().spec(), loaded.tokenizer());
        options = window == null ? options : options.withWindow(window);
        options = stride == null ? options : options.withStride(stride);
        return bos == null ? options : options.withBos(bos);
    }

    private Stream<TokenDocument> documents(LoadedModel loaded) {
        return text != null ? EvaluationText.files(text, loaded.tokenizer())
                : EvaluationText.directory(data, model, loaded.tokenizer(), err());
    }

    private void report(PerplexityResult result) {
        String what = data != null ? data.toString()
                : text.stream().map(Path::toString).collect(Collectors.joining(" "));
        String object = result.json(model.toString(), what);
        if (out != null) {
            AtomicFile.writeString(out, object + "\n");
        }
        if (json) {
            out().println(object);
            return;
        }
        var loss = result.loss();
        out().println(String.format(Locale.ROOT, "perplexity %.4f a token, %.4f bits per byte, mean loss %.5f nats a token",
                loss.perplexity(), loss.bitsPerByte(), loss.meanNll()));
        out().println(String.format(Locale.ROOT, "over %,d tokens, %,d bytes; window %d, stride %d, %s", loss.tokens(), loss.bytes(),
                result.options().window(), result.options().stride(), result.options().bos() ? "BOS first in each window" : "no BOS"));
    }
}
