package dev.zhulong.cli;

import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.Layout;
import dev.zhulong.data.tune.Mixture;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.train.log.ProgressLine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Fine-tuning on examples. */
@Command(
        name = "finetune",
        description = {
            "Fine-tune a model on your own examples: instructions, conversations, prompts with completions, preference pairs, plain text.",
            "Methods: full (all weights), lora (a small adapter beside the model), qlora (an adapter on a base in 4 or 8 bits), dpo (an adapter"
                    + " from pairs of a better and a worse answer).",
            "Only the assistant's tokens are learnt. What is held out is scored before and after. 'zhulong data inspect' shows the data as the"
                    + " model will see them."
        },
        footer = {
            "", "Examples:",
            "  zhulong finetune --model MODEL --data train.jsonl --out ADAPTER",
            "  zhulong finetune --model MODEL --data faq.csv --map prompt=question completion=reply \\",
            "      --as-chat --epochs 5 --out ADAPTER",
            "  zhulong finetune --model MODEL --data pairs.jsonl --method dpo --out ADAPTER",
            "  zhulong finetune --model MODEL --mixture tasks.yaml --method qlora --out ADAPTER",
            "  zhulong chat --model MODEL --adapter ADAPTER        talk to it",
            "  zhulong merge --model MODEL --adapter ADAPTER --out NEW   one model of both",
            "  zhulong finetune --fields           every field of a recipe, its default and meaning",
            "  zhulong resume ADAPTER              go on after an interruption"
        })
final class FinetuneVerb extends Verb {
    @Option(names = "--model", paramLabel = "DIR", description = "Model to fine-tune, in the Hugging Face layout.")
    Path model;

    @Option(names = "--data", paramLabel = "FILE", arity = "1..*", description = "Rows: jsonl, json, csv, tsv, parquet, txt. Several files are"
            + " several tasks, each with a score of its own.")
    List<Path> data = List.of();

    @Option(names = "--mixture", paramLabel = "FILE", description = "Instead of --data: a YAML file of sources, with weights, names and mappings.")
    Path mixture;

    @Option(names = "--held-out", paramLabel = "FILE", description = "Rows to score on; without it a share of the data is kept back.")
    Path heldOut;

    @Option(names = "--layout", paramLabel = "NAME", description = "alpaca, sharegpt, messages, completion, preference or text (default: told by"
            + " the first rows).")
    Layout layout;

    @Option(names = "--map", arity = "1..*", paramLabel = "FIELD=COLUMN", description = "Fields that lie in columns of other names, e.g."
            + " prompt=question.")
    Map<String, String> mapping = Map.of();

    @Option(names = "--as-chat", description = "Put plain prompts and completions through the chat template.")
    boolean asChat;

    @Option(names = "--separator", paramLabel = "TEXT", description = "Between a plain prompt and its completion.")
    String separator;

    @Option(names = "--method", paramLabel = "METHOD", description = "full, lora (default), qlora or dpo.")
    FinetuneRecipe.Method method;

    @Option(names = "--epochs", paramLabel = "N", description = "Passes over the data (default 3).")
    Double epochs;

    @Option(names = "--steps", paramLabel = "N", description = "Optimizer steps, instead of epochs.")
    Long steps;

    @Option(names = "--batch", paramLabel = "N", description = "Rows a batch; with dpo, pairs (default 8).")
    Integer batch;

    @Option(names = "--seq", paramLabel = "N", description = "Tokens a row (default: the model's context, at most 512).")
    Integer seq;

    @Option(names = "--lr", paramLabel = "RATE", description = "Highest learning rate (default: full 1e-4, lora and qlora 5e-4, dpo 5e-5).")
    Double lr;

    @Option(names = "--rank", paramLabel = "N", description = "Rank of the adapter (default 8); its alpha is twice that.")
    Integer rank;

    @Option(names = "--recipe", paramLabel = "FILE", description = "A recipe in YAML for everything else.")
    Path recipe;

    @Option(names = "--set", paramLabel = "FIELD=VALUE", description = "Override a field of the recipe, such as adapter.dropout=0.05; repeatable.")
    List<String> set = List.of();

    @Option(names = "--out", paramLabel = "RUN", description = "Run directory, new or of the same recipe.")
    Path out;

    @Option(names = "--fields", description = "Show every field of a recipe and end.")
    boolean fields;

    @Override
    protected void run() {
        if (fields) {
            out().print(RecipeReader.describe(FinetuneRecipe.class));
            return;
        }
        if (out == null) {
            throw wrongUsage("--out RUN is missing: where the run is to live");
        }
        if (model == null && recipe == null) {
            throw wrongUsage("--model DIR is missing: which model is to be fine-tuned?");
        }
        if (data.isEmpty() && mixture == null && recipe == null) {
            throw wrongUsage("nothing to train on: give --data FILE or --mixture FILE");
        }
        if (!data.isEmpty() && mixture != null) {
            throw wrongUsage("--data and --mixture do not go together: name the files in the mixture");
        }
        if (heldOut != null && data.size() != 1) {
            throw wrongUsage("--held-out goes with one --data file; in a mixture each source may name its own (held_out)");
        }
        boolean described = layout != null || asChat || separator != null || !mapping.isEmpty();
        if (described && data.isEmpty()) {
            throw wrongUsage("--layout, --map, --as-chat and --separator describe --data; in a mixture each source has its own");
        }
        FinetuneRecipe read = recipe == null ? RecipeReader.defaults(FinetuneRecipe.class, overrides())
                : RecipeReader.read(recipe, FinetuneRecipe.class, overrides());
        if (!data.isEmpty() || mixture != null) {
            read = new FinetuneRecipe(read.seed(), read.method(), read.model(), new FinetuneRecipe.Data(sources(), read.data().heldOutFraction(),
                    read.data().heldOutRows(), read.data().alone()), read.adapter(), read.dpo(), read.train());
        }
        try (var line = ProgressLine.on(System.out)) {
            FinetuneJob.run(read, out, line, Machine.availableMemory());
        }
    }

    private List<String> overrides() {
        List<String> overrides = new ArrayList<>();
        add(overrides, "model.from", model);
        add(overrides, "method", method == null ? null : method.name().toLowerCase(Locale.ROOT));
        add(overrides, "train.epochs", epochs);
        add(overrides, "train.steps", steps);
        add(overrides, "train.batch", batch);
        add(overrides, "train.seq", seq);
        add(overrides, "train.lr", lr);
        if (rank != null) {
            add(overrides, "adapter.rank", rank);
            add(overrides, "adapter.alpha", 2 * rank);
        }
        overrides.addAll(set);
        return overrides;
    }

    private static void add(List<String> overrides, String field, Object value) {
        if (value != null) {
            overrides.add(field + "=" + value);
        }
    }

    private List<DataSource> sources() {
        if (mixture != null) {
            Path directory = mixture.toAbsolutePath().getParent();
            return RecipeReader.read(mixture, Mixture.class, List.of()).in(directory).sources();
        }
        List<DataSource> sources = new ArrayList<>();
        for (Path file : data) {
            DataSource source = DataSource.of(file).withMapping(mapping).withAsChat(asChat);
            source = layout == null ? source : source.withLayout(layout);
            source = separator == null ? source : source.withSeparator(separator);
            sources.add(heldOut == null ? source : source.withHeldOut(heldOut));
        }
        return sources;
    }
}
