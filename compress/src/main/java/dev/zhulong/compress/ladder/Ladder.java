package dev.zhulong.compress.ladder;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.compress.Precision;
import dev.zhulong.compress.ladder.Recipe.Base;
import dev.zhulong.compress.ladder.Recipe.Fit;
import dev.zhulong.compress.recover.Recovery;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.open.Machine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Makes a model small enough without letting it fall below the floor: recipes are tried from the cheapest on, each judged on text that none of them has seen, until one is all that was asked
 * for.
 *
 * <pre>{@code
 * Outcome outcome = new Ladder(Path.of("my-model"), texts, goal, Path.of("small.gguf"), false, 2, progress).run();
 * }</pre>
 *
 * <p>What was tried is kept in {@code OUT.compress/compress.json}; the same call goes on from there.
 */
public final class Ladder implements AutoCloseable {
    /** Beside the file that is made. */
    private static final String WORK = ".compress";

    /** Types to choose from, F32 and BF16 left out, as nobody is helped by them. */
    private static final List<Precision> PRECISIONS = List.of(Precision.F16, Precision.Q8_0, Precision.Q6_K, Precision.Q5_K_M, Precision.Q5_K_S, Precision.Q5_0, Precision.Q4_K_M,
            Precision.Q4_K_S, Precision.Q4_0, Precision.IQ4_NL, Precision.IQ4_XS, Precision.Q3_K_L, Precision.Q3_K_M, Precision.Q3_K_S, Precision.Q2_K,
            Precision.Q2_0);

    /** A vocabulary that is less of the model than this is not worth cutting. */
    private static final double WORTH_CUTTING = 0.15;

    /** Steps of training, the most that there is time for. */
    private static final List<Long> STEPS = List.of(256L, 128L, 64L, 32L);

    private final Path model;
    private final Goal goal;
    private final Path out;
    private final boolean bestEffort;
    private final int threads;
    private final Progress progress;
    private final Footprint before;
    private final SplitTexts texts;
    private final boolean ownTexts;
    private final Ledger ledger;
    private final Workshop workshop;
    private final long start = System.nanoTime();
    private final List<String> notes = new ArrayList<>();
    private Yardstick yardstick;
    private boolean trying;

    /**
     * Prepares it.
     *
     * @param model      a decoder's directory in Hugging Face's layout
     * @param documents  texts of the kind that it will be used for; empty for texts that it writes itself
     * @param out        GGUF file to write
     * @param bestEffort whether the best of what was tried is written where none is all that was asked for
     * @throws IllegalArgumentException where the model cannot be made smaller here, or the texts are too few; says what to do
     */
    public Ladder(Path model, List<String> documents, Goal goal, Path out, boolean bestEffort, int threads, Progress progress) {
        this.model = model;
        this.goal = goal;
        this.out = out;
        this.bestEffort = bestEffort;
        this.threads = threads;
        this.progress = progress;
        try (ModelDirectory source = ModelDirectory.open(model)) {
            source.spec();
            before = Footprint.of(source);
        }
        Path directory = directory(out);
        ownTexts = documents.isEmpty();
        texts = SplitTexts.of(ownTexts ? OwnTexts.of(model, List.of(), OwnTexts.count(before.weights()), threads, progress) : documents);
        ledger = new Ledger(directory.resolve(Ledger.FILE), about());
        workshop = new Workshop(model, texts.work(), directory, ledger.subject(), threads, progress);
    }

    /**
     * Takes over what was tried elsewhere on the same model and texts, so that the same file is made without trying the others again.
     *
     * @param record {@code compress.json} of that
     * @param out    file to write, of which nothing was tried yet
     * @throws IllegalArgumentException where the record cannot be read, or something was tried for {@code out} already
     */
    public static void repeat(Path record, Path out) {
        Path own = directory(out).resolve(Ledger.FILE);
        try {
            if (Files.exists(own)) {
                if (Files.mismatch(record, own) < 0) {
                    return;
                }
                throw new IllegalArgumentException(own + " holds what was tried for this file before: choose another --out, or leave out --repeat");
            }
            Files.createDirectories(directory(out));
            Files.copy(record, own);
        } catch (IOException e) {
            throw new IllegalArgumentException("cannot read " + record + ": name the compress.json that an earlier run left in its OUT.compress", e);
        }
    }

    /** Whether nothing of this model and these texts is known yet. */
    public boolean isNew() {
        return ledger.attempts().isEmpty();
    }

    /** Where what was tried for a file is kept. */
    public static Path directory(Path out) {
        return out.resolveSibling(out.getFileName() + WORK);
    }

    private ObjectNode about() {
        ObjectNode about = JsonNodeFactory.instance.objectNode();
        about.put(Ledger.MODEL, model.toString()).put("model_sha256", ContentHash.of(model).sha256()).put("texts_sha256", texts.digest().sha256()).put("texts_are_its_own", ownTexts)
                .put("work_texts", texts.work().size()).put("floor_texts", texts.floor().size()).put("weights", before.weights()).put("bytes_stored", before.bytes(Goal.Of.STORED));
        about.putObject(Ledger.GOAL).put("smaller", goal.smaller()).put("of", goal.of().name()).put("floor", goal.floor()).put("faster", goal.faster());
        return about;
    }

    /** Tries until the goal is reached, nothing is left to try, or the time is over. */
    public Outcome run() {
        trying = true;
        Outcome outcome = tryAll();
        trying = false;
        return outcome;
    }

    private Outcome tryAll() {
        long target = goal.bytes(before);
        for (Base base : bases()) {
            Optional<Attempt> found = climb(base, fitting(base, target)).or(() -> withinBudget(base, target));
            if (found.isPresent()) {
                return done(found.get(), true);
            }
        }
        Optional<Attempt> learned = trained(target).or(() -> student(target)).or(() -> trained(target));
        if (learned.isPresent()) {
            return done(learned.get(), true);
        }
        Optional<Attempt> best = best(target);
        if (bestEffort && best.isPresent()) {
            return done(best.get(), false);
        }
        findNearest(bases().getLast(), target);
        return new Outcome(Optional.empty(), false, ledger.attempts(), before, goal, seconds(), notes);
    }

    private Optional<Attempt> trained(long target) {
        return best(target).flatMap(this::train).filter(attempt -> goal.isReached(attempt, before));
    }

    /** With fewer layers, where bits alone make it neither small nor fast enough. They cost less than layers do, so that for the sake of quality none are taken. */
    private Optional<Attempt> student(long target) {
        List<Attempt> small = ledger.attempts().stream().filter(attempt -> attempt.bytes() <= target && !attempt.recipe().base().isStudent()).toList();
        if (isOver() || small.stream().anyMatch(goal::isFastEnough)) {
            return Optional.empty();
        }
        Base whole = bases().getLast();
        double vocabulary = workshop.size(whole).vocabularyShare();
        long smallest = PRECISIONS.stream().mapToLong(precision -> workshop.predicted(whole, precision)).min().orElseThrow();
        double fastest = small.stream().mapToDouble(attempt -> attempt.tokensPerSecond() / attempt.tokensPerSecondBefore()).max().orElse(goal.faster());
        Optional<Cut> cut = Cut.ALL.stream().filter(some -> smallest * some.left(vocabulary) <= target && fastest / some.left(vocabulary) >= goal.faster()).findFirst();
        if (cut.isEmpty()) {
            notes.add("fewer layers would not make it small and fast enough either");
            return Optional.empty();
        }
        int layers = workshop.layers();
        // it and its control learn
        long weights = Math.round(workshop.size(whole).weights() * (1 + cut.get().left(vocabulary)));
        return steps(weights, some -> isKnown(cut.get().of(whole, layers, some))).flatMap(steps -> student(cut.get().of(whole, layers, steps), target));
    }

    private boolean isKnown(Base student) {
        return workshop.isBegun(student) || !attempts(student).isEmpty();
    }

    private List<Attempt> attempts(Base base) {
        return ledger.attempts().stream().filter(attempt -> attempt.recipe().base().equals(base)).toList();
    }

    private Optional<Attempt> student(Base student, long target) {
        if (!workshop.isBegun(student) && !attempts(student).isEmpty()) {
            // by an earlier call, which has removed it: it would have to learn again
            return attempts(student).stream().filter(attempt -> goal.isReached(attempt, before)).findFirst();
        }
        try {
            workshop.size(student);
        } catch (IllegalArgumentException e) {
            notes.add("no layers were taken out: " + e.getMessage());
            return Optional.empty();
        }
        return climb(student, fitting(student, target)).or(() -> withinBudget(student, target));
    }

    private Optional<Attempt> best(long target) {
        return ledger.attempts().stream().filter(attempt -> attempt.bytes() <= target).min(Comparator.comparingDouble(attempt -> attempt.fidelity().quality()));
    }

    /** The last rung: what is best so far is trained in its bits, for as many steps as there is time for. */
    private Optional<Attempt> train(Attempt start) {
        if (start.recipe().steps() > 0) {
            // by an earlier call
            return Optional.of(start);
        }
        if (start.recipe().fit() == Fit.PLAIN || goal.floor() > start.fidelity().quality()) {
            return Optional.empty();
        }
        Optional<Attempt> earlier = ledger.attempts().stream().filter(attempt -> attempt.recipe().steps() > 0 && attempt.recipe().untrained().equals(start.recipe())).findFirst();
        if (earlier.isPresent()) {
            return earlier;
        }
        long weights = workshop.size(start.recipe().base()).weights();
        long needed = Recovery.memory(weights);
        if (needed > Machine.availableMemory()) {
            notes.add("training in few bits was left out: it needs " + Sizes.memory(needed) + " of memory");
            return Optional.empty();
        }
        return steps(weights, some -> workshop.isBegun(start.recipe().trained(some))).map(some -> attempt(start.recipe().trained(some)));
    }

    /** As many as there is time for; a training that was begun goes on, however fast the machine is now. */
    private Optional<Long> steps(long weights, Predicate<Long> begun) {
        double left = goal.limit().toSeconds() - seconds();
        double each = Recovery.seconds(weights);
        Optional<Long> steps = STEPS.stream().filter(begun).findFirst().or(() -> STEPS.stream().filter(some -> some * each < left).findFirst());
        if (steps.isEmpty()) {
            notes.add(String.format(Locale.ROOT, "training was left out: %d steps would take about %,.0f s, and %,.0f s are left", STEPS.getLast(), STEPS.getLast() * each, Math.max(0, left)));
        }
        return steps;
    }

    /** Looks for the fewest bits that keep the floor, so that the user learns what can be had; more bits are taken to be no worse. */
    private void findNearest(Base base, long target) {
        List<Precision> larger = new ArrayList<>(distinct(base));
        larger.removeAll(fitting(base, target));
        int good = 0;
        int bad = larger.size();
        while (good < bad && !isOver()) {
            int middle = (good + bad) / 2;
            Precision precision = larger.get(middle);
            if (attempt(new Recipe(base, Workshop.fits(precision).getLast(), precision)).fidelity().keeps(goal.floor())) {
                good = middle + 1;
            } else {
                bad = middle;
            }
        }
    }

    /** Types for each tensor, where the mixes have come to nothing. */
    private Optional<Attempt> withinBudget(Base base, long target) {
        if (isOver()) {
            return Optional.empty();
        }
        // types that an earlier call found need not be found again
        Optional<Attempt> earlier = attempts(base).stream().filter(a -> a.recipe().types().budget() == target && a.recipe().steps() == 0).findFirst();
        if (earlier.isEmpty()) {
            Recipe recipe;
            try {
                recipe = workshop.withinBudget(base, target);
            } catch (IllegalArgumentException e) {
                notes.add((!base.trimmed() ? "all of the model" : "with its vocabulary cut, it") + " would still take too much: " + e.getMessage());
                return Optional.empty();
            }
            earlier = Optional.of(attempt(recipe));
        }
        return earlier.filter(attempt -> goal.isReached(attempt, before));
    }

    /** The largest mix in the cheapest way; fewer bits only where the floor holds and the speed does not. */
    private Optional<Attempt> climb(Base base, List<Precision> fitting) {
        for (Precision precision : fitting) {
            if (isOver()) {
                return Optional.empty();
            }
            Attempt attempt = attempt(new Recipe(base, Workshop.fits(precision).getFirst(), precision));
            if (goal.isReached(attempt, before)) {
                return Optional.of(attempt);
            }
            if (!attempt.fidelity().keeps(goal.floor()) || goal.isFastEnough(attempt)) {
                return Optional.empty();
            }
        }
        return Optional.empty();
    }

    /** Whole, and without what the texts have no use for: what the model writes itself says nothing of that. */
    private List<Base> bases() {
        return ownTexts || workshop.size(Base.GIVEN).vocabularyShare() < WORTH_CUTTING ? List.of(Base.GIVEN) : List.of(Base.GIVEN, Base.TRIMMED);
    }

    /** The largest first; of several that come to the same types one. */
    private List<Precision> distinct(Base base) {
        Map<Long, Precision> bySize = new TreeMap<>(Comparator.reverseOrder());
        PRECISIONS.forEach(precision -> bySize.putIfAbsent(workshop.predicted(base, precision), precision));
        return List.copyOf(bySize.values());
    }

    /** Those of them that are small enough. */
    private List<Precision> fitting(Base base, long target) {
        return distinct(base).stream().filter(precision -> workshop.predicted(base, precision) <= target).toList();
    }

    private boolean isOver() {
        boolean over = seconds() > goal.limit().toSeconds();
        if (over && notes.stream().noneMatch(note -> note.startsWith("time"))) {
            notes.add("time was over after " + Math.round(seconds()) + " s; give more with --minutes, and the same command goes on");
        }
        return over;
    }

    private double seconds() {
        return (System.nanoTime() - start) * 1e-9;
    }

    private Attempt attempt(Recipe recipe) {
        Optional<Attempt> earlier = ledger.of(recipe);
        if (earlier.isPresent()) {
            return earlier.get();
        }
        if (yardstick == null) {
            yardstick = new Yardstick(model, texts.floor(), threads, progress);
        }
        progress.at(recipe.toString());
        long from = System.nanoTime();
        Path file = workshop.make(recipe);
        double seconds = (System.nanoTime() - from) * 1e-9;
        try {
            Yardstick.Found found = yardstick.measure(file, workshop.kept(recipe.base()));
            var attempt = new Attempt(recipe, Files.size(file), ContentHash.ofFile(file).sha256(), found.fidelity(), found.tokensPerSecond(), yardstick.tokensPerSecond(), seconds);
            ledger.add(attempt);
            progress.message(Outcome.line(attempt, before, goal));
            return attempt;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Outcome done(Attempt chosen, boolean reached) {
        try {
            Path file = workshop.file(chosen.recipe());
            if (!Files.exists(file)) {
                progress.at("writing " + chosen.recipe());
                workshop.make(chosen.recipe());
            }
            String sha256 = ContentHash.ofFile(file).sha256();
            if (!sha256.equals(chosen.sha256())) {
                throw new IllegalArgumentException(chosen.recipe() + " has other bytes than when it was judged, as another processor, number of threads or version of Zhulong can make them: remove "
                        + directory(out) + ", and everything is tried again");
            }
            ledger.write(chosen);
            Files.move(file, out, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + out + ": " + e, e);
        }
        return new Outcome(Optional.of(chosen), reached, ledger.attempts(), before, goal, seconds(), notes);
    }

    @Override
    public void close() {
        if (yardstick != null) {
            yardstick.close();
        }
        // where something failed, what was made on the way is what the next call goes on from
        if (!trying) {
            workshop.close();
        }
    }
}
