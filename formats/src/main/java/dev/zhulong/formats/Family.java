package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A published architecture (Llama, Qwen3, GPT-2, …): the only place that knows its names. What its configuration says, which weights it has, how
 * they are called, shaped, started and laid out is said here once; config reader and writer, GGUF, both engines, adapters and quantiser ask.
 *
 * <p>A family is a file in {@code dev.zhulong.formats.family} and a line in {@code family/families.txt}; a jar on the class path adds its own with
 * a line in {@code META-INF/services/dev.zhulong.formats.Family}. One that GGUF files exist of is a {@link dev.zhulong.formats.gguf.GgufFamily} too.
 */
public interface Family {
    /** {@code model_type} in {@code config.json}. */
    String modelType();

    /** The model type in capitals, for messages. */
    default String title() {
        return modelType().toUpperCase(Locale.ROOT);
    }

    /** Names in {@code architectures} in {@code config.json}, the one that is written first. */
    List<String> architectures();

    /** Of {@link #architectures}, the one that a network of this shape is written as. */
    default String architecture(NetworkSpec spec) {
        return architectures().getFirst();
    }

    /**
     * The shape that a {@code config.json} describes.
     *
     * @throws FormatException for a field that is wrong, or that would change the results and is not implemented
     */
    NetworkSpec read(JsonFields config);

    /**
     * Puts the fields that {@link #read} turns into the same spec.
     *
     * @throws IllegalArgumentException when this family's configuration cannot express the spec
     */
    void write(NetworkSpec spec, ObjectNode config);

    /** Every weight of such a network, in the order of its state dictionary; a tied head is not among them. */
    List<Parameter> parameters(NetworkSpec spec);

    /**
     * What files hold as weights under the names of today: constants that older versions saved are left out, older names are renamed, what was
     * saved as one tensor is split.
     *
     * @param stored tensors by their names in the files
     * @return tensors by names of {@link #parameters}, and whatever has no place there
     * @throws FormatException when two tensors are the same weight
     */
    default Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return stored;
    }

    /** Whether {@link #tidy} turns weights that were quantised by this {@code quant_method} into floats. */
    default boolean decodes(String method) {
        return false;
    }

    /**
     * What files are written with, the other way from {@link #tidy}: weights that files of today hold together are put together.
     *
     * @param weights by names of {@link #parameters}
     * @return by names in files; {@code weights} itself where these are the same
     */
    default Map<String, TensorView> stored(NetworkSpec spec, Map<String, TensorView> weights) {
        return weights;
    }

    /**
     * How transformers calls the weights once they are loaded, with the names of {@link #parameters} that it holds there together: gradients are
     * compared under these. The same names, but for experts.
     */
    default Map<String, List<String>> together(NetworkSpec spec) {
        var names = new LinkedHashMap<String, List<String>>();
        parameters(spec).forEach(p -> names.put(p.name(), List.of(p.name())));
        return names;
    }

    /**
     * The family of this {@code model_type}.
     *
     * @throws IllegalArgumentException naming those there are
     */
    static Family of(String modelType) {
        return Families.find(modelType).orElseThrow(() -> new IllegalArgumentException("expected one of " + Families.names() + ", found "
                + FormatException.quote(modelType)));
    }
}
