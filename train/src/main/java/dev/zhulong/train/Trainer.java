package dev.zhulong.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.distribute.RankFailure;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.train.log.EventFile;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The training loop. A run lives in a directory; starting it again goes on from its newest checkpoint and ends in the same bits as a run
 * that was never stopped, because a step depends on nothing but the weights, the moments and its own number.
 */
public final class Trainer<B> {
    private static final String STATE = "trainer.json";
    private static final Duration LAST_MOMENTS = Duration.ofSeconds(5);

    private final Network model;
    private final Objective<B> objective;
    private final TrainData<B> data;
    private final Ranks ranks;
    private final TrainOptions options;
    private final Path run;
    private final TrainListener listener;
    private final Checkpoints checkpoints;
    private long updates;
    /** What this start goes on from. */
    private Optional<Path> resumed = Optional.empty();
    private LossScale scale = LossScale.FIRST;

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
        State state = null;
        Duration patience = Duration.ofDays(1);
        try (var on = DeviceScope.open(model.device())) {
            if (ranks.worker().isPresent()) {
                ranks.worker().get().work(model, objective, data, options);
                return Optional.empty();
            }
            state = State.of(model, options, ranks);
            if (state.outlivesTheProcess() && options.precision() == Precision.FP16) {
                throw new TrainingStopped("weights on the disk are not kept together with the loss scale that fp16 needs: train in bf16 or fp32, or without a limit of memory");
            }
            State kept = state;
            long done = resume(state);
            ranks.agree("number of steps done", done);
            agreeOnModel();
            ranks.start(model.trainable().values(), options, done);
            if (ranks.rank() > 0) {
                follow(state, done);
                state.reunite();
                return Optional.empty();
            }
            var last = new AtomicReference<>(Optional.<TrainListener.Evaluation>empty());
            try (MetricsLog log = MetricsLog.resume(run.resolve("metrics.jsonl"), done);
                    EventFile events = EventFile.resume(run.resolve("tensorboard"), done + 1)) {
                Pace pace = new Pace();
                TrainStep<B> next = next(state);
                while (done < options.steps()) {
                    TrainListener.Step step = step(next, done, pace);
                    checkpoints.check();
                    done++;
                    record(log, events, step);
                    listener.step(step);
                    ranks.remark().ifPresent(listener::message);
                    boolean end = done == options.steps();
                    long now = done;
                    if (due(done, options.evaluateEvery()) || end) {
                        state.alone(() -> last.set(evaluate(now, log, events)));
                        pace.pause();
                    }
                    if (due(done, options.sampleEvery())) {
                        state.alone(() -> listener.sample(now, model));
                        pace.pause();
                    }
                    if (due(done, options.checkpointEvery()) || end) {
                        agreeOnModel();
                        ranks.settle();
                        log.force();
                        state.alone(() -> save(kept, now));
                        pace.pause();
                    }
                    if (state.outlivesTheProcess()) {
                        log.force();
                        state.commit(new State.Done(done, updates));
                    }
                }
                checkpoints.await();
                ranks.summary().ifPresent(listener::message);
                long now = done;
                state.alone(() -> {
                    if (last.get().isEmpty()) {
                        last.set(evaluation(now));
                    }
                });
            }
            state.reunite();
            return last.get();
        } catch (RankFailure e) {
            // whoever starts the ranks again takes one that goes on for lost
            patience = LAST_MOMENTS;
            throw e;
        } finally {
            checkpoints.await(patience);
            if (state != null) {
                state.release();
            }
            model.requiresGrad(false);
        }
    }

    /** The factor of gradients as it came to be. */
    LossScale scale() {
        return scale;
    }

    private TrainStep<B> next(State state) {
        TrainStep<B> next = new TrainStep<>(model, objective, data, options, state, ranks);
        next.scale(scale);
        resumed.ifPresent(next::load);
        return next;
    }

    /** The steps of a rank that writes nothing. */
    private void follow(State state, long begun) {
        Pace pace = new Pace();
        TrainStep<B> next = next(state);
        for (long done = begun; done < options.steps(); ) {
            TrainListener.Step step = step(next, done, pace);
            done++;
            listener.step(step);
            boolean end = done == options.steps();
            if (due(done, options.evaluateEvery()) || end) {
                state.serve();
            }
            if (due(done, options.sampleEvery())) {
                state.serve();
            }
            if (due(done, options.checkpointEvery()) || end) {
                agreeOnModel();
                ranks.settle();
                state.serve();
            }
        }
        state.serve();
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
        scale = next.scale();
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
        line.putAll(ranks.observed());
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

    private void save(State state, long step) {
        checkpoints.begin(step, directory -> {
            state.save(directory);
            ranks.save(directory, model.trainable());
            AtomicFile.writeString(directory.resolve(STATE),
                    "{\"step\": " + step + ", \"updates\": " + updates + ", \"seed\": " + options.seed()
                            + (options.precision() == Precision.FP16 ? ", \"loss_scale\": " + scale.value() + ", \"loss_scale_held\": " + scale.calm() : "") + "}\n");
        });
    }

    /** Puts the newest checkpoint's state in place, unless what the process before left is newer, and returns the steps that had been done. */
    private long resume(State state) {
        Optional<Path> checkpoint = checkpoints.newest(listener::message);
        Optional<State.Done> left = state.committed();
        long done = Math.max(checkpoint.map(Checkpoints::step).orElse(0L), left.map(State.Done::steps).orElse(0L));
        if (done > options.steps()) {
            throw new TrainingStopped(run + " is past the " + options.steps() + " steps asked for");
        }
        if (left.isPresent() && left.get().steps() == done) {
            updates = left.get().updates();
        } else if (done > 0) {
            if ((state.outlivesTheProcess() || state instanceof ShardedState) && Residuals.isIn(checkpoint.orElseThrow())) {
                throw new TrainingStopped(checkpoint.get() + " holds residuals of compressed gradients, which only a whole state in memory adds: resume it without train.memory and train.zero");
            }
            state.load(checkpoint.orElseThrow());
            resumed = checkpoint;
            readState(checkpoint.orElseThrow().resolve(STATE));
            state.commit(new State.Done(done, updates));
        }
        if (done > 0) {
            listener.message("resuming after step " + done + " of " + options.steps());
        }
        return done;
    }

    private void readState(Path state) {
        try {
            JsonNode fields = new ObjectMapper().readTree(Files.readString(state));
            updates = fields.required("updates").asLong();
            scale = fields.has("loss_scale") ? new LossScale(fields.get("loss_scale").asDouble(), fields.required("loss_scale_held").asLong()) : LossScale.FIRST;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + state, e);
        }
    }
}
