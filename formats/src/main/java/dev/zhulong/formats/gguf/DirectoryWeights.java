package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** The weights of a model directory, checked before anything is made of them: none missing, none misshapen, none left over. */
public final class DirectoryWeights {
    private DirectoryWeights() {}

    /**
     * By Hugging Face's names, in the order of the model.
     *
     * @param blockBytes bytes of a row of the tensors that are stored as blocks (U8 [rows, bytes]); the others are of a float type
     * @throws FormatException naming the tensor, when one is missing, misshapen, of another type, or has no place in the network
     */
    public static Map<String, TensorView> of(ModelDirectory model, Map<String, Long> blockBytes) {
        Map<String, TensorView> stored = model.weights();
        Map<String, TensorView> weights = new LinkedHashMap<>();
        for (GgufWeight weight : GgufWeight.ofNetwork(model.network())) {
            String name = weight.huggingFace();
            boolean blocks = blockBytes.containsKey(name);
            long[] shape = weight.shape();
            if (blocks) {
                shape = new long[] {shape[0], blockBytes.get(name)};
            } else if (weight.layout() == Layout.TRANSPOSED) {
                shape = new long[] {shape[1], shape[0]};
            }
            TensorView view = stored.remove(name);
            if (view == null) {
                throw new FormatException(model.path(), "tensor " + name + " of shape " + Arrays.toString(shape) + " is missing"
                        + (name.startsWith("lm_head") ? "; config.json says tie_word_embeddings is false" : ""));
            }
            boolean right = blocks ? view.requireShape(shape).type() == StorageType.U8 : view.requireShape(shape).type().isFloat();
            if (!right) {
                throw new FormatException(view.file(), "tensor " + view.name() + " has type " + view.type() + ", expected "
                        + (blocks ? "U8 blocks" : "a float type"));
            }
            weights.put(name, view);
        }
        if (!stored.isEmpty()) {
            throw new FormatException(model.path(), "tensor " + stored.keySet().iterator().next() + " has no place in a " + model.network().family().title()
                    + (model.network() instanceof DecoderSpec ? " decoder (" : " encoder (") + stored.size() + " such)");
        }
        return weights;
    }
}
