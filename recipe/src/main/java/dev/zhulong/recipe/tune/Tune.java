package dev.zhulong.recipe.tune;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeException;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.Outcome;
import dev.zhulong.recipe.RunDirectory;
import dev.zhulong.recipe.Searchable;
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
 * Searches for the values of a recipe's fields that do best on what is held out: bits a byte of a pretraining's text, nats a learnt token of a
 * fine-tuning's answers.
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

    private final Searchable base;
    private final Space space;
    private final Budget budget;
    private final Path directory;
    private final Progress line;
    private final long available;
    private final List<List<String>> candidates = new ArrayList<>();
    private final List<Trial> trials = new ArrayList<>();
    private Searchable prepared;
    private boolean stopped;

    private Tune(Searchable base, Space space, Budget budget, Path directory, Progress line, long available) {
        this.base = base;
        this.space = space;
        this.budget = budget;
        this.directory = directory;
        this.line = line;
        this.available = available;
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
    public static List<String> run(Searchable base, Space space, Budget budget, Path directory, Progress line, long available) {
        space.requireFields();
        var search = new Tune(base, space, budget, directory, line, available);
        search.draw();
        try (var held = RunDirectory.hold(directory, SPACE)) {
            search.claim(BASE, RecipeReader.toYaml(base.recipe()), "recipe");
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
                job(base, overrides, space.length() - 1);
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
        prepared = base.shared(space.fields().keySet(), directory.resolve("data"), line, available);
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
            done.sort(Comparator.comparingDouble(Trial::score).thenComparingInt(Trial::candidate));
            going = done.stream().limit(space.passing(going.size())).map(Trial::candidate).toList();
        }
        return finish();
    }

    private Optional<Trial> trial(int candidate, int round, int of) {
        Path place = directory.resolve("trials").resolve(String.format(Locale.ROOT, "%03d-%d", candidate, round));
        Optional<Trial> before = Trial.read(place);
        if (before.isPresent()) {
            trials.add(before.get());
            return before;
        }
        Searchable job = job(prepared, candidates.get(candidate), round);
        Searchable.Length length = job.length();
        long tokens = length.tokens();
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
        var trial = train(job, new Trial(candidate, round, candidates.get(candidate), length.steps(), tokens, 0, 0, "", ""), place, of);
        trial.write(place);
        trials.add(trial);
        Report.write(directory.resolve(REPORT), trials);
        return Optional.of(trial);
    }

    private Trial train(Searchable job, Trial trial, Path place, int of) {
        line.message(String.format(Locale.ROOT, "round %d of %d, %d candidates, number %d: %s; %,d steps", trial.round() + 1, space.length(),
                of, trial.candidate(), trial.values(), trial.steps()));
        long start = System.nanoTime();
        String failure = "";
        String measure = "";
        double score = Double.POSITIVE_INFINITY;
        try {
            Outcome outcome = job.run(place.resolve("run"), line, available);
            score = outcome.score().orElseThrow(() -> new IllegalArgumentException(
                    "nothing is held out, so candidates can't be compared: give more text, or hold back a larger share of it"));
            measure = outcome.measure();
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
                (System.nanoTime() - start) / 1e9, score, measure, failure);
    }

    /** A candidate in a round: shorter rounds have shorter warm-ups too. */
    private Searchable job(Searchable from, List<String> overrides, int round) {
        Searchable whole = from.with(overrides);
        List<String> shorter = whole.train().shortened(space.share(round), space.steps(round, whole.train().steps()));
        return shorter.isEmpty() ? whole : whole.with(shorter);
    }

    private List<String> finish() {
        Trial best = Report.ranked(trials).stream().findFirst().filter(t -> !t.failed()).orElseThrow(() -> new IllegalArgumentException(
                trials.isEmpty() ? "the budget is too small for a single trial: the first reads " + job(prepared, List.of(), 0).length().tokens()
                        + " tokens" : "no candidate could be trained: " + trials.getFirst().failure()));
        AtomicFile.writeString(directory.resolve(BEST),
                RecipeReader.toYaml(base.with(best.overrides()).recipe()));
        Report.write(directory.resolve(REPORT), trials);
        line.message(String.format(Locale.ROOT, "best: %s; %.4f %s after %,d steps (%d trials, %.1f minutes of training)",
                best.values(), best.score(), best.measure(), best.steps(), trials.size(), trials.stream().mapToDouble(Trial::seconds).sum() / 60));
        line.message("chart and table: " + directory.resolve(REPORT) + "; train it: zhulong " + base.kind() + " --recipe " + directory.resolve(BEST)
                + " --out RUN");
        return best.overrides();
    }
}
