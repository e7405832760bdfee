package dev.zhulong.recipe;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;

/** Texts from a generator, and pretraining small enough for a test. */
public final class TinyRun {
    private static final String[] BETWEEN = {"the", "of", "and", "to", "a", "in", "that", "with", "from", "for", "this", "have"};
    private static final String[] BEGIN = {"lam", "bo", "har", "cap", "ro", "mil", "ta", "win", "gar", "pe", "sto", "fi", "bri", "clo", "su"};
    private static final String[] END = {"per", "ver", "ment", "ling", "den", "ter", "mer", "sel", "pin", "dow", "ner", "ket", "low", "bour"};

    private TinyRun() {}

    public static Path texts(Path directory, int count, long seed) throws IOException {
        Files.createDirectories(directory);
        var random = new SplittableRandom(seed);
        for (int i = 0; i < count; i++) {
            var text = new StringBuilder();
            for (int line = 0; line < 25; line++) {
                text.append("The");
                for (int word = random.nextInt(5, 12); word > 0; word--) {
                    text.append(' ').append(any(BEGIN, random)).append(any(END, random)).append(' ').append(any(BETWEEN, random));
                }
                text.append(' ').append(random.nextInt(1000)).append(' ').append(any(BEGIN, random)).append(any(END, random)).append("s.\n");
            }
            Files.writeString(directory.resolve(String.format(Locale.ROOT, "text-%04d.txt", i)), text);
        }
        return directory;
    }

    private static String any(String[] words, SplittableRandom random) {
        return words[random.nextInt(words.length)];
    }

    /** A tiny recipe; {@code overrides} as on the command line. */
    public static PretrainRecipe recipe(Path texts, String... overrides) {
        var all = new ArrayList<>(List.of("data.inputs=[\"" + texts + "\"]", "data.tokenizer.vocab_size=300", "data.validation_fraction=0.2",
                "model.hidden_size=16", "model.layers=2", "model.heads=2", "model.context_length=32", "train.steps=12", "train.batch=2",
                "train.seq=32", "train.lr=5e-3", "train.warmup=2", "train.evaluate_every=5", "train.evaluate_rows=4", "train.sample_every=6",
                "train.checkpoint_every=4", "train.sample_tokens=8"));
        all.addAll(List.of(overrides));
        return RecipeReader.defaults(PretrainRecipe.class, all);
    }

    /** What came of a run. */
    record Result(Optional<FinalEvaluation> evaluation, String printed) {}

    static Result run(PretrainRecipe recipe, Path directory) {
        var printed = new ByteArrayOutputStream();
        try (var line = ProgressLine.on(new PrintStream(printed, true, StandardCharsets.UTF_8))) {
            PretrainJob.Result result = new PretrainJob(recipe).run(directory, line);
            line.message(result.next());
            return new Result(result.evaluation(), printed.toString(StandardCharsets.UTF_8));
        }
    }

    static PreparedData data(PretrainRecipe recipe, Path directory) {
        try (var line = ProgressLine.on(new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8))) {
            return PreparedData.of(recipe.absolute(), directory, line);
        }
    }
}
