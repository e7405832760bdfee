package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Patches;
import dev.zhulong.formats.VisionSpec.Pool;
import java.util.List;
import java.util.function.IntFunction;

/** ViT (Dosovitskiy et al. 2021), and whatever is published in its layout: DeiT without distillation, DINO, MAE's encoder. */
public final class Vit extends PictureTower {
    /** Written by Zhulong alone, of a bare network without the dense layer that its vector else passes. */
    private static final String POOLER = "add_pooling_layer";

    @Override
    public String modelType() {
        return "vit";
    }

    @Override
    String stem() {
        return "ViT";
    }

    @Override
    List<String> norms() {
        return List.of("layernorm_before", "layernorm_after");
    }

    @Override
    double epsilon() {
        return 1e-12;
    }

    @Override
    boolean scalesLayers() {
        return false;
    }

    @Override
    public Pool poolOfClasses() {
        return Pool.FIRST;
    }

    @Override
    Patches patches(JsonFields config) {
        return VisionFields.patches(config, 224, 16, true, 0, false, false);
    }

    @Override
    IntFunction<Mlp.Dense> mlp(JsonFields config) {
        return hidden -> new Mlp.Dense(config.integer("intermediate_size", 1, MOST, 3072), VisionFields.activation(config, "gelu"), false, true);
    }

    @Override
    Pool bare(JsonFields config) {
        if (!config.text("pooler_act").orElse("tanh").equals("tanh")) {
            throw config.wrong("pooler_act", "tanh (others are not implemented)", config.node("pooler_act"));
        }
        int hidden = config.integer("hidden_size", 1, MOST, 768);
        config.integer("pooler_output_size", hidden, hidden, hidden);
        return config.flag(POOLER, true) ? Pool.FIRST_DENSE : Pool.FIRST;
    }

    @Override
    void writeMore(VisionSpec spec, ObjectNode config) {
        Mlp mlp = spec.layer(0).mlp();
        VisionFields.require(spec, mlp instanceof Mlp.Dense dense && !dense.gated() && dense.bias(), "mlp", "ungated, with biases", mlp);
        config.put("intermediate_size", mlp.width()).put("encoder_stride", spec.patches().size());
        config.put("pooler_act", "tanh").put("pooler_output_size", spec.hiddenSize());
        if (spec.head().labels().isEmpty() && spec.pool() == Pool.FIRST) {
            config.put(POOLER, false);
        }
    }

    @Override
    void mlpParameters(ParameterList list, Mlp.Dense mlp, String at, long hidden) {
        list.projection(Role.UP, at + "intermediate.dense", null, Init.NORMAL, Layout.SAME, mlp.width(), hidden, true);
        list.projection(Role.DOWN, at + "output.dense", null, Init.NORMAL, Layout.SAME, hidden, mlp.width(), true);
    }

    @Override
    String inFiles(String name) {
        return super.inFiles(name).replaceAll("^(vit\\.)?layers\\.", "$1encoder.layer.").replace(".mlp.fc1.", ".intermediate.dense.").replace(".mlp.fc2.", ".output.dense.");
    }

    @Override
    String loaded(String name) {
        return super.loaded(name).replace("encoder.layer.", "layers.").replace(".intermediate.dense.", ".mlp.fc1.").replace(".output.dense.", ".mlp.fc2.");
    }
}
