package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.Searchable;
import dev.zhulong.recipe.jobs.Jobs;
import dev.zhulong.recipe.tune.Budget;
import dev.zhulong.recipe.tune.Space;
import dev.zhulong.recipe.tune.Tune;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Search over a recipe's fields. */
@Command(
        name = "tune",
        description = {
            "Search for the settings of a recipe, for pretraining or for fine-tuning, that do best on what is held out.",
            "Random search trains every candidate in full; successive halving trains all of them briefly and continues the best third in "
                    + "a round three times as long. The first candidate is the recipe as it is.",
            "The result is DIR/best.yaml, a recipe for 'zhulong pretrain' or 'zhulong finetune', and DIR/report.html with a chart and a "
                    + "table. An interrupted search continues when the same command is given again.",
        },
        footer = {
            "", "A space is a YAML file:",
            "  method: halving",
            "  trials: 9",
            "  fields:",
            "    train.lr: {from: 3e-4, to: 1e-2, log: true}",
            "    train.batch: {of: [8, 16, 32]}",
            "    train.warmup: {from: 0, to: 100, whole: true}",
            "", "Examples:",
            "  zhulong tune --data my-texts --space space.yaml --minutes 30 --out SEARCH",
            "  zhulong tune --recipe recipes/small-llama.yaml --data my-texts \\",
            "      --space space.yaml --tokens 20000000 --out SEARCH",
            "  zhulong tune --set kind=finetune --set model.from=MODEL --data train.jsonl \\",
            "      --space space.yaml --out SEARCH",
            "  zhulong tune --fields                    every field of a space",
            "  zhulong pretrain --recipe SEARCH/best.yaml --out RUN"
        })
final class TuneVerb extends Verb {
    @Option(names = "--recipe", paramLabel = "FILE", description = "Recipe to start from, of kind pretrain or finetune (default: the default "
            + "value of every field of a pretraining).")
    Path recipe;

    @Option(names = "--data", paramLabel = "PATH", arity = "1..*", description = "Files, directories or archives to train on, or a "
            + "corpus made by zhulong clean; files of examples for a fine-tuning.")
    List<Path> data = List.of();

    @Option(names = "--set", paramLabel = "FIELD=VALUE", description = "Field of the recipe to override; may be repeated.")
    List<String> set = List.of();

    @Option(names = "--space", paramLabel = "FILE", description = "YAML file with the fields to vary and their ranges.")
    Path space;

    @Option(names = "--minutes", paramLabel = "N", description = "Maximum minutes of training for the whole search (default: no limit).")
    double minutes;

    @Option(names = "--tokens", paramLabel = "N", description = "Maximum number of tokens to train on in the whole search (default: no "
            + "limit).")
    long tokens;

    @Option(names = "--out", paramLabel = "DIR", description = "Directory to create for the search, or the directory of an earlier "
            + "search with the same recipe and space, which then continues.")
    Path out;

    @Option(names = "--fields", description = "List every field of a search space and exit.")
    boolean fields;

    @Override
    protected void run() {
        if (fields) {
            out().print(RecipeReader.describe(Space.class));
            return;
        }
        if (space == null) {
            throw wrongUsage("missing --space FILE: the settings to search over (--fields lists them)");
        }
        if (out == null) {
            throw wrongUsage("missing --out DIR: the directory to create for the search");
        }
        if (minutes < 0 || tokens < 0) {
            throw wrongUsage("--minutes and --tokens must not be negative");
        }
        List<String> overrides = new ArrayList<>(set);
        Optional<Path> from = Optional.ofNullable(recipe);
        if (!data.isEmpty()) {
            overrides.addFirst(Jobs.kindOf(from, set).equals(FinetuneRecipe.KIND) ? FinetuneVerb.text(data) : PretrainVerb.text("data", data));
        }
        if (!(Jobs.read(from, overrides) instanceof Searchable job)) {
            throw new IllegalArgumentException("a job of kind '" + Jobs.kindOf(from, overrides)
                    + "' cannot be searched: give a recipe of kind pretrain or finetune");
        }
        try (var line = ProgressLine.on(err())) {
            Tune.run(job, RecipeReader.read(space, Space.class, List.of()), new Budget(minutes, tokens), out, line, Machine.availableMemory());
        }
        out().println(out.resolve(Tune.BEST));
    }
}
