package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import java.util.List;
import java.util.Optional;

/** DistilBERT (Sanh et al. 2019): BERT without segments and without a pooler. */
public final class DistilBert extends PostNormEncoder {
    private static final double EPSILON = 1e-12;
    private static final Names NAMES = new Names("transformer.layer.", "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin",
            "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm");

    @Override
    public String modelType() {
        return "distilbert";
    }

    @Override
    String stem() {
        return "DistilBert";
    }

    @Override
    String prefix() {
        return "distilbert.";
    }

    @Override
    Names names() {
        return NAMES;
    }

    @Override
    List<String> headNames() {
        return List.of("vocab_", "pre_classifier.", "classifier.", "qa_outputs.");
    }

    @Override
    String tokenHead() {
        return null;
    }

    @Override
    public Dense denseOfTokens(Activation layers) {
        return new Dense(layers, true);
    }

    @Override
    public Optional<Dense> denseOfClasses() {
        return Optional.of(new Dense(Activation.RELU, false));
    }

    /** Sinusoidal positions are stored like learned ones, so files with either are read. */
    @Override
    public EncoderSpec read(JsonFields config) {
        String dim = config.named("dim", "hidden_size");
        int hidden = config.integer(dim, 1, MOST);
        if (!config.isSet("hidden_dim") && hidden > MOST / 4) {
            throw config.wrong(dim, "a whole number from 1 to " + MOST / 4, hidden);
        }
        int vocab = config.integer("vocab_size", 1, MOST);
        Activation activation = ConfigFields.ungated(config, "activation", "gelu");
        var stack = stack(config, hidden, config.integer(config.named("n_layers", "num_hidden_layers"), 1, MOST_LAYERS),
                config.named("n_heads", "num_attention_heads"), config.integer("hidden_dim", 1, MOST, 4 * hidden), activation, EPSILON,
                config.integer("max_position_embeddings", 1, MOST, 512), 0);
        return new EncoderSpec(this, stack, vocab, 0, config.integer("pad_token_id", 0, vocab - 1, 0), head(config, activation));
    }

    @Override
    public void write(NetworkSpec network, ObjectNode config) {
        var spec = (EncoderSpec) network;
        refuseOthers(spec, false);
        require(spec, spec.segments() == 0, "segments", 0, spec.segments());
        require(spec, spec.firstPosition() == 0, "first position", 0, spec.firstPosition());
        require(spec, spec.stack().normEpsilon() == EPSILON, "normEpsilon", EPSILON, spec.stack().normEpsilon());
        config.put("vocab_size", spec.vocabSize());
        config.put("dim", spec.hiddenSize());
        config.put("n_layers", spec.layers());
        config.put("n_heads", spec.layer(0).attention().heads());
        config.put("hidden_dim", spec.layer(0).mlp().width());
        config.put("activation", ConfigFields.name(spec.activation(), "gelu_new"));
        config.put("dropout", 0.1).put("attention_dropout", 0.1).put("qa_dropout", 0.1).put("seq_classif_dropout", 0.2);
        config.put("max_position_embeddings", spec.positionRows());
        config.put("sinusoidal_pos_embds", false);
        config.put("initializer_range", 0.02);
        writeHead(spec, config);
    }

    @Override
    void headParameters(ParameterList list, EncoderSpec spec, String prefix) {
        long hidden = spec.hiddenSize();
        switch (spec.head()) {
            case Head.None none -> { }
            case Head.MaskedTokens tokens -> {
                dense(list, "vocab_transform", hidden);
                list.norm(Role.HEAD_NORM, "vocab_layer_norm", "cls.norm", hidden, true);
                ownHead(list, spec, tokens, "vocab_projector");
                list.bias(Role.HEAD, "vocab_projector", "cls.output", Layout.SAME, spec.vocabSize());
            }
            case Head.Classes classes -> {
                dense(list, "pre_classifier", hidden);
                outputs(list, spec, "classifier");
            }
            case Head.Tags tags -> outputs(list, spec, "classifier");
            case Head.Spans spans -> outputs(list, spec, "qa_outputs");
        }
    }
}
