package dev.zhulong.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.log.EventFile;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The training loop. A run lives in a directory; starting it again goes on from its newest checkpoint and ends in the same bits as a run
 * that was never stopped, because a step depends on nothing but the weights, the moments and its own number.
 */
public final class Trainer<B> {
    private static final String STATE = "trainer.json";

    private final Network model;
    private final Objective<B> objective;
    private final TrainData<B> data;
    private final Ranks ranks;
    private final TrainOptions options;
    private final Path run;
    private final TrainListener listener;
    private final Checkpoints checkpoints;
    private long updates;

    /**
     * Trains alone.
     *
     * @param model     fresh or pretrained; trained in place, on the device it lies on
     * @param objective over that model
     * @param run       directory for checkpoints and metrics
     */
    public Trainer(Network model, Objective<B> objective, TrainData<B> data, TrainOptions options, Path run, TrainListener listener) {
        this(model, objective, data, Ranks.ALONE, options, run, listener);
    }

    /**
     * The same as one of several. Rank 0 writes and evaluates; the others read its checkpoints when they start.
     *
     * @param data  this rank's
     * @param ranks stay the caller's
     * @param run   the same for all
     */
    public Trainer(Network model, Objective<B> objective, TrainData<B> data, Ranks ranks, TrainOptions options, Path run, TrainListener listener) {
        this.model = model;
        this.objective = objective;
        this.data = data;
        this.ranks = ranks;
        this.options = options;
        this.run = run;
        this.listener = listener;
        this.checkpoints = new Checkpoints(run.resolve("checkpoints"), options.keepCheckpoints());
    }

    /** Trains to the last step and returns the last evaluation, if anything is held out. */
    public Optional<TrainListener.Evaluation> train() {
        try {
            Files.createDirectories(run);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make " + run, e);
        }
        model.requiresGrad(true);
        try (var on = DeviceScope.open(model.device()); Optimizer optimizer = options.optimizer().of(model.trainable(), model.decayed())) {
            long done = resume(optimizer);
            ranks.agree("number of steps done", done);
            agreeOnModel();
            if (ranks.rank() > 0) {
                follow(optimizer, done);
                return Optional.empty();
            }
            Optional<TrainListener.Evaluation> last = Optional.empty();
            try (MetricsLog log = MetricsLog.resume(run.resolve("metrics.jsonl"), done);
                    EventFile events = EventFile.resume(run.resolve("tensorboard"), done + 1)) {
                Pace pace = new Pace();
                TrainStep<B> next = new TrainStep<>(model, objective, data, options, optimizer, ranks);
                while (done < options.steps()) {
                    TrainListener.Step step = step(next, done, pace);
                    done++;
                    record(log, events, step);
                    listener.step(step);
                    boolean end = done == options.steps();
                    if (due(done, options.evaluateEvery()) || end) {
                        last = evaluate(done, log, events);
                        pace.pause();
                    }
                    if (due(done, options.sampleEvery())) {
                        listener.sample(done, model);
                        pace.pause();
                    }
                    if (due(done, options.checkpointEvery()) || end) {
                        agreeOnModel();
                        log.force();
                        save(optimizer, done);
                        pace.pause();
                    }
                }
                if (last.isEmpty()) {
                    last = evaluation(done);
                }
            }
            return last;
        } finally {
            model.requiresGrad(false);
        }
    }

    /** The steps of a rank that writes nothing. */
    private void follow(Optimizer optimizer, long begun) {
        Pace pace = new Pace();
        TrainStep<B> next = new TrainStep<>(model, objective, data, options, optimizer, ranks);
        for (long done = begun; done < options.steps(); ) {
            TrainListener.Step step = step(next, done, pace);
            done++;
            listener.step(step);
            if (due(done, options.checkpointEvery()) || done == options.steps()) {
                agreeOnModel();
            }
        }
    }

    /** A checkpoint is of all ranks: one whose weights have come to differ would train on alone from here. */
    private void agreeOnModel() {
        if (ranks.size() > 1) {
            ranks.agree("model", WeightHash.of(model.trainable().values()));
        }
    }

    private static boolean due(long step, long every) {
        return every > 0 && step % every == 0;
    }

    private TrainListener.Step step(TrainStep<B> next, long index, Pace pace) {
        TrainStep.Result done = next.run(index, updates);
        updates = done.updates();
        pace.step(done.tokens());
        return new TrainListener.Step(index + 1, options.steps(), done.loss().mean(), objective.unit(), done.loss().bitsPerByte(),
                done.lr(), done.gradNorm(), pace.tokensPerSecond(), pace.secondsLeft(options.steps() - index - 1));
    }

    private Optional<TrainListener.Evaluation> evaluate(long step, MetricsLog log, EventFile events) {
        Optional<TrainListener.Evaluation> result = evaluation(step);
        result.ifPresent(e -> {
            Map<String, Number> line = new LinkedHashMap<>();
            line.put("validation_loss", e.loss());
            putKnown(line, "validation_bits_per_byte", e.bitsPerByte());
            listener.evaluated(e);
            line.putAll(listener.measure(step));
            write(log, events, step, line);
        });
        return result;
    }

    private Optional<TrainListener.Evaluation> evaluation(long step) {
        if (data.validation().isEmpty()) {
            return Optional.empty();
        }
        Loss total = objective.evaluateAll(data.validation());
        return Optional.of(new TrainListener.Evaluation(step, total.mean(), objective.unit(), total.bitsPerByte()));
    }

    private void record(MetricsLog log, EventFile events, TrainListener.Step s) {
        Map<String, Number> line = new LinkedHashMap<>();
        line.put("loss", s.loss());
        putKnown(line, "bits_per_byte", s.bitsPerByte());
        line.put("lr", s.lr());
        line.put("grad_norm", s.gradNorm());
        line.put("tokens_per_second", s.tokensPerSecond());
        line.putAll(objective.observed());
        write(log, events, s.step(), line);
    }

    private static void putKnown(Map<String, Number> line, String name, double value) {
        if (!Double.isNaN(value)) {
            line.put(name, value);
        }
    }

    private void write(MetricsLog log, EventFile events, long step, Map<String, Number> values) {
        Map<String, Number> tagged = new LinkedHashMap<>();
        values.forEach((name, value) -> tagged.put(tag(name), value));
        events.scalars(step, tagged);
        Map<String, Object> line = new LinkedHashMap<>(Map.of("step", step));
        line.putAll(values);
        line.put("unit", objective.unit().toString());
        log.append(line);
    }

    /** A tag has no unit of its own: another than the usual one stands in its name, so that charts of both are not laid over each other. */
    private String tag(String name) {
        return !name.endsWith("loss") || objective.unit().equals(Unit.NATS_A_TOKEN) ? name : name + " (" + objective.unit() + ")";
    }

    private void save(Optimizer optimizer, long step) {
        checkpoints.write(step, directory -> {
            model.adapter().ifPresentOrElse(adapter -> adapter.save(directory, StorageType.F32),
                    () -> NetworkFiles.save(model, directory, StorageType.F32));
            optimizer.save(directory);
            AtomicFile.writeString(directory.resolve(STATE),
                    "{\"step\": " + step + ", \"updates\": " + updates + ", \"seed\": " + options.seed() + "}\n");
        });
    }

    /** Puts the newest checkpoint's state in place and returns the steps it had done. */
    private long resume(Optimizer optimizer) {
        Optional<Path> found = checkpoints.newest(listener::message);
        if (found.isEmpty()) {
            return 0;
        }
        Path checkpoint = found.get();
        restore(checkpoint);
        optimizer.load(checkpoint);
        updates = updatesIn(checkpoint.resolve(STATE));
        long done = Checkpoints.step(checkpoint);
        if (done > options.steps()) {
            throw new TrainingStopped(checkpoint + " is past the " + options.steps() + " steps asked for");
        }
        listener.message("resuming after step " + done + " of " + options.steps());
        return done;
    }

    private void restore(Path checkpoint) {
        if (model.adapter().isPresent()) {
            try (LoraAdapter stored = LoraAdapter.load(checkpoint, model)) {
                copy(stored.parameters(), checkpoint);
            }
            return;
        }
        // not on a GPU, whose memory a second copy of the weights may exceed
        try (var processor = DeviceScope.open(Device.CPU); Network stored = NetworkFiles.load(checkpoint)) {
            if (!stored.spec().equals(model.spec())) {
                throw new TrainingStopped(checkpoint + " holds a model of another shape: choose another run directory");
            }
            // what is not trained is what the model was begun with
            copy(stored.trainable(), checkpoint);
        }
    }

    private void copy(Map<String, Tensor> stored, Path checkpoint) {
        if (!stored.keySet().equals(model.trainable().keySet())) {
            throw new TrainingStopped(checkpoint + " holds an adapter of other projections: choose another run directory");
        }
        try (var off = NoGrad.open()) {
            stored.forEach((name, t) -> model.trainable().get(name).copy_(t));
        }
    }

    private static long updatesIn(Path state) {
        try {
            return new ObjectMapper().readTree(Files.readString(state)).required("updates").asLong();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + state, e);
        }
    }
}
