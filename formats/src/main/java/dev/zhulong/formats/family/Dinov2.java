package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Patches;
import dev.zhulong.formats.VisionSpec.Pool;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/** DINOv2 (Oquab et al. 2024): ViT with a scale for each layer's results, and for the largest a gated MLP; classes are told from the first token and the mean of the patches. */
public class Dinov2 extends PictureTower {
    static final String MASKED = "use_mask_token";

    @Override
    public String modelType() {
        return "dinov2";
    }

    @Override
    String stem() {
        return "Dinov2";
    }

    @Override
    final List<String> norms() {
        return List.of("norm1", "norm2");
    }

    @Override
    final double epsilon() {
        return 1e-6;
    }

    @Override
    final boolean scalesLayers() {
        return true;
    }

    @Override
    public final Pool poolOfClasses() {
        return Pool.FIRST_AND_MEAN;
    }

    @Override
    Patches patches(JsonFields config) {
        return VisionFields.patches(config, 224, 14, true, 0, config.flag(MASKED, true), false);
    }

    @Override
    final IntFunction<Mlp.Dense> mlp(JsonFields config) {
        double ratio = config.positive("mlp_ratio", 4);
        boolean gated = config.flag("use_swiglu_ffn", false);
        Activation activation = VisionFields.activation(config, "gelu");
        return hidden -> {
            long inner = (long) (hidden * ratio);
            // a gated MLP keeps two thirds of the width, in eights
            long width = gated ? ((long) (inner * 2 / 3.0) + 7) / 8 * 8 : inner;
            if (width < 1 || width > Integer.MAX_VALUE / 2) {
                throw config.wrong("mlp_ratio", "an MLP of one value or more inside", config.node("mlp_ratio"));
            }
            return new Mlp.Dense((int) width, gated ? Activation.SILU : activation, gated, true);
        };
    }

    @Override
    final Pool bare(JsonFields config) {
        return Pool.FIRST;
    }

    @Override
    void writeMore(VisionSpec spec, ObjectNode config) {
        var mlp = (Mlp.Dense) spec.layer(0).mlp();
        double ratio = (double) mlp.width() * (mlp.gated() ? 1.5 : 1) / spec.hiddenSize();
        if (ratio == Math.rint(ratio)) {
            config.put("mlp_ratio", (int) ratio);
        } else {
            config.put("mlp_ratio", ratio);
        }
        config.put("use_swiglu_ffn", mlp.gated()).put(MASKED, spec.patches().masked());
        if (mlp.gated()) {
            config.put("hidden_act", "gelu");
        }
        config.put("layerscale_value", 1.0).put("drop_path_rate", 0.0).put("apply_layernorm", true).put("reshape_hidden_states", true);
    }

    @Override
    final void mlpParameters(ParameterList list, Mlp.Dense mlp, String at, long hidden) {
        if (mlp.gated()) {
            list.projection(Role.GATE, at + "mlp.gate_proj", null, Init.NORMAL, Layout.SAME, mlp.width(), hidden, true);
            list.projection(Role.UP, at + "mlp.up_proj", null, Init.NORMAL, Layout.SAME, mlp.width(), hidden, true);
            list.projection(Role.DOWN, at + "mlp.down_proj", null, Init.NORMAL, Layout.SAME, hidden, mlp.width(), true);
        } else {
            list.projection(Role.UP, at + "mlp.fc1", null, Init.NORMAL, Layout.SAME, mlp.width(), hidden, true);
            list.projection(Role.DOWN, at + "mlp.fc2", null, Init.NORMAL, Layout.SAME, hidden, mlp.width(), true);
        }
    }

    /** Files hold gate and way up together, and call the way down otherwise. */
    private Map<String, List<String>> piles(NetworkSpec spec) {
        var piles = new LinkedHashMap<String, List<String>>();
        for (Parameter p : parameters(spec)) {
            String end = p.bias() ? ".bias" : ".weight";
            String at = p.name().contains(".mlp.") ? p.name().substring(0, p.name().indexOf(".mlp.")) + ".mlp." : null;
            if (at == null || !((Mlp.Dense) ((VisionSpec) spec).layer(p.layer()).mlp()).gated()) {
                continue;
            }
            piles.computeIfAbsent(at + (p.role() == Role.DOWN ? "weights_out" : "weights_in") + end, key -> new ArrayList<>()).add(p.name());
        }
        return piles;
    }

    private static long[] shape(List<Parameter> weights) {
        long[] shape = weights.getFirst().shape();
        shape[0] *= weights.size();
        return shape;
    }

    @Override
    public final Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Piles.apart(spec, piles(spec), Dinov2::shape, super.tidy(spec, stored));
    }

    @Override
    public final Map<String, TensorView> stored(NetworkSpec spec, Map<String, TensorView> weights) {
        Map<String, List<String>> piles = piles(spec);
        return piles.isEmpty() ? weights : Piles.together(spec, piles, Dinov2::shape, weights);
    }
}
