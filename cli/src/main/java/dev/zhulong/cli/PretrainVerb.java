package dev.zhulong.cli;

import dev.zhulong.data.Corpus;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.PretrainRecipe;
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
            "Train a model from text: clean the text, train a tokenizer, train the model, and evaluate it on held-out text.",
            "The result is a directory in the Hugging Face layout: config.json, model.safetensors, tokenizer.json and the rest.",
            "An interrupted run continues when the same command is given again, or with 'zhulong resume RUN', and ends with the same bits "
                    + "as a run that was never stopped.",
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
final class PretrainVerb extends JobVerb {
    @Option(names = "--data", paramLabel = "PATH", arity = "1..*", description = "Files, directories or archives to train on, or a "
            + "corpus made by zhulong clean.")
    List<Path> data = List.of();

    @Option(names = "--fields", description = "List every field of a recipe and exit.")
    boolean fields;

    @Override
    protected void run() {
        if (fields) {
            out().print(RecipeReader.describe(PretrainRecipe.class));
            return;
        }
        requireOut();
        if (recipe == null && data.isEmpty() && set.isEmpty()) {
            throw wrongUsage("nothing to train on: give --data PATH or --recipe FILE");
        }
        List<String> overrides = new ArrayList<>();
        if (!data.isEmpty()) {
            overrides.add(text("data", data));
        }
        overrides.addAll(set);
        run(new PretrainJob(read(PretrainRecipe.KIND, PretrainRecipe.class, overrides)), out);
    }

    /** What {@code --data} and {@code --replay} say, as an override of a recipe's section: a cleaned corpus, or texts to be cleaned. */
    static String text(String section, List<Path> paths) {
        return paths.size() == 1 && Corpus.isIn(paths.getFirst()) ? section + ".corpus=" + paths.getFirst() : section + ".inputs=" + yaml(paths);
    }

    /** Paths as a YAML list in flow style. */
    private static String yaml(List<Path> paths) {
        return paths.stream().map(PretrainVerb::quoted).collect(Collectors.joining(", ", "[", "]"));
    }

    /** A path as a YAML text. */
    static String quoted(Path path) {
        return '"' + path.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
