package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.Softcap;

/**
 * From the stream to the logits.
 *
 * @param norm after the last layer; null for none
 * @param bias null for none
 */
record Head(Norm norm, PackedWeights matrix, float[] bias, Scales scales) {
    /** Whether a product with the matrix is not yet the logits. */
    boolean changes() {
        return bias != null || scales.logits() != 1 || scales.softcap() > 0;
    }

    /** From a row of products to logits. */
    void change(float[] row, int at) {
        if (bias != null) {
            DecoderOps.add(row, at, bias, 0, bias.length);
        }
        if (scales.logits() != 1) {
            DecoderOps.scale(row, at, matrix.rows(), (float) scales.logits());
        }
        if (scales.softcap() > 0) {
            Softcap.apply(row, at, matrix.rows(), (float) scales.softcap());
        }
    }
}
