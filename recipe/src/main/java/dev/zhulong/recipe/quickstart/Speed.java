package dev.zhulong.recipe.quickstart;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.FileTree;
import dev.zhulong.model.Decoder;
import dev.zhulong.train.AdamW;
import dev.zhulong.train.NextToken;
import dev.zhulong.train.TrainData;
import dev.zhulong.train.TrainListener;
import dev.zhulong.train.TrainOptions;
import dev.zhulong.train.Trainer;
import dev.zhulong.train.schedule.Cosine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Measures how long a training step takes here. */
final class Speed {
    private static final int WARM_STEPS = 4;
    private static final int TIMED_STEPS = 9;

    private Speed() {}

    /**
     * Seconds of a real training step on random tokens, two documents a row: the lower quartile, so that another program's short burst of
     * work does not make the model small.
     *
     * @param scratch made and removed
     */
    static double secondsPerStep(Plan.Shape shape, Path scratch) {
        List<Long> times = new ArrayList<>();
        var listener = new TrainListener() {
            @Override
            public void step(Step step) {
                times.add(System.nanoTime());
            }
        };
        long steps = WARM_STEPS + TIMED_STEPS;
        var options = new TrainOptions(steps, 1, new Cosine(1e-4, 1e-5, 0, steps), Plan.CLIP,
                new AdamW.Settings(0.9, 0.95, 1e-8, Plan.WEIGHT_DECAY), false, 0, 0, 0, 0, 1);
        try {
            FileTree.delete(scratch);
            Files.createDirectories(scratch);
            try (Decoder model = Decoder.random(shape.spec(shape.vocabulary(), 0, 0), 0)) {
                var data = new TrainData<>(step -> batch(shape, step), List.of());
                new Trainer<>(model, new NextToken(model), data, options, scratch, listener).train();
            }
            FileTree.delete(scratch);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot measure in " + scratch, e);
        }
        List<Double> seconds = new ArrayList<>();
        for (int i = WARM_STEPS; i < times.size(); i++) {
            seconds.add((times.get(i) - times.get(i - 1)) / 1e9);
        }
        seconds.sort(null);
        return seconds.get(seconds.size() / 4);
    }

    private static Batch batch(Plan.Shape shape, long number) {
        var random = new SplittableRandom(number);
        var batch = new Batch(shape.batch(), shape.seq());
        for (int row = 0; row < shape.batch(); row++) {
            int cut = random.nextInt(1, shape.seq());
            for (int i = 0; i < shape.seq(); i++) {
                int at = row * shape.seq() + i;
                batch.tokens()[at] = random.nextInt(shape.vocabulary());
                batch.targets()[at] = random.nextInt(shape.vocabulary());
                batch.documents()[at] = i < cut ? 0 : 1;
                batch.positions()[at] = i < cut ? i : i - cut;
            }
        }
        return batch;
    }
}
