package dev.zhulong.recipe;

import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.Mixture;
import dev.zhulong.evaluate.text.TextMetric;
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
        @Doc("what the recipe is for: finetune") String kind,
        @Doc("random seed of the split, the order of rows, the adapter's initial weights and dropout") long seed,
        @Doc("where the model is computed: cpu, cuda (the first GPU) or cuda:N; may differ from one start of a run to the next") String device,
        @Doc("full: all weights; lora: an adapter; qlora: an adapter on a base in blocks of 4 or 8 bits; dpo: an adapter, from preference pairs")
        Method method,
        @Doc("the model to fine-tune") Model model,
        @Doc("the examples") Data data,
        @Doc("the adapter, unless the method is full") PretrainRecipe.Adapter adapter,
        @Doc("preference optimization, where the method is dpo") Preference dpo,
        @Doc("optimization") Train train) implements RunRecipe {

    /** Of its jobs. */
    public static final String KIND = "finetune";

    private static final Train TRAIN = new Train(3, 0, 8, 0, true, 1, 0, Optional.empty(), Schedule.Kind.COSINE, 0.05, 0.1, 1, 0, 0.9, 0.999, 1e-8, false, Optional.empty(), 0, TrainPrecision.FP32, "none",
            0, 0, 0, 100, 2, "", 100);

    public FinetuneRecipe {
        Kinds.require(KIND, kind);
        Device.parse(device);
        // pairs have a row for each answer
        Bounds.batch(2L * train.batch(), train.seq());
        Bounds.run(train.steps(), 2L * train.batch(), train.accumulation());
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
            @Doc("also train an adapter on each source alone and show its score beside the common one's") boolean alone,
            @Doc("without weights: 1 mixes sources in proportion to their examples, a higher one more evenly (each by the T-th root)") double temperature) {
        public Data {
            if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
                throw new IllegalArgumentException("held_out_fraction must be in [0, 1), found " + heldOutFraction);
            }
            if (heldOutRows < 0) {
                throw new IllegalArgumentException("held_out_rows must not be negative, found " + heldOutRows);
            }
            if (!(temperature >= 1) || Double.isInfinite(temperature)) {
                throw new IllegalArgumentException("data.temperature must be at least 1, found " + temperature);
            }
            for (DataSource source : sources) {
                source.metric().ifPresent(metric -> TextMetric.of(metric, TextMetric.Settings.DEFAULT));
            }
            if (!sources.isEmpty() && new Mixture(sources).weighted() && temperature != 1) {
                throw new IllegalArgumentException("data.temperature is for sources without weights: leave out one of the two");
            }
        }

        static Data defaults() {
            return new Data(List.of(), 0.05, 500, false, 1);
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

    static FinetuneRecipe defaults() {
        return new FinetuneRecipe(KIND, 1, "cpu", Method.LORA, Model.defaults(), Data.defaults(), PretrainRecipe.Adapter.defaults(), Preference.defaults(),
                TRAIN);
    }

    /** The same with absolute paths, so that the run can be resumed from anywhere. */
    FinetuneRecipe absolute() {
        Path here = Path.of("").toAbsolutePath();
        return new FinetuneRecipe(kind, seed, device, method, new Model(model.from.map(path -> here.resolve(path).normalize()), model.quantize),
                new Data(data.sources.stream().map(source -> source.in(here)).toList(), data.heldOutFraction, data.heldOutRows, data.alone,
                data.temperature),
                adapter, dpo, train);
    }

    /** Whether blocks are run again in backward. */
    boolean recompute() {
        // a base made whole inside the graph would be kept for backward
        return train.recompute() || method == Method.QLORA;
    }
}
