package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.jobs.Jobs;
import dev.zhulong.recipe.scale.Means;
import dev.zhulong.recipe.scale.Report;
import dev.zhulong.recipe.scale.Rung;
import dev.zhulong.recipe.scale.Scale;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Laws of scale from a ladder of small models. */
@Command(
        name = "scale",
        description = {
            "Train a ladder of small models on one text, and predict from their losses what larger models would reach.",
            "The law is loss = E + A/N^alpha + B/D^beta over weights N and tokens D (Hoffmann et al. 2022), with intervals from resampled ladders. The most "
                    + "costly model is held out of the fit, and what the law says of it is compared with what it came to.",
            "With a limit of hours, money or energy, it shows which model, trained on how many tokens, the limit should buy on this machine.",
            "The result is DIR/report.html. An interrupted ladder continues when the same command is given again, and may be given more models.",
        },
        footer = {
            "", "Examples:",
            "  zhulong scale --data my-texts --out LADDER",
            "  zhulong scale --data my-texts --sizes 64x2,128x4,256x6 --tokens 500k,1M,4M \\",
            "      --hours 12 --price 0.40 --watts 90 --out LADDER"
        })
final class ScaleVerb extends Verb {
    private static final String REPORT = "report.html";
    private static final String SMALL_BATCH = "train.batch=4";

    @Option(names = "--recipe", paramLabel = "FILE", description = "Recipe of a pretraining to start from; sizes, steps and learning rates are the ladder's "
            + "(default: the default value of every field, and batches of 4 rows).")
    Path recipe;

    @Option(names = "--data", paramLabel = "PATH", arity = "1..*", description = "Files, directories or archives to train on, or a corpus made by zhulong clean.")
    List<Path> data = List.of();

    @Option(names = "--set", paramLabel = "FIELD=VALUE", description = "Field of the recipe to override; may be repeated.")
    List<String> set = List.of();

    @Option(names = "--sizes", paramLabel = "WIDTHxLAYERS", split = ",", description = "Models of the ladder, separated by commas; widths are multiples of 32 "
            + "(default: ${DEFAULT-VALUE}).")
    List<String> sizes = List.of("64x2", "96x3", "128x4");

    @Option(names = "--tokens", paramLabel = "N", split = ",", description = "Numbers of tokens to train each of them on, such as 500k or 2M, separated by commas "
            + "(default: ${DEFAULT-VALUE}).")
    List<String> tokens = List.of("250k", "500k", "1M");

    @Option(names = "--predict", paramLabel = "WIDTHxLAYERS@N", description = "A larger model to train as well, which the law is to predict, such as 192x5@2M "
            + "(default: the most costly of the ladder).")
    String predict;

    @Option(names = "--hours", paramLabel = "N", description = "Limit of hours to plan for (default: no limit).")
    double hours;

    @Option(names = "--money", paramLabel = "N", description = "Limit of money to plan for; needs --price (default: no limit).")
    double money;

    @Option(names = "--kwh", paramLabel = "N", description = "Limit of energy to plan for, in kilowatt-hours; needs --watts (default: no limit).")
    double energy;

    @Option(names = "--price", paramLabel = "N", description = "Price of an hour of this machine, in any currency.")
    double price;

    @Option(names = "--watts", paramLabel = "N", description = "Power that this machine draws while it trains.")
    double watts;

    @Option(names = "--out", paramLabel = "DIR", description = "Directory to create for the ladder, or the directory of an earlier ladder with the same recipe, which then "
            + "continues.")
    Path out;

    @Override
    protected void run() {
        if (out == null) {
            throw wrongUsage("missing --out DIR: the directory to create for the ladder");
        }
        var means = new Means(hours, money, energy, price, watts);
        List<Rung> rungs = new ArrayList<>(Rung.ladder(sizes, tokens));
        if (predict != null) {
            rungs.add(Rung.parse(predict));
        }
        List<String> overrides = new ArrayList<>(set);
        if (recipe == null) {
            // small models take many small steps rather than a few large ones
            overrides.addFirst(SMALL_BATCH);
        }
        if (!data.isEmpty()) {
            overrides.addFirst(PretrainVerb.text("data", data));
        }
        Optional<Path> from = Optional.ofNullable(recipe);
        if (!(Jobs.read(from, overrides) instanceof PretrainJob job)) {
            throw new IllegalArgumentException("a ladder is of models that are pretrained, and the recipe is of kind '" + Jobs.kindOf(from, overrides)
                    + "': give a recipe of kind pretrain");
        }
        Scale.Result result;
        try (var line = ProgressLine.on(err())) {
            result = Scale.run(job, rungs, out, line, Machine.availableMemory());
        }
        Report.lines(result, means).forEach(out()::println);
        Report.write(out.resolve(REPORT), result, means);
        out().println(out.resolve(REPORT));
    }
}
