package dev.zhulong.cli;

import dev.zhulong.evaluate.Perplexity;
import dev.zhulong.evaluate.PerplexityOptions;
import dev.zhulong.evaluate.PerplexityResult;
import dev.zhulong.evaluate.TokenDocument;
import dev.zhulong.evaluate.task.TaskSpec;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.LoadedModel;
import dev.zhulong.infer.open.ModelFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Perplexity and bits per byte. */
@Command(
        name = "evaluate",
        description = {
            "Measure a model on tasks (--suite), measure how well it predicts a text (--text, --data), measure an encoder's head on labelled rows (--task), or how well an encoder"
                    + " finds documents (--retrieval).",
            "Tasks are multiple choice and classification by log-likelihood, questions answered in writing (exact match, F1, BLEU, ROUGE, "
                    + "entities), Java that is compiled and run against tests, perplexity, or bias by pairs of sentences. A task is a small YAML file; docs/evaluation.md explains how to "
                    + "write one. Every number has its standard error.",
            "With --report, all models measured into one directory are shown side by side and compared row by row, and an interrupted "
                    + "evaluation continues where it stopped.",
            "A text file is one document and is tokenized as it is; every token is scored exactly once. Use perplexity to compare models "
                    + "that share a tokenizer, and bits per byte to compare any models.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong evaluate --model my-model --suite my-task.yaml --report report",
            "  zhulong evaluate --model my-model --adapter my-adapter --beside-base --suite gsm8k --task-data DIR --report report",
            "  zhulong evaluate --model a b --suite mmlu,crows-pairs --task-data DIR --limit 20 --json",
            "  zhulong evaluate --model my-coder --suite java                        twenty small problems in Java, run against their tests",
            "  zhulong evaluate --model my-model --text held-out.txt",
            "  zhulong evaluate --model model.Q4_0.gguf --text held-out.txt",
            "  zhulong evaluate --model model.Q4_0.gguf --against my-model --text held-out.txt      how much rounding has changed",
            "  zhulong evaluate --model my-model --text a.txt b.txt --window 256 --stride 128 --json",
            "  zhulong evaluate --model my-model --data corpus                    the corpus's validation side",
            "  zhulong evaluate --model my-classifier --task classify --data reviews.csv --map text=review label=stars",
            "  zhulong evaluate --model all-MiniLM-L6-v2 --retrieval scifact --reranker ms-marco-MiniLM-L6-v2",
        })
final class EvaluateVerb extends Verb {
    @Option(names = "--model", required = true, arity = "1..*", paramLabel = "DIR|FILE", description = "Model directory in the Hugging Face "
            + "layout, or a GGUF file; with --suite, several models are measured side by side.")
    List<Path> models;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to put on the model, in PEFT's files.")
    Path adapter;

    @Mixin
    EngineOptions engine;

    @Mixin
    SuiteOptions suite;

    @Mixin
    HeadOptions head;

    @Mixin
    RetrievalOptions retrieval;

    @Mixin
    AgainstOptions against;

    @Option(names = "--text", arity = "1..*", paramLabel = "FILE", description = "UTF-8 text files to predict, each as one document.")
    List<Path> text;

    @Option(names = "--data", paramLabel = "DIR|FILE",
            description = "Cleaned corpus or token shards whose validation part to predict, one of its parts, or a directory of texts; "
            + "instead of --text. In shards, the end of a document is a token to predict as well. With --task, a file of labelled rows.")
    Path data;

    @Option(names = "--window", paramLabel = "N", description = "Maximum number of tokens the model sees at once, BOS included "
            + "(default: the model's context).")
    Integer window;

    @Option(names = "--stride", paramLabel = "N",
            description = "Number of tokens from the start of one window to the start of the next (default: the window, so that windows "
            + "do not overlap).")
    Integer stride;

    @Option(names = "--bos", arity = "1", paramLabel = "true|false", description = "Begin every window with BOS (default: as "
            + "tokenizer_config.json says).")
    Boolean bos;

    @Option(names = "--json",
            description = "Print one JSON object: mean_nll (nats a token), tokens, perplexity, bits_per_byte, window, stride,"
            + " bos, bytes, engine, protocol.")
    boolean json;

    @Option(names = "--out", paramLabel = "FILE", description = "File to write the JSON object to as well.")
    Path out;

    @Option(names = "--force", description = "Replace the file of --out if it exists.")
    boolean force;

    @Override
    protected List<String> added() {
        return TaskSpec.Added.all().values().stream().map(scorer -> scorer.name() + ": " + scorer.provider().description()).toList();
    }

    @Override
    protected void run() {
        if (Stream.of(suite.tasks, text, data, retrieval.collection).filter(Objects::nonNull).count() != 1) {
            throw wrongUsage("nothing to evaluate on. Give one of --suite TASKS, --text FILE and --data DIR");
        }
        if (retrieval.collection == null && retrieval.anyGiven()) {
            throw wrongUsage("--split, --reranker, --depth and --at need --retrieval");
        }
        if (retrieval.collection != null && (models.size() > 1 || window != null || stride != null || bos != null || head.task != null)) {
            throw wrongUsage("--retrieval measures one encoder: give one --model, and no option of texts or heads");
        }
        if (head.task != null && (data == null || models.size() > 1 || window != null || stride != null || bos != null || suite.anyGiven())) {
            throw wrongUsage("--task measures one encoder on labelled rows: give one --model and --data FILE, and no option of texts or suites");
        }
        if (head.task == null && head.anyGiven()) {
            throw wrongUsage("--map, --labels, --multi, --match, --seq, --overlap, --batch and --predictions need --task");
        }
        if (suite.tasks != null && (window != null || stride != null || bos != null)) {
            throw wrongUsage("--window, --stride and --bos need --text or --data; a task sets its own");
        }
        if (suite.tasks == null && suite.anyGiven()) {
            throw wrongUsage("--task-data, --limit, --shots, --beside-base and --report need --suite");
        }
        if (models.size() > 1 && (suite.tasks == null || adapter != null)) {
            throw wrongUsage(adapter != null ? "an adapter belongs to one model: give one --model" : "several models are measured with --suite only");
        }
        if (against.reference != null && text == null && (data == null || head.task != null) || against.reference == null && against.written != null) {
            throw wrongUsage(against.reference == null ? "--written needs --against" : "--against compares two models on a text: give --text FILE or --data DIR");
        }
        if (against.written != null && against.written < 0) {
            throw wrongUsage("--written must be at least 0, found " + against.written);
        }
        if (window != null && window < 1) {
            throw wrongUsage("--window must be at least 1 token, found " + window);
        }
        if (stride != null && (stride < 1 || window != null && stride > window)) {
            throw wrongUsage("--stride must lie between 1 and the window, found " + stride + ": a larger one would leave tokens unscored");
        }
        engine.check(models, head.task != null || retrieval.collection != null ? null : adapter);
        if (out != null) {
            Outputs.file(out, force);
        }
        if (head.task != null) {
            String object = head.run(this, models.getFirst(), adapter, data, engine.device == null ? "cpu" : engine.device, json, force);
            if (out != null) {
                AtomicFile.writeString(out, object + "\n");
            }
            return;
        }
        if (retrieval.collection != null) {
            String object = retrieval.run(this, models.getFirst(), adapter, engine, json);
            if (out != null) {
                AtomicFile.writeString(out, object + "\n");
            }
            return;
        }
        if (suite.tasks != null) {
            String object = suite.run(this, models, adapter, engine, json);
            if (out != null) {
                AtomicFile.writeString(out, object + "\n");
            }
            return;
        }
        Path model = models.getFirst();
        try (ModelFiles files = engine.open(model, adapter, Engine.TORCH);
                LoadedModel loaded = window == null ? files.loadFitting(err()::println) : files.load(Math.min(window, files.context()));
                Stream<TokenDocument> documents = documents(loaded, model);
                var status = ProgressLine.on(err())) {
            if (against.reference != null) {
                status.close();
                against(files, loaded, documents);
                return;
            }
            PerplexityOptions options = options(loaded);
            Iterable<TokenDocument> once = documents::iterator;
            PerplexityResult result = Perplexity.evaluate(loaded.model(), loaded.tokenizer(), once, options, status);
            status.close();
            report(result, model, files.engine());
        }
    }

    /** The reference as it is stored, on the same engine. */
    private void against(ModelFiles files, LoadedModel loaded, Stream<TokenDocument> documents) {
        EngineChoice as = engine.choice(Engine.TORCH).asStored();
        String object = against.run(this, files, loaded, as, documents.toList(), of -> against.options(options(of), window != null), json).toString();
        if (out != null) {
            AtomicFile.writeString(out, object + "\n");
        }
        if (json) {
            out().println(object);
        }
    }

    private PerplexityOptions options(LoadedModel loaded) {
        var options = PerplexityOptions.of(loaded.model().spec(), loaded.tokenizer());
        options = window == null ? options : options.withWindow(window);
        options = stride == null ? options : options.withStride(stride);
        return bos == null ? options : options.withBos(bos);
    }

    private Stream<TokenDocument> documents(LoadedModel loaded, Path model) {
        return text != null ? EvaluationText.files(text, loaded.tokenizer())
                : EvaluationText.directory(data, model, loaded.tokenizer(), err());
    }

    private void report(PerplexityResult result, Path model, String engine) {
        String what = data != null ? data.toString()
                : text.stream().map(Path::toString).collect(Collectors.joining(" "));
        String object = result.json(model.toString(), engine, what);
        if (out != null) {
            AtomicFile.writeString(out, object + "\n");
        }
        if (json) {
            out().println(object);
            return;
        }
        var loss = result.loss();
        double error = result.meanNll().standardError();
        out().println(String.format(Locale.ROOT, "perplexity %.4f a token, %.4f bits per byte, mean loss %.5f nats a token%s",
                loss.perplexity(), loss.bitsPerByte(), loss.meanNll(), Double.isNaN(error) ? "" : String.format(Locale.ROOT,
                        " (standard errors %.4f, %.4f, %.5f)", result.perplexity().standardError(), result.bitsPerByte().standardError(), error)));
        out().println(String.format(Locale.ROOT, "over %,d tokens, %,d bytes; window %d, stride %d, %s; %s", loss.tokens(), loss.bytes(),
                result.options().window(), result.options().stride(), result.options().bos() ? "BOS first in each window" : "no BOS", engine));
    }
}
