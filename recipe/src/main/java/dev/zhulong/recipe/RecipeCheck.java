package dev.zhulong.recipe;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What can be known to be wrong with a recipe before any work, and before the run's directory is made. */
final class RecipeCheck {
    /** Tokens of a byte-level vocabulary at least. */
    static final int BYTES = 256;

    private RecipeCheck() {}

    /** Throws what is wrong; paths of the recipe are absolute. */
    static void of(PretrainRecipe recipe, Path run) {
        PretrainRecipe.Data data = recipe.data();
        int given = (data.inputs().isEmpty() ? 0 : 1) + (data.corpus().isPresent() ? 1 : 0) + (data.shards().isPresent() ? 1 : 0);
        if (given != 1) {
            throw new IllegalArgumentException("the recipe needs text: give one of data.inputs, data.corpus and data.shards, found " + given);
        }
        // what was cleaned already is no longer read
        if (!Files.exists(run.resolve(RunDirectory.DATA).resolve("corpus"))) {
            inputs("data.inputs", data.inputs(), run);
        }
        exists("data.corpus", data.corpus());
        exists("data.shards", data.shards());
        tokenizer(recipe);
        recipe.replay().ifPresent(replay -> replay(replay, run));
        recipe.model().from().ifPresent(RecipeCheck::model);
        int context = recipe.model().from().map(from -> HfConfig.read(from.resolve("config.json")).contextLength())
                .orElse(recipe.model().contextLength());
        if (recipe.train().seq() > context) {
            throw new IllegalArgumentException("train.seq " + recipe.train().seq() + " is longer than the model's context of " + context
                    + "; give at most " + context);
        }
    }

    /** @throws IllegalArgumentException where something is asked of experts that the model does not have */
    static void experts(PretrainRecipe.Model model, DecoderSpec spec) {
        if (spec.stack().experts().isEmpty() && (model.routerZLoss() > 0 || model.correctionRate() > 0 || model.capacity() > 0)) {
            throw new IllegalArgumentException("model.router_zloss, model.correction_rate and model.capacity are of mixtures of experts, and this model is none: leave them"
                    + " out, or give model.experts and a family that has experts, such as mixtral");
        }
        if (model.correctionRate() > 0 && Parameters.of(spec).all().stream().noneMatch(p -> p.role() == Role.CORRECTION)) {
            throw new IllegalArgumentException("model.correction_rate moves corrections of the experts' scores, and " + spec.family().modelType()
                    + " has none: take another family, such as deepseek_v3, or leave it out");
        }
    }

    private static void replay(PretrainRecipe.Replay replay, Path run) {
        int given = (replay.inputs().isEmpty() ? 0 : 1) + (replay.corpus().isPresent() ? 1 : 0) + (replay.shards().isPresent() ? 1 : 0);
        if (given != 1) {
            throw new IllegalArgumentException("replay needs text: give one of replay.inputs, replay.corpus and replay.shards, found " + given);
        }
        if (!Files.exists(run.resolve(RunDirectory.DATA).resolve("replay-corpus"))) {
            inputs("replay.inputs", replay.inputs(), run);
        }
        exists("replay.corpus", replay.corpus());
        exists("replay.shards", replay.shards());
    }

    private static void tokenizer(PretrainRecipe recipe) {
        PretrainRecipe.Tokens tokens = recipe.data().tokenizer();
        exists("data.tokenizer.path", tokens.path());
        boolean trained = tokens.path().isEmpty() && recipe.model().from().isEmpty();
        if (trained && recipe.data().shards().isPresent()) {
            throw new IllegalArgumentException("data.shards needs data.tokenizer.path: the tokenizer they were made with");
        }
        int least = BYTES + tokens.specials().size();
        if (trained && tokens.type() == PretrainRecipe.TokenizerType.BPE && tokens.vocabSize() < least) {
            throw new IllegalArgumentException("data.tokenizer.vocab_size must be at least " + least + ", for " + BYTES + " bytes and "
                    + tokens.specials().size() + " control tokens, found " + tokens.vocabSize());
        }
    }

    /** @throws IllegalArgumentException where {@code from} is no directory of a model with its tokenizer */
    static void base(Path from) {
        for (String name : List.of("config.json", "tokenizer.json")) {
            if (!Files.isRegularFile(from.resolve(name))) {
                throw new IllegalArgumentException(from + " is not a model to start from: it has no " + name + "; expected a directory in the Hugging Face layout");
            }
        }
    }

    /** @throws IllegalArgumentException where there are no files, or one of them is not there */
    static void files(List<Path> files, Optional<Path> heldOut) {
        if (files.isEmpty()) {
            throw new IllegalArgumentException("there is nothing to train on: give data.files");
        }
        Stream.concat(files.stream(), heldOut.stream()).filter(path -> !Files.isRegularFile(path)).findFirst().ifPresent(path -> {
            throw new IllegalArgumentException("no such file: " + path);
        });
    }

    private static void model(Path from) {
        for (String name : List.of("config.json", "tokenizer.json")) {
            if (!Files.isRegularFile(from.resolve(name))) {
                throw new IllegalArgumentException(from + " is not a model to continue from: it has no " + name
                        + "; model.from is a directory in the Hugging Face layout");
            }
        }
    }

    private static void inputs(String field, List<Path> paths, Path run) {
        Path inside = run.toAbsolutePath().normalize();
        for (Path path : paths) {
            exists(field, Optional.of(path));
            if (inside.startsWith(path)) {
                throw new IllegalArgumentException("the run directory " + run + " lies inside the text " + path
                        + ", which would read its own results: choose another --out");
            }
        }
    }

    private static void exists(String field, Optional<Path> path) {
        if (path.isPresent() && !Files.exists(path.get())) {
            throw new IllegalArgumentException(field + ": no such file or directory: " + path.get());
        }
    }
}
