package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.kernels.DecoderOps;
import java.util.Arrays;

/**
 * RMSNorm (Zhang and Sennrich 2019), or LayerNorm.
 *
 * @param bias of a LayerNorm; zeros where it has none
 */
record Norm(DecoderSpec.Norm kind, float[] weight, float[] bias, float epsilon) {
    /**
     * From a weight as it is stored.
     *
     * @param bias null for none
     */
    static Norm of(DecoderSpec.Norm kind, float[] stored, float[] bias, double epsilon) {
        return switch (kind) {
            case RMS -> new Norm(kind, stored, null, (float) epsilon);
            case RMS_LESS_ONE -> {
                float[] weight = stored.clone();
                for (int i = 0; i < weight.length; i++) {
                    weight[i]++;
                }
                yield new Norm(DecoderSpec.Norm.RMS, weight, null, (float) epsilon);
            }
            case LAYER -> new Norm(kind, stored, bias == null ? new float[stored.length] : bias, (float) epsilon);
        };
    }

    /** One for each of {@code parts} equal parts of the weight. */
    Norm[] parts(int parts) {
        int n = weight.length / parts;
        var norms = new Norm[parts];
        for (int i = 0; i < parts; i++) {
            norms[i] = new Norm(kind, Arrays.copyOfRange(weight, i * n, (i + 1) * n), bias == null ? null : Arrays.copyOfRange(bias, i * n, (i + 1) * n), epsilon);
        }
        return norms;
    }

    /** A row of {@code from} to one of {@code to}; they may be the same. */
    void apply(float[] from, int at, float[] to, int target) {
        if (kind == DecoderSpec.Norm.LAYER) {
            DecoderOps.layerNorm(from, at, weight, bias, epsilon, to, target, weight.length);
        } else {
            DecoderOps.rmsNorm(from, at, weight, epsilon, to, target, weight.length);
        }
    }
}
