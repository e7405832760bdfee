package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec;
import java.util.Map;

/**
 * A decoder in float64, one sequence at a time, nothing batched, fused or cached: slow, plain, and apart from the product's code. The order
 * of operations follows the families' papers and the published formulas of Hugging Face's {@code modeling_*.py}.
 */
public interface ReferenceDecoder {
    /** Logits [seq][vocab] of token ids at positions 0, 1, … */
    double[][] logits(int[] ids);

    /** The reference of {@code spec}'s family over weights named and laid out as in Hugging Face's files. */
    static ReferenceDecoder of(DecoderSpec spec, Map<String, double[]> weights) {
        return switch (spec.family().modelType()) {
            case "gpt2" -> new Gpt2Reference(spec, weights);
            case "llama", "mistral", "qwen2", "qwen3" -> new LlamaReference(spec, weights);
            default -> new RolesReference(spec, weights);
        };
    }
}
