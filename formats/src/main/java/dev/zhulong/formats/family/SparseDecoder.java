package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_EXPERTS;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/** Llama-like decoders of which some layers, or all, have a mixture of experts, under the names that most have taken over from Qwen2-MoE. */
public abstract class SparseDecoder extends RotaryDecoder {

    /**
     * A mixture, and the layers that have it; the others have an MLP for all tokens.
     *
     * @param in whether a layer has it
     */
    public record Sparse(Mlp.Experts mixture, IntPredicate in) {}

    /** The mixture of a configuration. @param dense the MLP of layers without one, whose activation experts share; null for no mixture at all */
    protected abstract Sparse experts(JsonFields config, Mlp.Dense dense, int layers);

    /** Puts the fields that {@link #experts} reads. */
    protected abstract void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config);

    /** The width of an MLP for all tokens, where {@code config.json} is silent. */
    protected abstract int absentWidth();

    @Override
    protected Mlp.Dense mlp(JsonFields config) {
        return new Mlp.Dense(config.integer("intermediate_size", 1, MOST, absentWidth()), activation(config), true, false);
    }

    @Override
    protected List<Mlp> mlps(JsonFields config, int layers) {
        Mlp.Dense dense = mlp(config);
        Sparse sparse = experts(config, dense, layers);
        var mlps = new ArrayList<Mlp>();
        for (int l = 0; l < layers; l++) {
            mlps.add(sparse == null || !sparse.in.test(l) ? dense : sparse.mixture);
        }
        return mlps;
    }

    @Override
    protected void writeMlp(DecoderSpec spec, ObjectNode config) {
        Mlp.Experts mixture = mixture(spec, "config.json");
        config.put("intermediate_size", dense(spec));
        config.put("output_router_logits", false);
        config.put("router_aux_loss_coef", mixture.balance());
        writeExperts(spec, mixture, config);
    }

    private Mlp.Experts mixture(DecoderSpec spec, String where) {
        return spec.stack().experts().orElseThrow(() -> new IllegalArgumentException("a " + where + " of " + modelType() + " cannot say a decoder without experts"));
    }

    /** The width of the layers without experts; that of an expert where there are none. */
    private static int dense(DecoderSpec spec) {
        return spec.stack().layers().stream().map(Layer::mlp).filter(Mlp.Dense.class::isInstance).findFirst().orElse(spec.layer(0).mlp()).width();
    }

    /** The same MLP of another width. */
    protected static Mlp.Dense width(Mlp.Dense dense, int width) {
        return new Mlp.Dense(width, dense.activation(), dense.gated(), dense.bias());
    }

    /** The field's number of experts, of so many layers. */
    protected static int count(JsonFields config, String field, int layers, int absent) {
        return config.integer(field, 0, MOST_EXPERTS / layers, absent);
    }

    /** The factor of the balance loss. */
    protected static double balance(JsonFields config, double absent) {
        return config.isSet("router_aux_loss_coef") ? config.number("router_aux_loss_coef") : absent;
    }

    /** The layers that {@code mlp_only_layers} and {@code decoder_sparse_step} leave to experts. */
    protected static boolean isSparse(JsonFields config, int layer) {
        for (var only : config.node("mlp_only_layers")) {
            if (!only.canConvertToInt()) {
                throw config.wrong("mlp_only_layers", "a list of layers", config.node("mlp_only_layers"));
            }
            if (only.intValue() == layer) {
                return false;
            }
        }
        return (layer + 1) % config.integer("decoder_sparse_step", 1, MOST, 1) == 0;
    }

    /** Puts the fields that {@link #isSparse} reads. */
    protected static void writeSparse(DecoderSpec spec, ObjectNode config) {
        config.put("decoder_sparse_step", 1);
        var only = config.putArray("mlp_only_layers");
        for (int layer = 0; layer < spec.layers(); layer++) {
            if (spec.layer(layer).mlp() instanceof Mlp.Dense) {
                only.add(layer);
            }
        }
    }

    // ---- weights -----------------------------------------------------------------------------------------------------------------------------

    /** Below a layer, where its mixture lies. */
    protected String module() {
        return "mlp";
    }

    /** The name of a router. @param module with its layer's */
    protected String router(String module) {
        return module + ".gate";
    }

    /** The whole name of what is added to scores for the choice. */
    protected String correction(String module) {
        return module + ".gate.e_score_correction_bias";
    }

    /** The name of a shared expert. */
    protected String shared(String module) {
        return module + ".shared_expert";
    }

    @Override
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        if (!(mlp instanceof Mlp.Experts mixture)) {
            super.mlpParameters(list, spec, mlp, at, gguf);
            return;
        }
        String module = at + module();
        list.matrix(Role.ROUTER, router(module), gguf + "ffn_gate_inp", Init.NORMAL, mixture.count(), spec.hiddenSize());
        if (mixture.routing().bias()) {
            list.bias(Role.ROUTER, router(module), gguf + "ffn_gate_inp", Layout.SAME, mixture.count());
        }
        if (mixture.routing().correction()) {
            list.vector(Role.CORRECTION, correction(module), gguf + "exp_probs_b.bias", mixture.count());
        }
        for (int expert = 0; expert < mixture.count(); expert++) {
            String name = module + ".experts." + expert + ".";
            list.expert(expert);
            dense(list, spec, mixture.expert(), name + "gate_proj", name + "up_proj", name + "down_proj", gguf, "_exps");
        }
        list.expert(-1);
        if (mixture.shared() != null) {
            dense(list, spec, mixture.shared(), shared(module) + ".gate_proj", shared(module) + ".up_proj", shared(module) + ".down_proj", gguf, "_shexp");
        }
        if (mixture.sharedScale()) {
            list.row(Role.SHARED_SCALE, module + ".shared_expert_gate", gguf + "ffn_gate_inp_shexp", spec.hiddenSize());
        }
    }

    @Override
    public Map<String, List<String>> together(NetworkSpec network) {
        return Mixtures.together(network, module() + ".experts");
    }

    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Mixtures.apart(spec, module() + ".experts", super.tidy(spec, stored));
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    public Set<String> understood() {
        return Set.of("expert_count");
    }

    /** The mixture that the metadata say. @param dense the MLP of layers without one */
    protected abstract Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense);

    /** Puts the keys that {@link #experts(GgufKeys, int, int, Mlp.Dense)} reads, but for the numbers it is given. */
    protected abstract void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata);

    /** Whether the first layers of a GGUF file may have an MLP for all tokens. */
    protected boolean mayBeginDenseInGguf() {
        return false;
    }

    @Override
    protected List<Mlp> mlps(GgufKeys keys) {
        int layers = keys.shape().layers();
        var dense = new Mlp.Dense(keys.integer("feed_forward_length", 1, MOST), ggufActivation(), true, false);
        int count = keys.integer("expert_count", 1, MOST_EXPERTS / layers);
        Mlp.Experts mixture = experts(keys, count, keys.integer("expert_used_count", 1, count), dense);
        int first = mayBeginDenseInGguf() ? keys.integer("leading_dense_block_count", 0, layers, 0) : 0;
        var mlps = new ArrayList<Mlp>(Collections.nCopies(first, dense));
        mlps.addAll(Collections.nCopies(layers - first, mixture));
        return mlps;
    }

    @Override
    public void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Mlp.Experts mixture = mixture(spec, "GGUF file");
        super.write(spec, at, metadata);
        int first = 0;
        while (spec.layer(first).mlp() instanceof Mlp.Dense) {
            first++;
        }
        if (mayBeginDenseInGguf()) {
            metadata.put(at + "leading_dense_block_count", GgufValue.of(first));
        }
        metadata.put(at + "feed_forward_length", GgufValue.of(dense(spec)));
        metadata.put(at + "expert_count", GgufValue.of(mixture.count()));
        metadata.put(at + "expert_used_count", GgufValue.of(mixture.chosen()));
        metadata.put(at + "expert_feed_forward_length", GgufValue.of(mixture.width()));
        writeExperts(mixture, at, metadata);
    }
}
