package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.ConfigFields.refuse;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufShape;
import dev.zhulong.formats.gguf.GgufTensor;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** BERT (Devlin et al. 2018): classes are read from the first token through the pooler, which is stored with the encoder. */
public class Bert extends PostNormEncoder {
    private static final Names NAMES = new Names("encoder.layer.", "attention.self.query", "attention.self.key", "attention.self.value",
            "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm");

    @Override
    public String modelType() {
        return "bert";
    }

    @Override
    String stem() {
        return "Bert";
    }

    @Override
    String prefix() {
        return "bert.";
    }

    @Override
    Names names() {
        return NAMES;
    }

    @Override
    List<String> headNames() {
        return List.of("cls.", "classifier.", "qa_outputs.");
    }

    @Override
    String tokenHead() {
        return "cls.predictions";
    }

    /** The published pre-training also asked whether one sentence follows another. */
    @Override
    List<String> otherTokenHeads() {
        return List.of("ForPreTraining");
    }

    @Override
    public Dense denseOfTokens(Activation layers) {
        return new Dense(layers, true);
    }

    @Override
    public Optional<Dense> denseOfClasses() {
        return Optional.of(new Dense(Activation.TANH, false));
    }

    /** Whether layers may have a short reach. */
    boolean hasWindows() {
        return false;
    }

    /** The layers' shape, with what the family has besides. */
    Stack more(JsonFields config, Stack stack) {
        return stack;
    }

    /** Puts the fields that {@link #more} reads; refuses what the family does not have. */
    void writeMore(EncoderSpec spec, ObjectNode config) {
        require(spec, spec.stack().positions() instanceof Positions.Learned, "positions", "learned", spec.stack().positions());
    }

    /** Rows of the table of segments where the file names none; as many as at least. */
    int segments() {
        return 2;
    }

    /** Norms' epsilon where the file names none. */
    double epsilon() {
        return 1e-12;
    }

    /** Id of padding where the file names none. */
    int padId() {
        return 0;
    }

    /** The row of the table of positions where position 0 stands. */
    int firstPosition(int padId) {
        return 0;
    }

    @Override
    public final EncoderSpec read(JsonFields config) {
        refuse(config, "is_decoder", false);
        refuse(config, "add_cross_attention", false);
        config.text("position_embedding_type").filter(type -> !type.equals("absolute")).ifPresent(type -> {
            throw config.wrong("position_embedding_type", "absolute (another one is not implemented)", config.node("position_embedding_type"));
        });
        int hidden = config.integer("hidden_size", 1, MOST);
        int vocab = config.integer("vocab_size", 1, MOST);
        int padId = config.integer("pad_token_id", 0, vocab - 1, padId());
        Activation activation = ConfigFields.ungated(config, "hidden_act", "gelu");
        var stack = stack(config, hidden, config.integer("num_hidden_layers", 1, MOST_LAYERS), "num_attention_heads",
                config.integer("intermediate_size", 1, MOST), activation, config.positive("layer_norm_eps", epsilon()),
                config.integer("max_position_embeddings", 1, MOST, 512), firstPosition(padId));
        return new EncoderSpec(this, more(config, stack), vocab, config.integer("type_vocab_size", segments() == 0 ? 0 : 1, MOST, segments()), padId,
                head(config, activation));
    }

    @Override
    public final void write(NetworkSpec network, ObjectNode config) {
        var spec = (EncoderSpec) network;
        refuseOthers(spec, hasWindows());
        writeMore(spec, config);
        require(spec, spec.segments() > 0 || segments() == 0, "segments", "1 or more", spec.segments());
        require(spec, spec.firstPosition() == firstPosition(spec.padId()), "first position", firstPosition(spec.padId()), spec.firstPosition());
        config.put("vocab_size", spec.vocabSize());
        config.put("hidden_size", spec.hiddenSize());
        config.put("num_hidden_layers", spec.layers());
        config.put("num_attention_heads", spec.layer(0).attention().heads());
        config.put("intermediate_size", spec.layer(0).mlp().width());
        config.put("hidden_act", ConfigFields.name(spec.activation(), "gelu_new"));
        config.put("hidden_dropout_prob", 0.1).put("attention_probs_dropout_prob", 0.1).putNull("classifier_dropout");
        config.put("max_position_embeddings", spec.positionRows());
        config.put("position_embedding_type", "absolute");
        config.put("type_vocab_size", spec.segments());
        config.put("initializer_range", 0.02);
        config.put("layer_norm_eps", spec.stack().normEpsilon());
        config.put("is_decoder", false).put("add_cross_attention", false);
        writeHead(spec, config);
    }

    @Override
    public boolean claims(GgufMetadata metadata) {
        return modelType().equals("bert");
    }

    @Override
    public final EncoderSpec read(GgufFile file) {
        String at = ggufArchitecture() + ".";
        GgufMetadata metadata = file.metadata();
        GgufShape shape = GgufShape.read(file, at, false);
        if (metadata.flag(at + "attention.causal", false)) {
            throw metadata.wrong(at + "attention.causal", "false, as in an encoder");
        }
        if (shape.kvHeads() != shape.heads() || shape.headDim() != shape.hidden() / shape.heads()) {
            throw metadata.wrong(at + "attention.head_count", "a divisor of embedding_length " + shape.hidden() + " and no fewer key heads");
        }
        var layer = new Layer(new Attention(shape.heads(), shape.heads(), shape.headDim(), true, true, false, 0), new Mlp.Dense(shape.inner(), Activation.GELU, false, true));
        var stack = new Stack(shape.hidden(), Collections.nCopies(shape.layers(), layer), Norm.LAYER, metadata.positive(at + ggufEpsilon()), NormPlace.AFTER,
                new Positions.Learned(0), shape.contextLength());
        GgufTensor segments = file.tensors().get("token_types.weight");
        return new EncoderSpec(this, stack, shape.vocab(), segments == null ? 0 : (int) segments.shape()[0],
                metadata.tokenId("tokenizer.ggml.padding_token_id", shape.vocab()).orElse(0), GgufHead.classes(file, at, false));
    }

    @Override
    void headParameters(ParameterList list, EncoderSpec spec, String prefix) {
        long hidden = spec.hiddenSize();
        switch (spec.head()) {
            case Head.None none -> { }
            case Head.MaskedTokens tokens -> {
                list.bias(Role.HEAD, "cls.predictions", "cls.output", Layout.SAME, spec.vocabSize());
                dense(list, "cls.predictions.transform.dense", hidden);
                list.norm(Role.HEAD_NORM, "cls.predictions.transform.LayerNorm", "cls.norm", hidden, true);
                ownHead(list, spec, tokens, "cls.predictions.decoder");
            }
            case Head.Classes classes -> {
                // llama.cpp's converter leaves the pooler out
                if (classes.dense().isPresent()) {
                    dense(list, prefix + "pooler.dense", hidden);
                }
                outputs(list, spec, "classifier");
            }
            case Head.Tags tags -> outputs(list, spec, "classifier");
            case Head.Spans spans -> outputs(list, spec, "qa_outputs");
        }
    }
}
