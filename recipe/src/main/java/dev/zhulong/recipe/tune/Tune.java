package dev.zhulong.recipe.tune;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeException;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.FinalEvaluation;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.PretrainRecipe;
import dev.zhulong.recipe.RunDirectory;
import dev.zhulong.train.TrainingStopped;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Searches for the values of a recipe's fields that predict held-out text best, in bits a byte.
 *
 * <p>A search lives in a directory: {@code base.yaml}, {@code space.yaml}, {@code data/} (prepared once, unless the search changes how),
 * {@code trials/}, and in the end {@code best.yaml} and {@code report.html}. Started again it goes on where it was stopped; a larger
 * budget lets a search that is over go on.
 */
public final class Tune {
    /** The winning recipe. */
    public static final String BEST = "best.yaml";
    /** All trials, for a browser. */
    public static final String REPORT = "report.html";
    private static final String BASE = "base.yaml";
    private static final String SPACE = "space.yaml";
    private static final int MOST_DRAWS = 200;

    private final PretrainRecipe base;
    private final Space space;
    private final Budget budget;
    private final Path directory;
    private final Progress line;
    private final long available;
    private final List<List<String>> candidates = new ArrayList<>();
    private final List<Trial> trials = new ArrayList<>();
    private PretrainRecipe prepared;
    private boolean stopped;

    private Tune(PretrainRecipe base, Space space, Budget budget, Path directory, Progress line, long available) {
        this.base = base;
        this.space = space;
        this.budget = budget;
        this.directory = directory;
        this.line = line;
        this.available = available;
    }

    /** {@link #run(PretrainRecipe, Space, Budget, Path, Progress, long)} where memory is known to suffice. */
    public static List<String> run(PretrainRecipe recipe, Space space, Budget budget, Path directory, Progress line) {
        return run(recipe, space, budget, directory, line, Long.MAX_VALUE);
    }

    /**
     * Runs the search to its end or to the end of its budget.
     *
     * <p>Round k of n may use (k + 1)/n of the budget, so that a search that is short of it still ends with a candidate trained in full. A
     * trial is not begun if it would pass its share, by the pace of those before; the first of all is begun in any case, except that
     * tokens are never passed.
     *
     * @param available bytes of memory a trial may take
     * @return overrides of the winner, which are those of the recipe in {@link #BEST}
     * @throws IllegalArgumentException if recipe, space, text and directory do not go together, or the memory does not suffice for the recipe as it is; says what to
     *     do
     */
    public static List<String> run(PretrainRecipe recipe, Space space, Budget budget, Path directory, Progress line, long available) {
        space.requireFields();
        PretrainRecipe base = recipe.absolute();
        var search = new Tune(base, space, budget, directory, line, available);
        search.draw();
        try (var held = RunDirectory.hold(directory, SPACE)) {
            search.claim(BASE, RecipeReader.toYaml(base), "recipe");
            search.claim(SPACE, RecipeReader.toYaml(space), "space");
            return search.run();
        }
    }

    /** A directory belongs to one recipe and one space. */
    private void claim(String name, String content, String what) {
        Path file = directory.resolve(name);
        try {
            if (!Files.exists(file)) {
                AtomicFile.writeString(file, content);
            } else if (!Files.readString(file).equals(content)) {
                throw new IllegalArgumentException(directory + " holds a search with another " + what + " (" + name
                        + "): continue that one, or choose another directory");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Candidates whose values no record refuses, the recipe itself first. */
    private void draw() {
        candidates.add(List.of());
        String refused = "";
        for (long draw = 1; candidates.size() < space.trials(); draw++) {
            List<String> overrides = space.draw(draw);
            try {
                recipe(base, overrides, space.length() - 1);
                if (!candidates.contains(overrides)) {
                    candidates.add(overrides);
                }
            } catch (RecipeException e) {
                if (e.getCause() == null) {
                    throw e; // no such field, or not its type: no other draw would do
                }
                refused = "; the last that was refused: " + e.getMessage();
            }
            if (draw > (long) MOST_DRAWS * space.trials()) {
                if (candidates.size() > 1) {
                    return; // a small space has fewer different candidates than were asked for
                }
                throw new IllegalArgumentException("no candidate of the search space makes a valid recipe" + refused);
            }
        }
    }

    private List<String> run() {
        prepared = shared() ? PretrainJob.prepare(base, directory.resolve("data"), line, available) : base;
        List<Integer> going = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            going.add(i);
        }
        for (int round = 0; round < space.length(); round++) {
            List<Trial> done = new ArrayList<>();
            for (int candidate : going) {
                trial(candidate, round, going.size()).ifPresent(done::add);
            }
            done.removeIf(Trial::failed);
            if (done.isEmpty()) {
                break;
            }
            done.sort(Comparator.comparingDouble(Trial::bitsPerByte).thenComparingInt(Trial::candidate));
            going = done.stream().limit(space.passing(going.size())).map(Trial::candidate).toList();
        }
        return finish();
    }

    /** Whether all candidates train on the same tokens. */
    private boolean shared() {
        return space.fields().keySet().stream().noneMatch(f -> f.startsWith("data") || f.startsWith("replay") || f.equals("seed")
                || f.equals("model.from") || f.equals("model.context_length"));
    }

    private Optional<Trial> trial(int candidate, int round, int of) {
        Path place = directory.resolve("trials").resolve(String.format(Locale.ROOT, "%03d-%d", candidate, round));
        Optional<Trial> before = Trial.read(place);
        if (before.isPresent()) {
            trials.add(before.get());
            return before;
        }
        PretrainRecipe recipe = recipe(prepared, candidates.get(candidate), round);
        long tokens = tokens(recipe);
        double used = trials.stream().mapToDouble(Trial::seconds).sum();
        long usedTokens = trials.stream().mapToLong(Trial::tokens).sum();
        double pace = usedTokens == 0 ? 0 : used / usedTokens;
        if (!budget.allows(used, usedTokens, pace * tokens, tokens, (round + 1.0) / space.length())) {
            if (!stopped) {
                line.message("the budget leaves no room for more trials in round " + (round + 1));
            }
            stopped = true;
            return Optional.empty();
        }
        var trial = train(recipe, new Trial(candidate, round, candidates.get(candidate), recipe.train().steps(), tokens, 0, 0, ""), place,
                of);
        trial.write(place);
        trials.add(trial);
        Report.write(directory.resolve(REPORT), trials);
        return Optional.of(trial);
    }

    private Trial train(PretrainRecipe recipe, Trial trial, Path place, int of) {
        line.message(String.format(Locale.ROOT, "round %d of %d, %d candidates, number %d: %s; %,d steps", trial.round() + 1, space.length(),
                of, trial.candidate(), trial.values(), trial.steps()));
        long start = System.nanoTime();
        String failure = "";
        double score = Double.POSITIVE_INFINITY;
        try {
            FinalEvaluation result = PretrainJob.train(recipe, place.resolve("run"), line, available).orElseThrow(() -> new IllegalArgumentException(
                    "nothing is held out, so candidates can't be compared: give more text, or a larger data.validation_fraction"));
            score = result.bitsPerByte();
        } catch (TrainingStopped e) {
            failure = e.getMessage();
        } catch (IllegalArgumentException e) {
            if (trial.candidate() == 0) {
                throw e; // the recipe itself does not work: nothing to search around
            }
            failure = e.getMessage();
        }
        if (failure.isEmpty() && !Double.isFinite(score)) {
            failure = "the held-out loss is not a number";
        }
        // models of trials are not kept: the winner is trained anew from its recipe, to the same bits
        FileTree.delete(place.resolve("run"));
        if (!failure.isEmpty()) {
            line.message("failed: " + failure);
        }
        return new Trial(trial.candidate(), trial.round(), trial.overrides(), trial.steps(), trial.tokens(),
                (System.nanoTime() - start) / 1e9, score, failure);
    }

    /** A candidate's recipe in a round: shorter rounds have shorter warm-ups too. */
    private PretrainRecipe recipe(PretrainRecipe from, List<String> overrides, int round) {
        PretrainRecipe whole = RecipeReader.read(RecipeReader.toYaml(from), BASE, PretrainRecipe.class, overrides);
        PretrainRecipe.Train t = whole.train();
        long steps = space.steps(round, t.steps());
        if (steps == t.steps()) {
            return whole;
        }
        double part = (double) steps / t.steps();
        List<String> shorter = new ArrayList<>(overrides);
        shorter.add("train.steps=" + steps);
        shorter.add("train.warmup=" + (long) (t.warmup() * part));
        shorter.add("train.decay=" + (long) (t.decay() * part));
        return RecipeReader.read(RecipeReader.toYaml(from), BASE, PretrainRecipe.class, shorter);
    }

    private static long tokens(PretrainRecipe recipe) {
        PretrainRecipe.Train t = recipe.train();
        int seq = t.seq() == 0 ? recipe.model().contextLength() : t.seq();
        return (long) ((double) t.steps() * t.accumulation() * t.batch() * seq);
    }

    private List<String> finish() {
        Trial best = Report.ranked(trials).stream().findFirst().filter(t -> !t.failed()).orElseThrow(() -> new IllegalArgumentException(
                trials.isEmpty() ? "the budget is too small for a single trial: the first reads " + tokens(recipe(prepared, List.of(), 0))
                        + " tokens" : "no candidate could be trained: " + trials.getFirst().failure()));
        AtomicFile.writeString(directory.resolve(BEST),
                RecipeReader.toYaml(RecipeReader.read(RecipeReader.toYaml(base), BASE, PretrainRecipe.class, best.overrides())));
        Report.write(directory.resolve(REPORT), trials);
        line.message(String.format(Locale.ROOT, "best: %s; %.4f bits a byte after %,d steps (%d trials, %.1f minutes of training)",
                best.values(), best.bitsPerByte(), best.steps(), trials.size(), trials.stream().mapToDouble(Trial::seconds).sum() / 60));
        line.message("chart and table: " + directory.resolve(REPORT) + "; train it: zhulong pretrain --recipe " + directory.resolve(BEST)
                + " --out RUN");
        return best.overrides();
    }
}
