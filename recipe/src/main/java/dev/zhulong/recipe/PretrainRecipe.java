package dev.zhulong.recipe;

import dev.zhulong.data.clean.Steps;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.yaml.Doc;
import dev.zhulong.tensor.Device;
import dev.zhulong.train.Balance;
import dev.zhulong.train.schedule.Schedule;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Pretraining from text, or continued pretraining of a model that is there already. */
public record PretrainRecipe(
        @Doc("what the recipe is for: pretrain, also where a model is trained further (zhulong continue)") String kind,
        @Doc("random seed of the split, the order of documents and the initial weights") long seed,
        @Doc("where the model is computed: cpu, cuda (the first GPU) or cuda:N; may differ from one start of a run to the next") String device,
        @Doc("the text, and how it becomes tokens") Data data,
        @Doc("the model to create, or the one to continue from") Model model,
        @Doc("general text mixed in, so that a model that learns a domain does not forget the rest") Optional<Replay> replay,
        @Doc("train a low-rank adapter and leave the model's weights alone; needs model.from") Optional<Adapter> adapter,
        @Doc("optimization") Train train) implements RunRecipe {

    /** Of its jobs. */
    public static final String KIND = "pretrain";

    private static final Train TRAIN = new Train(0, 1000, 16, 256, true, 1, 1e-3, Optional.empty(), Schedule.Kind.COSINE, 50, 100, 1, 0.1, 0.9, 0.95,
            1e-8, false, Optional.empty(), 0, TrainPrecision.FP32, "none", 100, 128, 100, 100, 2, "", 100);

    public PretrainRecipe {
        Kinds.require(KIND, kind);
        Device.parse(device);
        if (!(train.lr() > 0)) {
            throw new IllegalArgumentException("train.lr must be above 0, found " + train.lr());
        }
        if (!train.packing()) {
            throw new IllegalArgumentException("train.packing is for the examples of a fine-tuning: data.packing says how rows are cut from documents");
        }
        if (adapter.isPresent() && model.from().isEmpty()) {
            throw new IllegalArgumentException("an adapter needs a base model: give model.from");
        }
        if (adapter.isPresent() && model.attention.isPresent()) {
            throw new IllegalArgumentException("an adapter is put on the model as it is: leave out model.attention, or adapter to train all weights");
        }
    }

    /** Which documents are held out. */
    public enum Split { HASH, POSITION }

    /** How rows are cut from documents. */
    public enum Packing { DOCUMENTS, CROP }

    /** What tokenizer is trained. */
    public enum TokenizerType { BPE, CHAR }

    /** The text. */
    public record Data(
            @Doc("files, directories, archives (txt, source trees, zip, jar, gz, zst, jsonl, csv, parquet)") List<Path> inputs,
            @Doc("instead of inputs: a directory written by zhulong clean") Optional<Path> corpus,
            @Doc("instead of inputs: token shards in train/ and validation/, made with tokenizer.path") Optional<Path> shards,
            @Doc("file extensions to take inside directories and archives; empty takes whatever is text") List<String> extensions,
            @Doc("JSON field or column that holds the text") String field,
            @Doc("false takes every document as it is, duplicates included") boolean clean,
            @Doc("cleaning rules in their order; empty takes the standard ones") List<String> steps,
            @Doc("share of the text held out for evaluation, in [0, 1)") double validationFraction,
            @Doc("hash: whole documents by their content; position: the end of the text") Split split,
            @Doc("documents: packed whole, and documents cannot attend to one another; crop: windows at random places that ignore the boundaries") Packing packing,
            @Doc("the tokenizer") Tokens tokenizer,
            @Doc("documents with a gap to fill, for models of code") Gaps fim) {
        public Data {
            if (!(validationFraction >= 0 && validationFraction < 1)) {
                throw new IllegalArgumentException("validation_fraction must be in [0, 1), found " + validationFraction);
            }
            steps.forEach(Steps::byName);
        }

        static Data defaults() {
            return new Data(List.of(), Optional.empty(), Optional.empty(), List.of(), "text", true, List.of(), 0.05, Split.HASH,
                    Packing.DOCUMENTS, Tokens.defaults(), Gaps.defaults());
        }
    }

    /** Fill-in-the-middle. */
    public record Gaps(
            @Doc("share of the training documents arranged around a gap at random characters; the tokenizer needs the tokens for it") double rate,
            @Doc("share of these that are arranged suffix first (SPM), the others prefix first (PSM)") double spm) {
        public Gaps {
            if (!(rate >= 0 && rate <= 1) || !(spm >= 0 && spm <= 1)) {
                throw new IllegalArgumentException("fim.rate and fim.spm are shares, from 0 to 1; found " + rate + " and " + spm);
            }
        }

        static Gaps defaults() {
            return new Gaps(0, 0.5);
        }
    }

    /** The tokenizer. */
    public record Tokens(
            @Doc("bpe: byte-level BPE; char: the text's characters, no others") TokenizerType type,
            @Doc("number of tokens, for bpe") int vocabSize,
            @Doc("control tokens; the first begins a document, the last ends it") List<String> specials,
            @Doc("instead of training one: a tokenizer.json or the directory that holds it") Optional<Path> path) {
        public Tokens {
            Bounds.atMost("vocab_size", vocabSize, Bounds.VOCABULARY);
        }

        static Tokens defaults() {
            return new Tokens(TokenizerType.BPE, 8192, List.of("<|endoftext|>"), Optional.empty());
        }
    }

    /** The model. */
    public record Model(
            @Doc("Hugging Face directory to continue from, instead of the other fields of this section but attention, and of data.tokenizer")
            Optional<Path> from,
            @Doc("architecture") Family family,
            @Doc("width of the residual stream") int hiddenSize,
            @Doc("blocks") int layers,
            @Doc("query heads") int heads,
            @Doc("key and value heads; 0 for as many as query heads") int kvHeads,
            @Doc("width inside the MLP; 0 for 4 x hidden_size (gpt2) or 8/3 of it, rounded up to 64") int intermediateSize,
            @Doc("longest sequence in tokens") int contextLength,
            @Doc("share the embedding's weight with the output head") boolean tiedEmbeddings,
            @Doc("base of the rotary angles") double ropeTheta,
            @Doc("number of tokens each position attends to, itself included; 0 for all") int slidingWindow,
            @Doc("experts in each layer, each of them an MLP of intermediate_size; 0 for none, or for the family's number") int experts,
            @Doc("experts that a token is given to") int expertsPerToken,
            @Doc("factor of the loss that keeps the experts equally busy") double balance,
            @Doc("layer: that loss is taken over each layer, so that no expert starves; network: over all layers together, as in transformers") Balance.Over balanceOver,
            @Doc("factor of the mean square of the routers' log-sums, which keeps their logits small; 0 for none") double routerZLoss,
            @Doc("what the correction of an expert's score is moved by after each update, towards an equal share of the tokens; needs a family with corrections, such as deepseek_v3; 0 for none") double correctionRate,
            @Doc("an expert takes at most its equal share of a batch times this, and what is beyond passes it by, in training alone; 0 for no limit") double capacity,
            @Doc("which tokens a token attends to, also in a model to continue from; without it, as the family or that model has it")
            Optional<AttentionRecipe> attention) {
        public Model {
            if (hiddenSize < 1 || layers < 1 || heads < 1 || contextLength < 1 || kvHeads < 0 || intermediateSize < 0 || slidingWindow < 0 || experts < 0) {
                throw new IllegalArgumentException("sizes must be positive");
            }
            if (experts > 0 && (expertsPerToken < 1 || expertsPerToken > experts)) {
                throw new IllegalArgumentException("experts_per_token must be from 1 to experts " + experts + ", found " + expertsPerToken);
            }
            if (!(balance >= 0)) {
                throw new IllegalArgumentException("balance must be 0 or more, found " + balance);
            }
            if (!(routerZLoss >= 0) || !(correctionRate >= 0) || !(capacity >= 0)) {
                throw new IllegalArgumentException("router_zloss, correction_rate and capacity must be 0 or more, found " + routerZLoss + ", " + correctionRate + " and " + capacity);
            }
            if (attention.isPresent() && slidingWindow > 0) {
                throw new IllegalArgumentException("model.attention says what model.sliding_window says: give one of the two");
            }
            Bounds.atMost("experts", experts, Bounds.LAYERS);
            Bounds.atMost("hidden_size", hiddenSize, Bounds.WIDTH);
            Bounds.atMost("intermediate_size", intermediateSize, 8L * Bounds.WIDTH);
            Bounds.atMost("layers", layers, Bounds.LAYERS);
            Bounds.atMost("context_length", contextLength, Bounds.TOKENS);
            if (hiddenSize % heads != 0) {
                throw new IllegalArgumentException("hidden_size " + hiddenSize + " is not a multiple of heads " + heads);
            }
            if (kvHeads != 0 && heads % kvHeads != 0) {
                throw new IllegalArgumentException("heads " + heads + " is not a multiple of kv_heads " + kvHeads);
            }
        }

        static Model defaults() {
            return new Model(Optional.empty(), Family.of("llama"), 256, 6, 8, 0, 0, 512, true, 10_000, 0, 0, 2, 0.01, Balance.Over.LAYER, 0, 0, 0, Optional.empty());
        }
    }

    /** General text to mix in. */
    public record Replay(
            @Doc("files, directories, archives; cleaned as data.inputs are") List<Path> inputs,
            @Doc("instead of inputs: a directory written by zhulong clean, whose training side is taken") Optional<Path> corpus,
            @Doc("instead of inputs: a directory of token shards made with the same tokenizer") Optional<Path> shards,
            @Doc("share of the training rows taken from this text, in (0, 1)") double share) {
        public Replay {
            if (!(share > 0 && share < 1)) {
                throw new IllegalArgumentException("share must be in (0, 1), found " + share);
            }
        }

        static Replay defaults() {
            return new Replay(List.of(), Optional.empty(), Optional.empty(), 0.25);
        }
    }

    /** A low-rank adapter (LoRA). */
    public record Adapter(
            @Doc("rank of the factors") int rank,
            @Doc("scale of their product, times the rank") double alpha,
            @Doc("share of the adapter's inputs dropped in training") double dropout,
            @Doc("projections to adapt, by the last part of their names; all-linear for every one but the head") List<String> targets,
            @Doc("divide alpha by the root of the rank instead of the rank") boolean rsLora,
            @Doc("learn each output's magnitude apart from its direction") boolean dora) {
        public Adapter {
            if (rank < 1 || targets.isEmpty()) {
                throw new IllegalArgumentException("an adapter needs a rank of at least 1 and a target");
            }
            Bounds.atMost("rank", rank, Bounds.WIDTH);
            if (!(dropout >= 0 && dropout < 1)) {
                throw new IllegalArgumentException("dropout must be in [0, 1), found " + dropout);
            }
            if (dora && dropout > 0) {
                throw new IllegalArgumentException("dora is trained without dropout: set one of the two");
            }
        }

        static Adapter defaults() {
            return new Adapter(8, 16, 0, List.of(LoraConfig.ALL_LINEAR), false, false);
        }

        /** As PEFT's file has it. */
        LoraConfig config(Path base) {
            return LoraConfig.of(rank, alpha, targets.toArray(String[]::new)).withDropout(dropout).withRsLora(rsLora).withDora(dora)
                    .withBaseModel(base.toString());
        }
    }

    static PretrainRecipe defaults() {
        return new PretrainRecipe(KIND, 1, "cpu", Data.defaults(), Model.defaults(), Optional.empty(), Optional.empty(), TRAIN);
    }

    /** The same with absolute paths, so that the run can be resumed from anywhere. */
    public PretrainRecipe absolute() {
        var d = new Data(absolute(data.inputs), data.corpus.map(PretrainRecipe::absolute), data.shards.map(PretrainRecipe::absolute),
                data.extensions, data.field, data.clean, data.steps, data.validationFraction, data.split, data.packing,
                new Tokens(data.tokenizer.type, data.tokenizer.vocabSize, data.tokenizer.specials,
                        data.tokenizer.path.map(PretrainRecipe::absolute)), data.fim);
        var m = new Model(model.from.map(PretrainRecipe::absolute), model.family, model.hiddenSize, model.layers, model.heads, model.kvHeads,
                model.intermediateSize, model.contextLength, model.tiedEmbeddings, model.ropeTheta, model.slidingWindow, model.experts,
                model.expertsPerToken, model.balance, model.balanceOver, model.routerZLoss, model.correctionRate, model.capacity, model.attention);
        return new PretrainRecipe(kind, seed, device, d, m,
                replay.map(r -> new Replay(absolute(r.inputs), r.corpus.map(PretrainRecipe::absolute), r.shards.map(PretrainRecipe::absolute), r.share)), adapter,
                train);
    }

    private static List<Path> absolute(List<Path> paths) {
        return paths.stream().map(PretrainRecipe::absolute).toList();
    }

    private static Path absolute(Path path) {
        return path.toAbsolutePath().normalize();
    }
}
