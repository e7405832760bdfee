package dev.zhulong.recipe.scale;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.RunDirectory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Trains a ladder of models on one text and fits the law of their losses. The largest is held out of the fit: what the law says of it beforehand is compared
 * with what it came to.
 *
 * <p>A ladder lives in a directory: {@code base.yaml}, {@code data/} (prepared once), {@code rungs/}, and in the end {@code report.html}. Started again it
 * goes on with the model it was at; it may be given more models.
 */
public final class Scale {
    private static final String BASE = "base.yaml";
    private static final int HEAD_WIDTH = 32;
    /** What is said of fewer is of the warm-up. */
    private static final int FEW_STEPS = 100;
    /** As quickstart has it: 3e-3 at a width of 256, falling with its square root. */
    private static final double RATE = 3e-3;

    /**
     * What came of a ladder.
     *
     * @param points  of the fit
     * @param heldOut the largest, which the law has not seen
     * @param fitted  the law
     * @param rate    floating-point operations a second, of the longest training
     */
    public record Result(List<Point> points, Point heldOut, FittedLaw fitted, double rate) {}

    private Scale() {}

    /**
     * Trains what is not trained yet, and fits.
     *
     * @param base      a pretraining; its sizes, steps and learning rate are the ladder's
     * @param rungs     models; of the most costly one the loss is predicted
     * @param available bytes of memory a run may take
     * @throws IllegalArgumentException if recipe, text, rungs and directory do not go together; says what to do
     */
    public static Result run(PretrainJob base, List<Rung> rungs, Path directory, Progress progress, long available) {
        List<Rung> order = rungs.stream().distinct().sorted(Comparator.comparingDouble(Scale::cost)).toList();
        if (order.size() < 6) {
            throw new IllegalArgumentException("a ladder needs six models or more, five for the law and the largest to predict; there are " + order.size()
                    + ": give more of --sizes or --tokens");
        }
        long least = order.stream().mapToLong(rung -> job(base, rung).recipe().train().steps()).min().orElseThrow();
        if (least < FEW_STEPS) {
            progress.message("a model of this ladder is trained for " + least + " steps alone, which says little of longer training: give a smaller train.batch, or more tokens");
        }
        try (var held = RunDirectory.hold(directory, BASE)) {
            held.claim(BASE, RecipeReader.toYaml(base.recipe()));
            PretrainJob prepared = base.shared(Set.of("model", "train"), directory.resolve("data"), progress, available);
            List<Point> points = new ArrayList<>();
            for (Rung rung : order) {
                progress.message(String.format(Locale.ROOT, "model %d of %d: %d wide, %d layers, %,d tokens", points.size() + 1, order.size(), rung.hidden(), rung.layers(),
                        rung.tokens()));
                points.add(point(job(prepared, rung), rung, directory.resolve("rungs").resolve(rung.toString()), progress, available));
            }
            Point heldOut = points.removeLast();
            Point longest = points.stream().max(Comparator.comparingDouble(Point::seconds)).orElseThrow();
            Point measured = heldOut.seconds() > longest.seconds() ? heldOut : longest;
            return new Result(List.copyOf(points), heldOut, FittedLaw.of(points), measured.operations() / measured.seconds());
        }
    }

    /** Of the order of its operations, before the vocabulary is known. */
    private static double cost(Rung rung) {
        return 12.0 * rung.layers() * rung.hidden() * rung.hidden() * rung.tokens();
    }

    private static PretrainJob job(PretrainJob from, Rung rung) {
        if (rung.hidden() % HEAD_WIDTH != 0) {
            throw new IllegalArgumentException("the width of " + rung + " must be a multiple of " + HEAD_WIDTH + ", the width of a head");
        }
        int seq = from.train().seq() == 0 ? from.recipe().model().contextLength() : from.train().seq();
        long steps = Math.max(1, rung.tokens() / ((long) from.train().batch() * from.train().accumulation() * seq));
        return from.with(List.of("model.hidden_size=" + rung.hidden(), "model.layers=" + rung.layers(), "model.heads=" + rung.hidden() / HEAD_WIDTH, "model.kv_heads=0",
                "model.intermediate_size=0", "train.steps=" + steps, "train.warmup=" + Math.min(steps / 20, 200), "train.evaluate_every=0", "train.sample_every=0",
                "train.checkpoint_every=0", String.format(Locale.ROOT, "train.lr=%.6f", RATE * Math.sqrt(256.0 / rung.hidden()))));
    }

    private static Point point(PretrainJob job, Rung rung, Path place, Progress progress, long available) {
        var before = Point.read(place);
        if (before.isPresent()) {
            return before.get();
        }
        FileTree.delete(place);
        long start = System.nanoTime();
        Path run = place.resolve("run");
        PretrainJob.Result result = job.run(run, progress, available);
        double loss = result.evaluation().orElseThrow(() -> new IllegalArgumentException(
                "nothing is held out, so there is no loss to compare: give more text, or hold back a larger share of it")).meanNll();
        DecoderSpec spec = HfConfig.read(run.resolve("config.json"));
        long weights = spec.layerWeights() - spec.idleWeights() + (long) spec.vocabSize() * spec.hiddenSize();
        var point = new Point(rung, weights, job.length().tokens(), loss, (System.nanoTime() - start) / 1e9);
        // models of the ladder are not kept: their losses are what is wanted
        FileTree.delete(run);
        point.write(place);
        return point;
    }
}
