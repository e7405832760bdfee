package dev.zhulong.recipe;

import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.Mixture;
import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.tensor.Device;
import dev.zhulong.train.Dpo;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Fine-tuning of a model on examples of what it is to say. */
public record FinetuneRecipe(
        @Doc("random seed of the split, the order of rows, the adapter's initial weights and dropout") long seed,
        @Doc("where the model is computed: cpu, cuda (the first GPU) or cuda:N; may differ from one start of a run to the next") String device,
        @Doc("full: all weights; lora: an adapter; qlora: an adapter on a base in blocks of 4 or 8 bits; dpo: an adapter, from preference pairs")
        Method method,
        @Doc("the model to fine-tune") Model model,
        @Doc("the examples") Data data,
        @Doc("the adapter, unless the method is full") PretrainRecipe.Adapter adapter,
        @Doc("preference optimization, where the method is dpo") Preference dpo,
        @Doc("optimization") Train train) {

    public FinetuneRecipe {
        Device.parse(device);
    }

    /** What is trained, and on what. */
    public enum Method {
        FULL, LORA, QLORA, DPO;

        /** A learning rate to begin with. */
        double rate() {
            return switch (this) {
                case FULL -> 1e-4;
                case LORA, QLORA -> 5e-4;
                case DPO -> 5e-5;
            };
        }
    }

    /** The base. */
    public record Model(
            @Doc("directory in the Hugging Face layout") Optional<Path> from,
            @Doc("storage of the base model with qlora") QuantizedMatrix.Format quantize) {
        static Model defaults() {
            return new Model(Optional.empty(), QuantizedMatrix.Format.NF4);
        }
    }

    /** The examples. */
    public record Data(
            @Doc("files of rows; several are several tasks, each with a score of its own") List<DataSource> sources,
            @Doc("share of a source's examples held out for evaluation, where it names no held_out file; in [0, 1)") double heldOutFraction,
            @Doc("maximum number of held-out examples of a source; 0 for all") int heldOutRows,
            @Doc("also train an adapter on each source alone and show its score beside the common one's") boolean alone) {
        public Data {
            if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
                throw new IllegalArgumentException("held_out_fraction must be in [0, 1), found " + heldOutFraction);
            }
            if (heldOutRows < 0) {
                throw new IllegalArgumentException("held_out_rows must not be negative, found " + heldOutRows);
            }
            if (!sources.isEmpty()) {
                new Mixture(sources);
            }
        }

        static Data defaults() {
            return new Data(List.of(), 0.05, 500, false);
        }
    }

    /** Direct preference optimisation. */
    public record Preference(
            @Doc("weight of the penalty for drifting from the reference model (higher = stay closer)") double beta,
            @Doc("share of the pairs assumed to be labelled the wrong way round, in [0, 0.5)") double labelSmoothing) {
        public Preference {
            Dpo.check(beta, labelSmoothing);
        }

        static Preference defaults() {
            return new Preference(0.1, 0);
        }
    }

    /** Optimisation. */
    public record Train(
            @Doc("passes over the examples") double epochs,
            @Doc("optimizer steps instead of epochs; 0 for epochs") long steps,
            @Doc("rows in a batch; with dpo, pairs") int batch,
            @Doc("tokens in a row; 0 for the model's context, at most 512") int seq,
            @Doc("several examples share a row but cannot attend to one another") boolean packing,
            @Doc("batches a step") int accumulation,
            @Doc("peak learning rate; 0 for the method's own: full 1e-4, lora and qlora 5e-4, dpo 5e-5") double lr,
            @Doc("learning rate of the last step; null for a tenth of lr") Optional<Double> finalLr,
            @Doc("shape of the learning rate's decay after the warm-up") Schedule.Kind schedule,
            @Doc("share of the steps until the learning rate reaches its peak") double warmup,
            @Doc("largest norm of the gradient; 0 for any") double clip,
            @Doc("AdamW's decay of matrices") double weightDecay,
            @Doc("AdamW's rate of the first moment") double beta1,
            @Doc("AdamW's rate of the second moment") double beta2,
            @Doc("added to AdamW's denominator") double epsilon,
            @Doc("keep one activation for each block and compute the rest again: less memory, a third more time; qlora always does") boolean recompute,
            @Doc("steps between evaluations; 0 for only at the end") long evaluateEvery,
            @Doc("steps between checkpoints; 0 for only at the end") long checkpointEvery,
            @Doc("number of newest checkpoints to keep") int keepCheckpoints) {
        public Train {
            if (!(epochs > 0) || steps < 0 || batch < 1 || seq < 0 || accumulation < 1 || evaluateEvery < 0 || checkpointEvery < 0
                    || keepCheckpoints < 1 || !(lr >= 0)) {
                throw new IllegalArgumentException("epochs must be above 0, batch, accumulation and keep_checkpoints at least 1, the others not"
                        + " negative");
            }
            Bounds.atMost("epochs", epochs, Bounds.BATCH);
            Bounds.atMost("steps", steps, Bounds.STEPS);
            Bounds.atMost("batch", batch, Bounds.BATCH);
            Bounds.atMost("seq", seq, Bounds.TOKENS);
            Bounds.atMost("accumulation", accumulation, Bounds.BATCH);
            Bounds.batch(2L * batch, seq);
            Bounds.run(steps, 2L * batch, accumulation);
            if (!(warmup >= 0 && warmup < 1)) {
                throw new IllegalArgumentException("warmup is a share of the steps, in [0, 1), found " + warmup);
            }
        }

        static Train defaults() {
            return new Train(3, 0, 8, 0, true, 1, 0, Optional.empty(), Schedule.Kind.COSINE, 0.05, 1, 0, 0.9, 0.999, 1e-8, false, 0, 100, 2);
        }

        /** The learning rate of each of {@code total} steps. */
        Schedule learningRate(Method method, long total) {
            double highest = lr > 0 ? lr : method.rate();
            return Schedule.of(schedule, highest, finalLr.orElse(highest / 10), (long) (warmup * total), Math.max(1, total / 10), total);
        }
    }

    static FinetuneRecipe defaults() {
        return new FinetuneRecipe(1, "cpu", Method.LORA, Model.defaults(), Data.defaults(), PretrainRecipe.Adapter.defaults(), Preference.defaults(),
                Train.defaults());
    }

    /** The same with absolute paths, so that the run can be resumed from anywhere. */
    FinetuneRecipe absolute() {
        Path here = Path.of("").toAbsolutePath();
        return new FinetuneRecipe(seed, device, method, new Model(model.from.map(path -> here.resolve(path).normalize()), model.quantize),
                new Data(data.sources.stream().map(source -> source.in(here)).toList(), data.heldOutFraction, data.heldOutRows, data.alone),
                adapter, dpo, train);
    }

    /** Whether blocks are run again in backward. */
    boolean recompute() {
        // a base made whole inside the graph would be kept for backward
        return train.recompute || method == Method.QLORA;
    }
}
