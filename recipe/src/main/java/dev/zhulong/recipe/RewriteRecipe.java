package dev.zhulong.recipe;

import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.tensor.Device;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Training of an encoder–decoder, from another or from nothing, on pairs of texts. */
public record RewriteRecipe(
        @Doc("what the recipe is for: rewrite") String kind,
        @Doc("random seed of the split, the order of pairs and fresh weights") long seed,
        @Doc("where the model is computed: cpu, cuda (the first GPU) or cuda:N; may differ from one start of a run to the next") String device,
        @Doc("translate: scored by chrF and BLEU, beside a copy and a dictionary; summarize: scored by ROUGE, sources that are too long are cut") Task task,
        @Doc("full: all weights; lora: an adapter; qlora: an adapter on a base in blocks of 4 or 8 bits") Method method,
        @Doc("the encoder–decoder to train further, or to create") Model model,
        @Doc("tokenizer of a model that is created: byte-level BPE over both sides") Tokens tokenizer,
        @Doc("the pairs") Data data,
        @Doc("share of a label's probability that all tokens have equally, in [0, 1); the loss that is reported at the end is without it") double labelSmoothing,
        @Doc("share of the embeddings and of each layer's results that is dropped while training, in [0, 1)") double dropout,
        @Doc("loss: the weights of the evaluation with the least held-out loss are kept; last: the last ones") Best best,
        @Doc("held-out texts written at the end, to be scored; 0 for all") int written,
        @Doc("texts that are searched side by side for each that is written; 1 takes the likeliest token each time") int beams,
        @Doc("the adapter, unless the method is full") PretrainRecipe.Adapter adapter,
        @Doc("optimization; lr 0 for 5e-5, 5e-4 with an adapter, and 1e-3 where a model is created; evaluated after each epoch unless evaluate_every says otherwise") Train train)
        implements RunRecipe {

    /** Of its jobs. */
    public static final String KIND = "rewrite";

    private static final double FURTHER = 5e-5;
    private static final double FRESH = 1e-3;
    private static final int MOST_BEAMS = 64;
    /** Tokens of a text where nothing else is said. */
    private static final int LONGEST = 512;

    private static final Train TRAIN = new Train(3, 0, 16, 0, true, 1, 0, Optional.of(0.0), Schedule.Kind.LINEAR, 0.1, 0.1, 1, 0.01, 0.9, 0.98, 1e-8, false, Optional.empty(), 0, TrainPrecision.FP32, "none",
            0, 0, 0, 500, 2, "", 100);

    public RewriteRecipe {
        Kinds.require(KIND, kind);
        Device.parse(device);
        if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
            throw new IllegalArgumentException("label_smoothing must be in [0, 1), found " + labelSmoothing);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("dropout must be in [0, 1), found " + dropout);
        }
        if (written < 0 || beams < 1) {
            throw new IllegalArgumentException("written must not be negative and beams at least 1, found " + written + " and " + beams);
        }
        Bounds.atMost("beams", beams, MOST_BEAMS);
        new Tuning(method, model.quantize, adapter, model.from);
    }

    /** What is written of a text. */
    public enum Task {
        TRANSLATE, SUMMARIZE;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Which weights are the result. */
    public enum Best { LOSS, LAST }

    /** Families that a model can be created of. */
    public enum Kind {
        MARIAN, T5, BART;

        String modelType() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Either a base or a shape. */
    public record Model(
            @Doc("directory of an encoder–decoder in the Hugging Face layout, to train further") Optional<Path> from,
            @Doc("instead of from: the family of a model to create: marian, t5 or bart") Optional<Kind> family,
            @Doc("width of a model that is created") int hiddenSize,
            @Doc("layers of its encoder, and of its decoder") int layers,
            @Doc("attention heads") int heads,
            @Doc("width of its MLPs") int intermediateSize,
            @Doc("longest text, in tokens") int contextLength,
            @Doc("storage of the base model with qlora") QuantizedMatrix.Format quantize) {
        public Model {
            if (hiddenSize < 1 || layers < 1 || heads < 1 || intermediateSize < 1 || contextLength < 2 || hiddenSize % heads != 0) {
                throw new IllegalArgumentException("expected sizes above 0 and a hidden_size that heads divide, found hidden_size " + hiddenSize + ", layers " + layers
                        + ", heads " + heads + ", intermediate_size " + intermediateSize + ", context_length " + contextLength);
            }
            Bounds.atMost("hidden_size", hiddenSize, Bounds.WIDTH);
            Bounds.atMost("intermediate_size", intermediateSize, Bounds.WIDTH);
            Bounds.atMost("layers", layers, Bounds.LAYERS);
            Bounds.atMost("context_length", contextLength, Bounds.TOKENS);
        }
    }

    /** The tokenizer. */
    public record Tokens(@Doc("number of tokens at most") int vocabSize) {
        public Tokens {
            Bounds.atMost("vocab_size", vocabSize, Bounds.VOCABULARY);
            if (vocabSize < RewriteModel.LEAST_VOCABULARY) {
                throw new IllegalArgumentException("vocab_size must be at least " + RewriteModel.LEAST_VOCABULARY + ": the bytes and two marks; found " + vocabSize);
            }
        }
    }

    /** Pairs of texts. */
    public record Data(
            @Doc("files of pairs: tsv (two columns), csv, jsonl, json, parquet") List<Path> files,
            @Doc("file of pairs to evaluate on; null for a share of the others") Optional<Path> heldOut,
            @Doc("share of the pairs held out for evaluation, where no file is; in [0, 1)") double heldOutFraction,
            @Doc("column of the text that is read; in tsv without a header its number") String source,
            @Doc("column of the text that is to be written") String target,
            @Doc("put before each source, as T5 has it: 'summarize: '") String prefix,
            @Doc("language of the sources as the tokenizer spells it, for models of many languages, such as eng_Latn") Optional<String> sourceLanguage,
            @Doc("language of the targets as the tokenizer spells it") Optional<String> targetLanguage) {
        public Data {
            if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
                throw new IllegalArgumentException("held_out_fraction must be in [0, 1), found " + heldOutFraction);
            }
            if (source.equals(target)) {
                throw new IllegalArgumentException("source and target must be two columns, found '" + source + "' for both");
            }
        }
    }

    static RewriteRecipe defaults() {
        return new RewriteRecipe(KIND, 1, "cpu", Task.TRANSLATE, Method.FULL,
                new Model(Optional.empty(), Optional.empty(), 256, 3, 4, 1024, 256, QuantizedMatrix.Format.NF4), new Tokens(8000),
                new Data(List.of(), Optional.empty(), 0.05, "source", "target", "", Optional.empty(), Optional.empty()), 0, 0.1, Best.LOSS, 500, 1,
                PretrainRecipe.Adapter.defaults(), TRAIN);
    }

    /** The same with absolute paths, so that the run can be resumed from anywhere. */
    RewriteRecipe absolute() {
        Path here = Path.of("").toAbsolutePath();
        return withModel(new Model(model.from.map(path -> here.resolve(path).normalize()), model.family, model.hiddenSize, model.layers, model.heads,
                model.intermediateSize, model.contextLength, model.quantize)).withData(data.files.stream().map(path -> here.resolve(path).normalize()).toList(),
                data.heldOut.map(path -> here.resolve(path).normalize()));
    }

    private RewriteRecipe withModel(Model other) {
        return new RewriteRecipe(kind, seed, device, task, method, other, tokenizer, data, labelSmoothing, dropout, best, written, beams, adapter, train);
    }

    /** The same with other files. */
    public RewriteRecipe withData(List<Path> files, Optional<Path> heldOut) {
        return new RewriteRecipe(kind, seed, device, task, method, model, tokenizer, new Data(files, heldOut, data.heldOutFraction, data.source, data.target, data.prefix,
                data.sourceLanguage, data.targetLanguage), labelSmoothing, dropout, best, written, beams, adapter, train);
    }

    /** Tokens of a text at most. @param longest that the model has positions for */
    int seq(int longest) {
        return train.seq() > 0 ? train.seq() : Math.min(longest, model.from.isPresent() ? LONGEST : model.contextLength);
    }

    /** Peak learning rate where the recipe leaves it open. */
    double rate() {
        return method != Method.FULL ? method.rate() : model.from.isPresent() ? FURTHER : FRESH;
    }

    /** What of the model is trained. */
    Tuning tuning() {
        return new Tuning(method, model.quantize, adapter, model.from);
    }
}
