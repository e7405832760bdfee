package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.VisionSpec;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;

/** The weights of a model directory, checked before anything is made of them: none missing, none misshapen, none left over. */
public final class DirectoryWeights {
    private DirectoryWeights() {}

    /**
     * By Hugging Face's names, in the order of the model.
     *
     * @param blockBytes bytes of a row of the tensors that are stored as blocks (U8 [rows, bytes]); the others are of a float type
     * @return without a bias of the logits where the files lack it, which is then zero
     * @throws FormatException naming the tensor, when one is missing, misshapen, of another type, or has no place in the network
     */
    public static Map<String, TensorView> of(ModelDirectory model, Map<String, Long> blockBytes) {
        return of(model, model.network(), model.weights(), blockBytes, parameter -> parameter.role() == Role.LOGITS_BIAS);
    }

    /**
     * The same of a network that the directory holds a part of.
     *
     * @param stored the directory's tensors under the names of this network
     * @param fresh  what may be missing
     */
    public static Map<String, TensorView> of(ModelDirectory model, NetworkSpec spec, Map<String, TensorView> stored, Predicate<Parameter> fresh) {
        return of(model, spec, stored, Map.of(), fresh);
    }

    private static Map<String, TensorView> of(ModelDirectory model, NetworkSpec spec, Map<String, TensorView> all, Map<String, Long> blockBytes,
            Predicate<Parameter> fresh) {
        Map<String, TensorView> stored = new LinkedHashMap<>(all);
        Map<String, TensorView> weights = new LinkedHashMap<>();
        for (GgufWeight weight : GgufWeight.ofNetwork(spec)) {
            String name = weight.huggingFace();
            boolean blocks = blockBytes.containsKey(name);
            long[] shape = blocks ? new long[] {weight.shape()[0], blockBytes.get(name)} : weight.parameter().shape();
            TensorView view = stored.remove(name);
            if (view == null && fresh.test(weight.parameter())) {
                continue;
            }
            if (view == null) {
                throw new FormatException(model.path(), "tensor " + name + " of shape " + Arrays.toString(shape) + " is missing"
                        + (couldBeTied(weight.parameter(), spec) ? "; config.json says tie_word_embeddings is false" : ""));
            }
            boolean right = blocks ? view.requireShape(shape).type() == StorageType.U8 : view.requireShape(shape).type().isFloat();
            if (!right) {
                throw new FormatException(view.file(), "tensor " + view.name() + " has type " + view.type() + ", expected "
                        + (blocks ? "U8 blocks" : "a float type"));
            }
            weights.put(name, view);
        }
        if (!stored.isEmpty()) {
            throw new FormatException(model.path(), "tensor " + stored.keySet().iterator().next() + " has no place in a " + spec.family().title()
                    + (switch (spec) {
                        case DecoderSpec decoder -> " decoder (";
                        case EncoderSpec encoder -> " encoder (";
                        case EncoderDecoderSpec both -> " encoder–decoder (";
                        case VisionSpec vision -> " tower (";
                    }) + stored.size() + " such)");
        }
        return weights;
    }

    /** Whether it is the matrix of a head over the vocabulary. */
    private static boolean couldBeTied(Parameter parameter, NetworkSpec spec) {
        boolean vocabulary = switch (spec) {
            case DecoderSpec decoder -> true;
            case EncoderSpec encoder -> encoder.head() instanceof Head.MaskedTokens;
            case EncoderDecoderSpec both -> true;
            case VisionSpec vision -> false;
        };
        return vocabulary && parameter.role() == Role.HEAD && !parameter.bias();
    }
}
