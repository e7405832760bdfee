package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.EncoderDecoderFields.require;
import static dev.zhulong.formats.family.EncoderDecoderFields.uniform;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderDecoderFamily;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.TensorView;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Whisper (Radford et al. 2022): two convolutions over a mel spectrogram and an encoder behind them, and a decoder that writes what was said. Layers are BART's with the
 * norms first, and keys have no bias.
 */
public final class Whisper implements EncoderDecoderFamily {
    private static final double EPSILON = 1e-5;
    private static final int MOST_BANDS = 1024;

    @Override
    public String modelType() {
        return "whisper";
    }

    @Override
    public List<String> architectures() {
        return List.of("WhisperForConditionalGeneration", "WhisperModel");
    }

    @Override
    public EncoderDecoderSpec read(JsonFields config) {
        EncoderDecoderFields.requireBoth(config, architectures());
        int hidden = config.integer("d_model", 1, MOST, 384);
        if (hidden < 4 || hidden % 2 != 0) {
            throw config.wrong("d_model", "an even number of 4 or more", hidden);
        }
        int vocab = config.integer("vocab_size", 1, MOST, 51_865);
        Activation activation = ConfigFields.ungated(config, "activation_function", "gelu");
        var ids = EncoderDecoderFields.ids(config, vocab, Math.min(50_256, vocab - 1), -1, Math.min(50_256, vocab - 1), Math.min(50_257, vocab - 1), -1);
        return new EncoderDecoderSpec(this, stack(config, "encoder", hidden, activation, config.integer("max_source_positions", 1, MOST / 2, 1500)),
                stack(config, "decoder", hidden, activation, config.integer("max_target_positions", 1, MOST, 448)), 0, vocab, false,
                config.flag("tie_word_embeddings", true), ids, config.integer("num_mel_bins", 1, MOST_BANDS, 80));
    }

    private static Stack stack(JsonFields config, String half, int hidden, Activation activation, int context) {
        int heads = config.integer(half + "_attention_heads", 1, MOST, 6);
        if (hidden % heads != 0) {
            throw config.wrong(half + "_attention_heads", "a divisor of d_model " + hidden, heads);
        }
        Attention attention = attention(heads, hidden);
        var layer = new Layer(attention, half.equals("decoder") ? attention : null, new Mlp.Dense(config.integer(half + "_ffn_dim", 1, MOST, 1536), activation, false, true));
        return new Stack(hidden, Collections.nCopies(config.integer(half + "_layers", 1, MOST_LAYERS, 4), layer), Norm.LAYER, EPSILON, NormPlace.BEFORE, positions(half), context);
    }

    private static Attention attention(int heads, int hidden) {
        return new Attention(heads, heads, hidden / heads, true, true, false, 0);
    }

    private static Positions positions(String half) {
        return half.equals("encoder") ? new Positions.Sinusoidal(0, true) : new Positions.Learned(0);
    }

    @Override
    public void write(NetworkSpec network, ObjectNode config) {
        var spec = (EncoderDecoderSpec) network;
        require(spec, spec.hears(), "num_mel_bins", "more than 0", spec.bands());
        config.put("vocab_size", spec.vocabSize()).put("num_mel_bins", spec.bands()).put("d_model", spec.hiddenSize());
        write(spec, spec.encoder(), "encoder", config);
        write(spec, spec.decoder(), "decoder", config);
        Mlp mlp = spec.encoder().layers().getFirst().mlp();
        require(spec, mlp.activation() == spec.decoder().layers().getFirst().mlp().activation(), "activation", "the same on both sides", "two");
        config.put("num_hidden_layers", spec.encoder().layers().size());
        config.put("max_source_positions", spec.encoder().contextLength()).put("max_target_positions", spec.decoder().contextLength());
        config.put("activation_function", ConfigFields.name(mlp.activation(), "gelu_new"));
        config.put("dropout", 0.0).put("attention_dropout", 0.0).put("activation_dropout", 0.0).put("init_std", 0.02);
        config.put("scale_embedding", false).put("tie_word_embeddings", spec.tiedEmbeddings());
        EncoderDecoderFields.writeIds(spec.ids(), config);
    }

    private static void write(EncoderDecoderSpec spec, Stack stack, String half, ObjectNode config) {
        Layer layer = uniform(spec, stack);
        Attention plain = attention(layer.attention().heads(), spec.hiddenSize());
        require(spec, layer.attention().equals(plain) && (layer.cross() == null || layer.cross().equals(plain)), "attention", plain, layer.attention());
        require(spec, layer.mlp() instanceof Mlp.Dense mlp && !mlp.gated() && mlp.bias(), "mlp", "ungated, with biases", layer.mlp());
        require(spec, stack.norm() == Norm.LAYER && stack.place() == NormPlace.BEFORE && stack.normEpsilon() == EPSILON, "norm", "LAYER BEFORE " + EPSILON, stack.norm());
        require(spec, stack.positions().equals(positions(half)), "positions", positions(half), stack.positions());
        require(spec, stack.scales().equals(Scales.NONE), "scales", Scales.NONE, stack.scales());
        config.put(half + "_layers", stack.layers().size()).put(half + "_attention_heads", plain.heads()).put(half + "_ffn_dim", layer.mlp().width());
        config.put(half + "_layerdrop", 0.0);
    }

    @Override
    public List<Parameter> parameters(NetworkSpec network) {
        var spec = (EncoderDecoderSpec) network;
        int hidden = spec.hiddenSize();
        var list = new ParameterList();
        list.convolution(Role.SOUND_CONV1, "model.encoder.conv1", hidden, spec.bands(), 3);
        list.convolution(Role.SOUND_CONV2, "model.encoder.conv2", hidden, hidden, 3);
        list.sines(Role.SOUND_POSITIONS, "model.encoder.embed_positions", spec.encoder().contextLength(), hidden);
        BartEncoderDecoder.layers(list, spec.encoder(), 0, "model.encoder.", false);
        list.norm(Role.ENCODER_NORM, "model.encoder.layer_norm", null, hidden, true);
        list.matrix(Role.EMBED, "model.decoder.embed_tokens", null, Init.NORMAL, spec.vocabSize(), hidden);
        list.matrix(Role.POSITIONS, "model.decoder.embed_positions", null, Init.NORMAL, spec.decoder().contextLength(), hidden);
        BartEncoderDecoder.layers(list, spec.decoder(), spec.firstDecoderLayer(), "model.decoder.", false);
        list.norm(Role.FINAL_NORM, "model.decoder.layer_norm", null, hidden, true);
        if (!spec.tiedEmbeddings()) {
            list.matrix(Role.HEAD, "proj_out", null, Init.NORMAL, spec.vocabSize(), hidden);
        }
        return list.all();
    }

    /** A file of the network without its head lacks the prefix. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec network, Map<String, TensorView> stored) {
        return EncoderDecoderFields.tidy(stored, name -> name.startsWith("encoder.") || name.startsWith("decoder.") ? "model." + name : name, "", List.of());
    }
}
