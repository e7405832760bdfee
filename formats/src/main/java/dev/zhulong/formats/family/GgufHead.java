package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufTensor;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** The head of classes that llama.cpp's encoders may have: a dense layer {@code cls}, with a norm in ModernBERT, and outputs {@code cls.output}. */
final class GgufHead {
    private GgufHead() {}

    /**
     * Of a file; none where it has no outputs.
     *
     * @param at     the architecture with a dot
     * @param modern whether the dense layer has GELU and a norm after it and is given the mean, rather than tanh and the first state
     */
    static Head classes(GgufFile file, String at, boolean modern) {
        GgufTensor outputs = file.tensors().get("cls.output.weight");
        if (outputs == null) {
            return new Head.None();
        }
        GgufMetadata metadata = file.metadata();
        String key = at + "classifier.output_labels";
        int count = outputs.shape().length == 2 && outputs.shape()[0] <= 1_000_000 ? (int) outputs.shape()[0] : 0;
        List<String> labels = metadata.has(key) ? metadata.texts(key) : IntStream.range(0, count).mapToObj(id -> "LABEL_" + id).toList();
        if (count == 0) {
            throw FormatException.at(file.path(), "tensor \"cls.output.weight\"", "a row an output", outputs);
        }
        if (labels.size() != count || new HashSet<>(labels).size() != count) {
            throw metadata.wrong(key, count + " labels, one an output, each another");
        }
        boolean dense = file.tensors().containsKey("cls.weight");
        return new Head.Classes(dense ? Optional.of(new Dense(modern ? Activation.GELU : Activation.TANH, modern, file.tensors().containsKey("cls.bias"))) : Optional.empty(), labels,
                count == 1 ? Problem.REGRESSION : Problem.SINGLE_LABEL, modern);
    }
}
