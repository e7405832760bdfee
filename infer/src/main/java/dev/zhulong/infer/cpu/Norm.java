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
            case RMS_LESS_ONE -> new Norm(DecoderSpec.Norm.RMS, plusOne(stored), null, (float) epsilon);
            case LAYER -> new Norm(kind, stored, bias == null ? new float[stored.length] : bias, (float) epsilon);
            case LAYER_LESS_ONE -> of(DecoderSpec.Norm.LAYER, plusOne(stored), bias, epsilon);
            case LAYER_PLAIN -> throw new IllegalArgumentException("a norm without a weight has none to read");
        };
    }

    /** A LayerNorm of rows of {@code n} that has no weight. */
    static Norm plain(int n, double epsilon) {
        var ones = new float[n];
        Arrays.fill(ones, 1);
        return of(DecoderSpec.Norm.LAYER, ones, null, epsilon);
    }

    private static float[] plusOne(float[] stored) {
        float[] weight = stored.clone();
        for (int i = 0; i < weight.length; i++) {
            weight[i]++;
        }
        return weight;
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
