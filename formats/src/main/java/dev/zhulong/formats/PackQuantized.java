package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * A directory in the format {@code pack-quantized} of compressed-tensors, symmetric integers of four bits, as vLLM and transformers load it; {@code docs/quantized-directory.md} has the
 * layout. What {@link ModelDirectory} reads of it are the blocks that it was made of.
 */
public final class PackQuantized {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private PackQuantized() {}

    /**
     * The text of {@code configJson} with what says so in it, and with weights in F16, the type of the scales.
     *
     * @param group inputs that share a scale
     * @param tied  whether the head is the embedding's weight, which the file may say wrongly
     */
    public static String addTo(Path configJson, int group, boolean tied) {
        ObjectNode config = JsonFields.read(configJson).object().deepCopy();
        if (!tied) {
            config.put("tie_word_embeddings", false);
        }
        config.remove("dtype");
        config.put("torch_dtype", StorageType.F16.torchName());
        ObjectNode field = config.putObject(QuantizationConfig.FIELD);
        field.put("quant_method", "compressed-tensors").put("format", "pack-quantized").put("quantization_status", "compressed");
        field.putArray("ignore").add("lm_head");
        ObjectNode scheme = field.putObject("config_groups").putObject("group_0");
        scheme.put("format", "pack-quantized").putArray("targets").add("Linear");
        scheme.putObject("weights").put("num_bits", 4).put("type", "int").put("symmetric", true).put("strategy", "group").put("group_size", group).put("dynamic", false);
        scheme.putNull("input_activations").putNull("output_activations");
        return JsonFields.text(config);
    }

    /** Of rows of {@code INT4} or {@code Q4_0}: their nibbles along the inputs, eight in a word of 32 bits. @param group weights of a block */
    public static MemorySegment words(MemorySegment blocks, int group, Arena arena) {
        int bytes = group / 2 + 2;
        long count = blocks.byteSize() / bytes;
        MemorySegment words = arena.allocate(count * group / 2, 64);
        for (long block = 0; block < count; block++) {
            for (int i = 0; i < group; i += 8) {
                int word = 0;
                for (int j = 0; j < 8; j++) {
                    int k = i + j;
                    int pair = blocks.get(ValueLayout.JAVA_BYTE, block * bytes + 2 + k % (group / 2));
                    word |= (pair >> (k < group / 2 ? 0 : 4) & 15) << 4 * j;
                }
                words.set(INT, block * group / 2 + i / 2, word);
            }
        }
        return words;
    }

    /** Of the same their scales, F16. */
    public static MemorySegment scales(MemorySegment blocks, int group, Arena arena) {
        int bytes = group / 2 + 2;
        long count = blocks.byteSize() / bytes;
        MemorySegment scales = arena.allocate(2 * count, 64);
        for (long block = 0; block < count; block++) {
            MemorySegment.copy(blocks, block * bytes, scales, 2 * block, 2);
        }
        return scales;
    }
}
