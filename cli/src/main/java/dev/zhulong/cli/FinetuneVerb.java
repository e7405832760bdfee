package dev.zhulong.cli;

import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.Layout;
import dev.zhulong.data.tune.Mixture;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.EmbedJob;
import dev.zhulong.recipe.EmbedRecipe;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.LabelJob;
import dev.zhulong.recipe.LabelRecipe;
import dev.zhulong.recipe.RewriteJob;
import dev.zhulong.recipe.RewriteRecipe;
import dev.zhulong.recipe.jobs.Jobs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Fine-tuning on examples. */
@Command(
        name = "finetune",
        description = {
            "Fine-tune a model on your own examples: instructions, conversations, prompts with completions, preference pairs, or plain "
                    + "text.",
            "Methods: full (all weights), lora (a small adapter beside the model), qlora (an adapter on a base model in 4 or 8 bits), dpo "
                    + "(an adapter learnt from pairs of a better and a worse answer).",
            "With --task, an encoder such as BERT is fine-tuned on labelled rows instead: classify (a class for each text or pair of texts), "
                    + "tags (a tag for each word) or qa (where in a context an answer lies); embed brings vectors of texts that belong together near each other. With --task translate or summarize, an encoder-decoder "
                    + "such as T5 is trained on pairs of texts, from --model or, with --set model.family=marian, from nothing. All weights are trained; with --method lora or qlora, or a --rank, an "
                    + "adapter is, and with it the encoder's head.",
            "Only the assistant's tokens are learnt. Held-out examples are scored before and after. 'zhulong data inspect' shows the data "
                    + "as the model will see it.",
        },
        footer = {
            "", "Examples:",
            "  zhulong finetune --model MODEL --data train.jsonl --out ADAPTER",
            "  zhulong finetune --model MODEL --data faq.csv --map prompt=question completion=reply \\",
            "      --as-chat --epochs 5 --out ADAPTER",
            "  zhulong finetune --model MODEL --data pairs.jsonl --method dpo --out ADAPTER",
            "  zhulong finetune --model MODEL --mixture tasks.yaml --method qlora --out ADAPTER",
            "  zhulong finetune --model MODEL --mixture tasks.yaml --alone --out ADAPTER   one adapter for all, and one for each",
            "  zhulong finetune --task classify --model BERT --data reviews.csv --map text=review label=stars --out RUN",
            "  zhulong finetune --task classify --model VIT --data photos/ --out RUN       a directory for each label; then: zhulong classify --model RUN --data new/",
            "  zhulong finetune --task embed --model MiniLM --data pairs.csv --out RUN           columns anchor, positive, perhaps negative; then: zhulong embed --model RUN",
            "  zhulong finetune --task translate --model T5 --data pairs.tsv --out RUN        then: zhulong translate --model RUN",
            "  zhulong finetune --task translate --model T5 --data pairs.tsv --method lora --rank 16 --out ADAPTER",
            "  zhulong finetune --task translate --data pairs.csv --map source=en target=zh --set model.family=marian --out RUN",
            "  zhulong chat --model MODEL --adapter ADAPTER        talk to it",
            "  zhulong merge --model MODEL --adapter ADAPTER --out NEW   one model of both",
            "  zhulong finetune --fields           every field of a recipe, its default and meaning; with --task, of that one's",
            "  zhulong resume ADAPTER              go on after an interruption"
        })
final class FinetuneVerb extends JobVerb {
    @Option(names = "--model", paramLabel = "DIR", description = "Model directory to fine-tune, in the Hugging Face layout.")
    Path model;

    /** What is taught but a decoder. */
    enum Task {
        CLASSIFY, TAGS, QA, TRANSLATE, SUMMARIZE, EMBED;

        String kind() {
            return switch (this) {
                case CLASSIFY, TAGS, QA -> LabelRecipe.KIND;
                case TRANSLATE, SUMMARIZE -> RewriteRecipe.KIND;
                case EMBED -> EmbedRecipe.KIND;
            };
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Option(names = "--task", paramLabel = "TASK", description = "Task of an encoder's head: classify, tags or qa; all weights of the encoder, or an adapter "
            + "(--method lora), are trained along with the head. embed: vectors of an encoder, learnt from texts that belong together. Or of an encoder-decoder: translate or summarize, learnt from pairs "
            + "of texts.")
    Task task;

    @Option(names = "--teacher", paramLabel = "DIR|FILE", description = "Larger encoder with the same tokenizer, a directory or a GGUF file, whose vectors the model learns, in place of what belongs together "
            + "(with --task embed); make the model from it with zhulong prune --layers.")
    Path teacher;

    @Option(names = "--multi", description = "Let a text have any number of classes, as a list (with --task classify).")
    boolean multi;

    @Option(names = "--data", paramLabel = "FILE", arity = "1..*", description = "Files of examples: jsonl, json, csv, tsv, parquet, "
            + "txt. Each file is a task with a score of its own. With --task, files of labelled rows or pairs of texts: csv, tsv, jsonl, json, parquet; CoNLL for tags. With --task classify and a vit or a dinov2, "
            + "directories of pictures: a directory for each label, with its pictures.")
    List<Path> data = List.of();

    @Option(names = "--mixture", paramLabel = "FILE", description = "YAML file of several sources with weights, names and mappings, "
            + "instead of --data.")
    Path mixture;

    @Option(names = "--alone", description = "Also train an adapter on each source alone, and show its scores beside those of the common one.")
    boolean alone;

    @Option(names = "--held-out", paramLabel = "FILE", description = "File of examples to score on (default: a share of the data is "
            + "held back).")
    Path heldOut;

    @Option(names = "--layout", paramLabel = "NAME", description = "Layout of the rows: alpaca, sharegpt, messages, completion, gap, "
            + "preference or text (default: recognized from the first rows).")
    Layout layout;

    @Option(names = "--map", arity = "1..*", paramLabel = "FIELD=COLUMN", description = "Column that holds a field under another name, "
            + "e.g. prompt=question. With --task: text, text_pair, label (classify), tokens, tags (tags), source, target (translate, summarize), anchor, positive, "
            + "negative (embed).")
    Map<String, String> mapping = Map.of();

    @Option(names = "--as-chat", description = "Put plain prompts and completions through the chat template.")
    boolean asChat;

    @Option(names = "--separator", paramLabel = "TEXT", description = "Text between a plain prompt and its completion.")
    String separator;

    @Option(names = "--method", paramLabel = "METHOD", description = "Training method: full, lora (default), qlora or dpo; with --task full (default), lora or qlora.")
    FinetuneRecipe.Method method;

    @Option(names = "--epochs", paramLabel = "N", description = "Number of passes over the data (default 3).")
    Double epochs;

    @Option(names = "--steps", paramLabel = "N", description = "Number of optimizer steps, instead of --epochs.")
    Long steps;

    @Option(names = "--batch", paramLabel = "N", description = "Examples in a batch; with dpo, pairs (default 8; with --task 16).")
    Integer batch;

    @Option(names = "--seq", paramLabel = "N", description = "Maximum number of tokens in an example (default: the model's context, at "
            + "most 512; with --task qa 384).")
    Integer seq;

    @Option(names = "--lr", paramLabel = "RATE", description = "Peak learning rate (default: full 1e-4, lora and qlora 5e-4, dpo 5e-5; with --task "
            + "full 5e-5, lora and qlora 5e-4).")
    Double lr;

    @Option(names = "--rank", paramLabel = "N", description = "Rank of the adapter (default 8); its alpha is twice the rank.")
    Integer rank;

    @Option(names = "--fields", description = "List every field of a recipe and exit.")
    boolean fields;

    @Override
    protected void run() {
        String kind = task == null ? Jobs.kindOf(Optional.ofNullable(recipe), set) : task.kind();
        boolean head = kind.equals(LabelRecipe.KIND);
        boolean writes = kind.equals(RewriteRecipe.KIND);
        boolean vectors = kind.equals(EmbedRecipe.KIND);
        if (fields) {
            out().print(vectors ? RecipeReader.describe(EmbedRecipe.class) : writes ? RecipeReader.describe(RewriteRecipe.class) : head ? RecipeReader.describe(LabelRecipe.class) : RecipeReader.describe(FinetuneRecipe.class));
            return;
        }
        if (teacher != null && !vectors) {
            throw wrongUsage("--teacher needs --task embed; a decoder learns from another with zhulong distil");
        }
        requireOut();
        if (head) {
            run(new LabelJob(labels()), out);
            return;
        }
        if (writes) {
            run(new RewriteJob(pairs()), out);
            return;
        }
        if (vectors) {
            run(new EmbedJob(groups()), out);
            return;
        }
        if (multi) {
            throw wrongUsage("--multi needs --task classify");
        }
        if (model == null && recipe == null) {
            throw wrongUsage("missing --model DIR: the model to fine-tune");
        }
        if (data.isEmpty() && mixture == null && recipe == null) {
            throw wrongUsage("nothing to train on: give --data FILE or --mixture FILE");
        }
        if (!data.isEmpty() && mixture != null) {
            throw wrongUsage("--data and --mixture cannot be combined: name the files in the mixture");
        }
        if (heldOut != null && data.size() != 1) {
            throw wrongUsage("--held-out needs exactly one --data file; in a mixture each source may name its own (held_out)");
        }
        boolean described = layout != null || asChat || separator != null || !mapping.isEmpty();
        if (described && data.isEmpty()) {
            throw wrongUsage("--layout, --map, --as-chat and --separator describe --data; in a mixture each source has its own");
        }
        FinetuneRecipe read = read(FinetuneRecipe.KIND, FinetuneRecipe.class, overrides());
        if (!data.isEmpty() || mixture != null) {
            read = new FinetuneRecipe(read.kind(), read.seed(), read.device(), read.method(), read.model(), new FinetuneRecipe.Data(sources(), read.data().heldOutFraction(),
                    read.data().heldOutRows(), read.data().alone(), read.data().temperature()), read.adapter(), read.dpo(), read.train());
        }
        run(new FinetuneJob(read), out);
    }

    /** What an encoder's head is taught. */
    private LabelRecipe labels() {
        requireNoDecoders();
        if (recipe == null && (model == null || data.isEmpty())) {
            throw wrongUsage(model == null ? "missing --model DIR: the encoder to fine-tune" : "nothing to train on: give --data FILE");
        }
        List<String> overrides = new ArrayList<>();
        add(overrides, "task", task);
        train(overrides);
        LabelRecipe read = read(LabelRecipe.KIND, LabelRecipe.class, overrides);
        LabelRecipe.Data d = read.data();
        return read.withData(new LabelRecipe.Data(data.isEmpty() ? d.files() : data,
                heldOut == null ? d.heldOut() : Optional.of(heldOut), d.heldOutFraction(), mapping.isEmpty() ? d.columns() : mapping, d.labels(), multi || d.multi(), d.match(),
                d.overlap()));
    }

    private void requireNoDecoders() {
        if (method == FinetuneRecipe.Method.DPO) {
            throw wrongUsage("--method dpo learns from pairs of answers, which a decoder writes: with --task the method is full, lora or qlora");
        }
        if (alone || mixture != null || layout != null || asChat || separator != null) {
            throw wrongUsage("--mixture, --alone, --layout, --as-chat and --separator describe examples for a decoder, and --task is for an encoder: use one or the other");
        }
    }

    /** What vectors are taught by. */
    private EmbedRecipe groups() {
        requireNoDecoders();
        if (multi) {
            throw wrongUsage("--multi needs --task classify");
        }
        if (recipe == null && (model == null || data.isEmpty())) {
            throw wrongUsage(model == null ? "missing --model DIR: the encoder to fine-tune" : "nothing to train on: give --data FILE");
        }
        List<String> overrides = new ArrayList<>();
        if (teacher != null) {
            overrides.add("model.teacher=" + teacher);
        }
        train(overrides);
        EmbedRecipe read = read(EmbedRecipe.KIND, EmbedRecipe.class, overrides);
        EmbedRecipe.Data d = read.data();
        return read.withData(data.isEmpty() ? d.files() : data, heldOut == null ? d.heldOut() : Optional.of(heldOut), mapping.isEmpty() ? d.columns() : mapping);
    }

    /** What an encoder–decoder is taught. */
    private RewriteRecipe pairs() {
        requireNoDecoders();
        if (multi) {
            throw wrongUsage("--multi needs --task classify");
        }
        if (recipe == null && data.isEmpty()) {
            throw wrongUsage("nothing to train on: give --data FILE");
        }
        List<String> overrides = new ArrayList<>();
        add(overrides, "task", task);
        for (Map.Entry<String, String> column : mapping.entrySet()) {
            if (!column.getKey().equals("source") && !column.getKey().equals("target")) {
                throw wrongUsage("--map: pairs of texts have the fields source and target, found '" + column.getKey() + "'");
            }
            overrides.add("data." + column.getKey() + "=" + column.getValue());
        }
        train(overrides);
        RewriteRecipe read = read(RewriteRecipe.KIND, RewriteRecipe.class, overrides);
        return read.withData(data.isEmpty() ? read.data().files() : data, heldOut == null ? read.data().heldOut() : Optional.of(heldOut));
    }

    private List<String> overrides() {
        List<String> overrides = new ArrayList<>();
        if (alone) {
            add(overrides, "data.alone", true);
        }
        train(overrides);
        return overrides;
    }

    private void train(List<String> overrides) {
        // an adapter's rank says that there is to be one
        FinetuneRecipe.Method how = method == null && rank != null && task != null ? FinetuneRecipe.Method.LORA : method;
        add(overrides, "method", how == null ? null : how.name().toLowerCase(Locale.ROOT));
        if (rank != null) {
            add(overrides, "adapter.rank", rank);
            add(overrides, "adapter.alpha", 2L * rank);
        }
        add(overrides, "model.from", model);
        add(overrides, "train.epochs", epochs);
        add(overrides, "train.steps", steps);
        add(overrides, "train.batch", batch);
        add(overrides, "train.seq", seq);
        add(overrides, "train.lr", lr);
        overrides.addAll(set);
    }

    private static void add(List<String> overrides, String field, Object value) {
        if (value != null) {
            overrides.add(field + "=" + value);
        }
    }

    /** Files of examples as an override of a recipe. */
    static String text(List<Path> files) {
        return files.stream().map(file -> "{path: " + PretrainVerb.quoted(file) + "}").collect(Collectors.joining(", ", "data.sources=[", "]"));
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
