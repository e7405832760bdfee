package dev.zhulong.cli;

import dev.zhulong.data.Corpus;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.PretrainRecipe;
import dev.zhulong.train.log.ProgressLine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Pretraining from a recipe. */
@Command(
        name = "pretrain",
        description = {
            "Train a model from text: clean it, train a tokenizer, train the model, evaluate it on held-out text.",
            "What comes out is a Hugging Face directory: config.json, model.safetensors, tokenizer.json and the rest.",
            "Started again with the same recipe, or by 'zhulong resume RUN', it goes on where it was stopped and ends in the same bits."
        },
        footer = {
            "", "Examples:",
            "  zhulong pretrain --data my-texts --out RUN",
            "  zhulong pretrain --recipe recipes/small-llama.yaml --data my-texts \\",
            "      --set train.steps=500 --out RUN",
            "  zhulong pretrain --recipe recipes/shakespeare-char.yaml \\",
            "      --data tinyshakespeare.txt --out RUN",
            "  zhulong pretrain --fields           every field, its default and meaning",
            "  zhulong resume RUN                  go on after an interruption",
            "  zhulong generate --model RUN        then let it write"
        })
final class PretrainVerb extends Verb {
    @Option(names = "--recipe", paramLabel = "FILE", description = "A recipe in YAML; without it, the defaults of all fields.")
    Path recipe;

    @Option(names = "--data", paramLabel = "PATH", arity = "1..*", description = "Files, directories or archives"
            + " to train on, or a corpus of zhulong clean.")
    List<Path> data = List.of();

    @Option(names = "--set", paramLabel = "FIELD=VALUE", description = "Override a field of the recipe, such as train.steps=100; repeatable.")
    List<String> set = List.of();

    @Option(names = "--out", paramLabel = "RUN", description = "Run directory, new or of the same recipe.")
    Path out;

    @Option(names = "--fields", description = "Show every field of a recipe and end.")
    boolean fields;

    @Override
    protected void run() {
        if (fields) {
            out().print(RecipeReader.describe(PretrainRecipe.class));
            return;
        }
        if (out == null) {
            throw wrongUsage("--out RUN is missing: where the run is to live");
        }
        if (recipe == null && data.isEmpty() && set.isEmpty()) {
            throw wrongUsage("nothing to train on: give --data PATH or --recipe FILE");
        }
        List<String> overrides = new ArrayList<>();
        if (!data.isEmpty()) {
            overrides.add(text("data", data));
        }
        overrides.addAll(set);
        PretrainRecipe read = recipe == null ? RecipeReader.defaults(PretrainRecipe.class, overrides)
                : RecipeReader.read(recipe, PretrainRecipe.class, overrides);
        try (var line = ProgressLine.on(System.out)) {
            PretrainJob.run(read, out, line);
        }
    }

    /** What {@code --data} and {@code --replay} say, as an override of a recipe's section: a cleaned corpus, or texts to be cleaned. */
    static String text(String section, List<Path> paths) {
        return paths.size() == 1 && Corpus.isIn(paths.getFirst()) ? section + ".corpus=" + paths.getFirst() : section + ".inputs=" + yaml(paths);
    }

    /** Paths as a YAML list in flow style. */
    private static String yaml(List<Path> paths) {
        return paths.stream().map(path -> '"' + path.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"')
                .collect(Collectors.joining(", ", "[", "]"));
    }
}
