package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.VisionFamily;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.VisionSpec.Patches;
import dev.zhulong.formats.VisionSpec.Pool;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;

/**
 * What ViT (Dosovitskiy et al. 2021) and its descendants share: a token before the patches, a norm after the last layer, a head of classes or none. Files
 * have other names than transformers has since version 5 once they are loaded; both are read.
 */
abstract class PictureTower implements VisionFamily {
    private static final String BARE = "Model";
    private static final String CLASSES = "ForImageClassification";

    /** What its architectures' names begin with, such as {@code ViT}. */
    abstract String stem();

    /** What its files call parts of a layer: norms of attention and MLP. */
    abstract List<String> norms();

    abstract double epsilon();

    abstract Patches patches(JsonFields config);

    abstract IntFunction<Mlp.Dense> mlp(JsonFields config);

    /** What a bare network's vector is. */
    abstract Pool bare(JsonFields config);

    /** Puts what {@link #mlp}, {@link #patches} and {@link #bare} read besides the fields that all share. */
    abstract void writeMore(VisionSpec spec, ObjectNode config);

    /** Adds the weights of a layer's MLP. @param at the layer's prefix */
    abstract void mlpParameters(ParameterList list, Mlp.Dense mlp, String at, long hidden);

    /** Whether attention and MLP have a vector that their results are multiplied by. */
    abstract boolean scalesLayers();

    private String prefix() {
        return modelType() + ".";
    }

    @Override
    public final List<String> architectures() {
        return List.of(stem() + BARE, stem() + CLASSES);
    }

    @Override
    public final String architecture(NetworkSpec network) {
        return stem() + (((VisionSpec) network).head() instanceof Head.Classes ? CLASSES : BARE);
    }

    @Override
    public final VisionSpec read(JsonFields config) {
        Patches patches = patches(config);
        Stack stack = VisionFields.stack(config, config.integer("hidden_size", 1, MOST, 768), 12, 12, config.flag("qkv_bias", true), mlp(config), epsilon(), patches.positions());
        String named = config.node("architectures").path(0).asText(stem() + BARE);
        if (!architectures().contains(named)) {
            throw config.wrong("architectures", "one of " + String.join(", ", architectures()), FormatException.quote(named));
        }
        if (named.endsWith(BARE)) {
            return new VisionSpec(this, stack, patches, bare(config), new Head.None(), Optional.empty());
        }
        List<String> labels = ConfigLabels.read(config);
        return new VisionSpec(this, stack, patches, poolOfClasses(), new Head.Classes(Optional.empty(), labels, ConfigLabels.problem(config, labels.size())), Optional.empty());
    }

    @Override
    public final void write(NetworkSpec network, ObjectNode config) {
        var spec = (VisionSpec) network;
        Layer layer = VisionFields.write(spec, spec.stack(), true, config);
        config.put("qkv_bias", layer.attention().qkvBias());
        VisionFields.write(spec.patches(), config);
        writeMore(spec, config);
        config.put("hidden_dropout_prob", 0.0).put("attention_probs_dropout_prob", 0.0).put("initializer_range", 0.02);
        ConfigLabels.write(spec.head(), config);
    }

    @Override
    public final List<Parameter> parameters(NetworkSpec network) {
        var spec = (VisionSpec) network;
        var list = new ParameterList();
        long hidden = spec.hiddenSize();
        Patches patches = spec.patches();
        String at = spec.head() instanceof Head.None ? "" : prefix();
        list.tensor(Role.CLASS_TOKEN, at + "embeddings.cls_token", Init.NORMAL, true, 1, 1, hidden);
        if (patches.masked()) {
            list.tensor(Role.MASK_TOKEN, at + "embeddings.mask_token", Init.ZERO, false, 1, hidden);
        }
        list.tensor(Role.PATCH_POSITIONS, at + "embeddings.position_embeddings", Init.NORMAL, true, 1, patches.positions(), hidden);
        if (patches.registers() > 0) {
            list.tensor(Role.REGISTERS, at + "embeddings.register_tokens", Init.NORMAL, true, 1, patches.registers(), hidden);
        }
        list.tensor(Role.PATCHES, at + "embeddings.patch_embeddings.projection.weight", Init.NORMAL, true, hidden, patches.channels(), patches.size(), patches.size());
        list.bias(Role.PATCHES, at + "embeddings.patch_embeddings.projection", null, Layout.SAME, hidden);
        for (int l = 0; l < spec.stack().layers().size(); l++) {
            layerParameters(list.layer(l), spec.stack().layers().get(l), at + "encoder.layer." + l + ".", hidden);
        }
        list.layer(-1);
        list.norm(Role.PICTURE_NORM, at + "layernorm", null, hidden, true);
        if (spec.pool() == Pool.FIRST_DENSE) {
            list.projection(Role.HEAD_DENSE, at + "pooler.dense", null, Init.NORMAL, Layout.SAME, hidden, hidden, true);
        }
        if (spec.head() instanceof Head.Classes classes) {
            list.projection(Role.HEAD, "classifier", null, Init.NORMAL, Layout.SAME, classes.labels().size(), spec.pooledSize(), true);
        }
        return list.all();
    }

    private void layerParameters(ParameterList list, Layer layer, String at, long hidden) {
        boolean bias = layer.attention().qkvBias();
        list.norm(Role.NORM1, at + norms().get(0), null, hidden, true);
        list.projection(Role.Q, at + "attention.attention.query", null, Init.NORMAL, Layout.SAME, hidden, hidden, bias);
        list.projection(Role.K, at + "attention.attention.key", null, Init.NORMAL, Layout.SAME, hidden, hidden, bias);
        list.projection(Role.V, at + "attention.attention.value", null, Init.NORMAL, Layout.SAME, hidden, hidden, bias);
        list.projection(Role.OUT, at + "attention.output.dense", null, Init.NORMAL, Layout.SAME, hidden, hidden, true);
        if (scalesLayers()) {
            list.tensor(Role.SCALE1, at + "layer_scale1.lambda1", Init.ONE, false, hidden);
        }
        list.norm(Role.NORM2, at + norms().get(1), null, hidden, true);
        mlpParameters(list, (Mlp.Dense) layer.mlp(), at, hidden);
        if (scalesLayers()) {
            list.tensor(Role.SCALE2, at + "layer_scale2.lambda1", Init.ONE, false, hidden);
        }
    }

    // ---- names -------------------------------------------------------------------------------------------------------------------------------

    /** The name in files of one that transformers has once a model is loaded. */
    String inFiles(String name) {
        return name.replaceAll("\\.attention\\.q_proj\\.", ".attention.attention.query.").replaceAll("\\.attention\\.k_proj\\.", ".attention.attention.key.")
                .replaceAll("\\.attention\\.v_proj\\.", ".attention.attention.value.").replaceAll("\\.attention\\.o_proj\\.", ".attention.output.dense.");
    }

    /** The other way from {@link #inFiles}. */
    String loaded(String name) {
        return name.replace(".attention.attention.query.", ".attention.q_proj.").replace(".attention.attention.key.", ".attention.k_proj.")
                .replace(".attention.attention.value.", ".attention.v_proj.").replace(".attention.output.dense.", ".attention.o_proj.");
    }

    /** The tower's weights get the prefix that the wanted architecture has; a head or a pooler that it does not have is left out. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec network, Map<String, TensorView> stored) {
        var spec = (VisionSpec) network;
        Set<String> names = new HashSet<>();
        Parameters.of(spec).forEach(p -> names.add(p.name()));
        return Families.renamed(stored, view -> {
            String name = view.name();
            if (name.startsWith("classifier.")) {
                return Optional.of(name).filter(names::contains);
            }
            String own = inFiles((spec.head() instanceof Head.None ? "" : prefix()) + (name.startsWith(prefix()) ? name.substring(prefix().length()) : name));
            return own.contains("pooler.") ? Optional.of(own).filter(names::contains) : Optional.of(own);
        });
    }

    @Override
    public final Map<String, List<String>> together(NetworkSpec network) {
        var together = new LinkedHashMap<String, List<String>>();
        parameters(network).forEach(p -> together.put(loaded(p.name()), List.of(p.name())));
        return together;
    }
}
