package dev.zhulong.recipe;

import dev.zhulong.data.label.GroupReader;
import dev.zhulong.formats.embedding.Pooling;
import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.tensor.Device;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Training of an encoder so that the vectors of texts that belong together are near each other. */
public record EmbedRecipe(
        @Doc("what the recipe is for: embed") String kind,
        @Doc("random seed of the split and the order of rows") long seed,
        @Doc("where the model is computed: cpu, cuda (the first GPU) or cuda:N; may differ from one start of a run to the next") String device,
        @Doc("full: all weights; lora: an adapter; qlora: an adapter on a base in blocks of 4 or 8 bits") Method method,
        @Doc("the encoder to train") Model model,
        @Doc("texts that belong together") Data data,
        @Doc("what similarities are divided by: the smaller, the more the nearest wrong texts count") double temperature,
        @Doc("metric that chooses the evaluation whose weights are kept: mrr@10, ndcg@10, recall@10, recall@1 or loss; last: the last weights; empty for mrr@10, with a teacher for loss") String best,
        @Doc("the adapter, unless the method is full") PretrainRecipe.Adapter adapter,
        @Doc("optimization; lr 0 for 2e-5, 2e-4 with an adapter, 3e-4 with a teacher; a batch's other texts are each text's wrong ones, so a larger batch teaches more; evaluated after each epoch unless evaluate_every says"
                + " otherwise") Train train) implements RunRecipe {

    /** Of its jobs. */
    public static final String KIND = "embed";

    private static final double RATE = 2e-5;
    private static final double ADAPTER_RATE = 2e-4;
    /** A teacher says of every text where it belongs, and is farther away than what an encoder that is fine-tuned has to learn. */
    private static final double TAUGHT_RATE = 3e-4;
    /** Tokens of a text where nothing else is said. */
    private static final int LONGEST = 256;

    private static final Train TRAIN = new Train(3, 0, 32, 0, true, 1, 0, Optional.of(0.0), Schedule.Kind.LINEAR, 0.1, 0.1, 1, 0.01, 0.9, 0.999, 1e-8, false, Optional.empty(), 0, TrainPrecision.FP32, "none",
            0, 0, 0, 1000, 2, "", 100);

    public EmbedRecipe {
        Kinds.require(KIND, kind);
        Device.parse(device);
        new Tuning(method, model.quantize, adapter, model.from);
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature must be above 0, found " + temperature);
        }
        if (train.batch() < 2) {
            throw new IllegalArgumentException("train.batch must be at least 2: texts are told from the others of their batch; found " + train.batch());
        }
    }

    /** The base. */
    public record Model(
            @Doc("directory of an encoder in the Hugging Face layout, with or without the files of sentence-transformers") Optional<Path> from,
            @Doc("directory or GGUF file of a larger encoder with the same tokenizer, whose vectors are learned in place of what belongs together; each text is given to it once; null for none") Optional<Path> teacher,
            @Doc("how the states of a text become its vector where the directory does not say; vectors are then of length 1") Pooling pooling,
            @Doc("storage of the base model with qlora") QuantizedMatrix.Format quantize) {}

    /** Rows of texts. */
    public record Data(
            @Doc("files of rows with an anchor, a positive and perhaps a negative: csv, tsv, jsonl, json, parquet") List<Path> files,
            @Doc("file of rows to evaluate on; null for a share of the others") Optional<Path> heldOut,
            @Doc("share of the rows held out for evaluation, where no file is, by their anchors; in [0, 1)") double heldOutFraction,
            @Doc("columns with other names than anchor, positive, negative") Map<String, String> columns) {
        public Data {
            if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
                throw new IllegalArgumentException("held_out_fraction must be in [0, 1), found " + heldOutFraction);
            }
            columns.keySet().stream().filter(field -> !GroupReader.FIELDS.contains(field)).findFirst().ifPresent(field -> {
                throw new IllegalArgumentException("columns: there is no field '" + field + "'; expected one of " + String.join(", ", GroupReader.FIELDS));
            });
        }
    }

    static EmbedRecipe defaults() {
        return new EmbedRecipe(KIND, 1, "cpu", Method.FULL, new Model(Optional.empty(), Optional.empty(), Pooling.MEAN, QuantizedMatrix.Format.NF4), new Data(List.of(), Optional.empty(), 0.1, Map.of()), 0.05, "",
                PretrainRecipe.Adapter.defaults(), TRAIN);
    }

    /** The same with absolute paths, so that the run can be resumed from anywhere. */
    EmbedRecipe absolute() {
        Path here = Path.of("").toAbsolutePath();
        return new EmbedRecipe(kind, seed, device, method, new Model(model.from.map(path -> here.resolve(path).normalize()), model.teacher.map(path -> here.resolve(path).normalize()), model.pooling, model.quantize),
                new Data(data.files.stream().map(path -> here.resolve(path).normalize()).toList(), data.heldOut.map(path -> here.resolve(path).normalize()),
                        data.heldOutFraction, data.columns), temperature, best, adapter, train);
    }

    /** The same with other files and columns. */
    public EmbedRecipe withData(List<Path> files, Optional<Path> heldOut, Map<String, String> columns) {
        return new EmbedRecipe(kind, seed, device, method, model, new Data(files, heldOut, data.heldOutFraction, columns), temperature, best, adapter, train);
    }

    /** {@link #best}, or what is meant where it is left open: rows that a teacher's vectors are learned on need not belong together. */
    String chosenBy() {
        return !best.isEmpty() ? best : model.teacher.isPresent() ? LabelRecipe.LOSS : "mrr@10";
    }

    /** What of the model is trained. */
    Tuning tuning() {
        return new Tuning(method, model.quantize, adapter, model.from);
    }

    /** Peak learning rate where the recipe leaves it open. */
    double rate() {
        return model.teacher.isPresent() ? TAUGHT_RATE : method == Method.FULL ? RATE : ADAPTER_RATE;
    }

    /** Tokens of a text at most. @param longest that the directory allows */
    int seq(int longest) {
        return train.seq() > 0 ? train.seq() : Math.min(longest, LONGEST);
    }
}
