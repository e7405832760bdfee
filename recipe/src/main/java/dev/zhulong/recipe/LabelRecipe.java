package dev.zhulong.recipe;

import dev.zhulong.evaluate.text.AnswerMatch;
import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.label.HeadTask;
import dev.zhulong.tensor.Device;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Fine-tuning of an encoder and a head on labelled rows. */
public record LabelRecipe(
        @Doc("what the recipe is for: label") String kind,
        @Doc("random seed of the split, the order of rows and the head's initial weights") long seed,
        @Doc("where the model is computed: cpu, cuda (the first GPU) or cuda:N; may differ from one start of a run to the next") String device,
        @Doc("classify: a class for each text or pair of texts; tags: a tag for each word; qa: where in a context an answer lies") HeadTask.Kind task,
        @Doc("full: all weights; lora: an adapter and the head; qlora: the same on a base in blocks of 4 or 8 bits") Method method,
        @Doc("the encoder to fine-tune") Model model,
        @Doc("the labelled rows") Data data,
        @Doc("metric that chooses the evaluation whose weights are kept: accuracy, macro_f1, entity_f1, exact_match, f1 or loss; last: the last weights; null: by task")
        Optional<String> best,
        @Doc("the adapter, unless the method is full") PretrainRecipe.Adapter adapter,
        @Doc("optimization; lr 0 for 5e-5, and 5e-4 with an adapter; evaluated after each epoch unless evaluate_every says otherwise") Train train) implements RunRecipe {

    /** Of its jobs. */
    public static final String KIND = "label";

    /** The last weights are the result. */
    static final String LAST = "last";
    /** The weights of the least held-out loss are. */
    static final String LOSS = "loss";

    private static final double RATE = 5e-5;

    private static final Train TRAIN = new Train(3, 0, 16, 0, true, 1, 0, Optional.of(0.0), Schedule.Kind.LINEAR, 0.1, 0.1, 1, 0.01, 0.9, 0.999, 1e-8, false, Optional.empty(), 0, TrainPrecision.FP32, "none",
            0, 0, 0, 500, 2, "", 100);

    public LabelRecipe {
        Kinds.require(KIND, kind);
        Device.parse(device);
        new Tuning(method, model.quantize, adapter, model.from);
    }

    /** The base. */
    public record Model(
            @Doc("directory of an encoder in the Hugging Face layout") Optional<Path> from,
            @Doc("storage of the base model with qlora") QuantizedMatrix.Format quantize) {}

    /** Labelled rows. */
    public record Data(
            @Doc("files of rows: csv, tsv, jsonl, json, parquet; of tags also CoNLL; of questions SQuAD's json") List<Path> files,
            @Doc("file of rows to evaluate on; null for a share of the others") Optional<Path> heldOut,
            @Doc("share of the rows held out for evaluation, where no file is; in [0, 1)") double heldOutFraction,
            @Doc("columns with other names than text, text_pair, label (classify), tokens, tags (tags); in CoNLL the tags' number")
            Map<String, String> columns,
            @Doc("labels in the order of the head's outputs, and the names of labels that are numbers; empty for all labels of the rows, sorted") List<String> labels,
            @Doc("a text may have any number of labels, as a list") boolean multi,
            @Doc("how answers are compared: squad or cmrc") AnswerMatch match,
            @Doc("tokens of the context that two windows of a question share; 0 for a third of the longest input") int overlap) {
        public Data {
            if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
                throw new IllegalArgumentException("held_out_fraction must be in [0, 1), found " + heldOutFraction);
            }
            if (overlap < 0) {
                throw new IllegalArgumentException("overlap must not be negative, found " + overlap);
            }
        }
    }

    static LabelRecipe defaults() {
        return new LabelRecipe(KIND, 1, "cpu", HeadTask.Kind.CLASSIFY, Method.FULL, new Model(Optional.empty(), QuantizedMatrix.Format.NF4),
                new Data(List.of(), Optional.empty(), 0.1, Map.of(), List.of(), false, AnswerMatch.SQUAD, 0), Optional.empty(),
                PretrainRecipe.Adapter.defaults(), TRAIN);
    }

    /** The same with absolute paths, so that the run can be resumed from anywhere. */
    LabelRecipe absolute() {
        Path here = Path.of("").toAbsolutePath();
        return new LabelRecipe(kind, seed, device, task, method, new Model(model.from.map(path -> here.resolve(path).normalize()), model.quantize),
                new Data(data.files.stream().map(path -> here.resolve(path).normalize()).toList(), data.heldOut.map(path -> here.resolve(path).normalize()),
                        data.heldOutFraction, data.columns, data.labels, data.multi, data.match, data.overlap), best, adapter, train);
    }

    /** The same with other rows. */
    public LabelRecipe withData(Data other) {
        return new LabelRecipe(kind, seed, device, task, method, model, other, best, adapter, train);
    }

    /** What of the model is trained. */
    Tuning tuning() {
        return new Tuning(method, model.quantize, adapter, model.from);
    }

    /** Peak learning rate where the recipe leaves it open. */
    double rate() {
        return method == Method.FULL ? RATE : method.rate();
    }

    /** @throws IllegalArgumentException where columns or labels do not belong to the task */
    HeadTask<?> headTask() {
        return HeadTask.of(task, new HeadTask.Settings(data.columns, data.labels, data.multi, data.match, data.overlap));
    }

    /** Tokens of an input at most. @param context of the encoder */
    int seq(int context) {
        return train.seq() > 0 ? train.seq() : Math.min(context, headTask().longest());
    }
}
