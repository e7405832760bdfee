package dev.zhulong.cli;

import dev.zhulong.formats.HfConfig;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.PretrainRecipe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Continued pretraining: an existing model learns a domain. */
@Command(
        name = "continue",
        description = {
            "Train an existing model further on your own text (domain-adaptive pretraining).",
            "--model is a Hugging Face directory of a known family, such as one that Zhulong made; the model keeps its tokenizer.",
            "--replay mixes general text back in, so that the model does not forget what it knew.",
        },
        footer = {
            "", "Examples:",
            "  zhulong continue --model RUN --data my-documents --out ADAPTED",
            "  zhulong continue --model MODEL --data manuals --replay general-text \\",
            "      --replay-share 0.3 --steps 500 --lr 5e-5 --out ADAPTED",
            "  zhulong continue --model MODEL --data manuals --lora 8 --out ADAPTER",
            "  zhulong merge --model MODEL --adapter ADAPTER --out ADAPTED",
            "  zhulong resume ADAPTED              after an interruption",
            "  zhulong generate --model ADAPTED    let it write",
            "  zhulong pretrain --fields           what --set and a recipe can change"
        })
final class ContinueVerb extends JobVerb {
    @Option(names = "--model", paramLabel = "DIR", required = true, description = "Model directory to start from.")
    Path model;

    @Option(names = "--data", paramLabel = "PATH", arity = "1..*", description = "Files, directories or archives of your domain, or a "
            + "cleaned corpus.")
    List<Path> data = List.of();

    @Option(names = "--replay", paramLabel = "PATH", arity = "1..*", description = "General text to mix in: files, directories, "
            + "archives, or a cleaned corpus such as RUN/corpus of a quickstart.")
    List<Path> replay = List.of();

    @Option(names = "--replay-share", paramLabel = "SHARE", description = "Share of the training rows that is general text (default "
            + "0.25).")
    Double replayShare;

    @Option(names = "--steps", paramLabel = "N", description = "Number of optimizer steps (default 300).")
    Long steps;

    @Option(names = "--lr", paramLabel = "RATE", description = "Peak learning rate (default 1e-4).")
    Double lr;

    @Option(names = "--lora", paramLabel = "RANK", description = "Train a LoRA adapter of this rank instead of the weights: a small "
            + "file beside the model, with a fraction of the optimizer's memory. It tolerates a higher rate, such as --lr 1e-3.")
    Integer lora;

    @Override
    protected void run() {
        requireOut();
        if (data.isEmpty() && recipe == null && set.isEmpty()) {
            throw wrongUsage("nothing to train on: give --data PATH");
        }
        if (steps != null && steps < 1) {
            throw wrongUsage("--steps must be at least 1, found " + steps);
        }
        if (lr != null && !(lr > 0)) {
            throw wrongUsage("--lr must be above 0, found " + lr);
        }
        if (replayShare != null && !(replayShare > 0 && replayShare < 1)) {
            throw wrongUsage("--replay-share must lie between 0 and 1, found " + replayShare);
        }
        if (replayShare != null && replay.isEmpty() && recipe == null && set.isEmpty()) {
            throw wrongUsage("--replay-share needs --replay PATH");
        }
        if (lora != null && lora < 1) {
            throw wrongUsage("--lora must be a rank of at least 1, found " + lora);
        }
        List<String> overrides = new ArrayList<>();
        overrides.add("model.from=" + model);
        if (!data.isEmpty()) {
            overrides.add(PretrainVerb.text("data", data));
        }
        if (!replay.isEmpty()) {
            overrides.add(PretrainVerb.text("replay", replay));
        }
        if (replayShare != null) {
            overrides.add("replay.share=" + replayShare);
        }
        if (recipe == null) {
            int context = HfConfig.read(model.resolve("config.json")).contextLength();
            overrides.add("train.steps=300");
            overrides.add("train.lr=1e-4");
            overrides.add("train.warmup=20");
            overrides.add("train.seq=" + Math.min(context, 256));
        }
        if (steps != null) {
            overrides.add("train.steps=" + steps);
            if (recipe == null) {
                overrides.add("train.warmup=" + Math.min(20, steps / 10));
            }
        }
        if (lr != null) {
            overrides.add("train.lr=" + lr);
        }
        if (lora != null) {
            overrides.add("adapter.rank=" + lora);
            overrides.add("adapter.alpha=" + 2L * lora);
        }
        overrides.addAll(set);
        run(new PretrainJob(read(PretrainRecipe.KIND, PretrainRecipe.class, overrides)), out);
    }
}
