package dev.zhulong.infer.cpu;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Dense;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.PackedWeights;
import java.util.Optional;

/** The head of an encoder, packed: {@code dense} and {@code norm} are null where the architecture has none. */
record EncoderHead(EncoderSpec spec, Projection dense, Norm norm, PackedWeights matrix, float[] bias) {
    /** Rows that pass a head together: logits of a vocabulary are many. */
    private static final int ROWS = 64;

    /** Empty where the network has no head. */
    static Optional<EncoderHead> load(EncoderSpec spec, CpuLayer.Loader loader) {
        if (spec.outputs() == 0) {
            return Optional.empty();
        }
        Parameters table = Parameters.of(spec);
        Optional<Dense> before = spec.head().dense();
        return Optional.of(new EncoderHead(spec, before.map(dense -> loader.projection(-1, Role.HEAD_DENSE)).orElse(null),
                before.filter(Dense::norm).map(dense -> loader.norm(Role.HEAD_NORM, -1)).orElse(null),
                loader.packed(table.get(spec.tiedEmbeddings() ? Role.EMBED : Role.HEAD).name()), loader.bias(Role.HEAD, -1)));
    }

    long bytes() {
        return (dense == null ? 0 : dense.bytes()) + matrix.bytes();
    }

    /** Logits of {@code n} rows of {@code states}, the first at row {@code from}, {@code outputs} each, to {@code to}. */
    void apply(Products products, float[] states, int from, int n, float[] to) {
        int hidden = spec.hiddenSize();
        int outputs = spec.outputs();
        float[] rows = new float[Math.min(ROWS, n) * hidden];
        float[][] out = {new float[rows.length]};
        for (int done = 0; done < n; done += ROWS) {
            int count = Math.min(ROWS, n - done);
            System.arraycopy(states, (from + done) * hidden, rows, 0, count * hidden);
            float[] last = rows;
            if (dense != null) {
                dense.apply(products, rows, count, out);
                ActivationFunction.apply(spec.head().dense().orElseThrow().activation(), out[0], 0, count * hidden);
                for (int row = 0; norm != null && row < count; row++) {
                    norm.apply(out[0], row * hidden, out[0], row * hidden);
                }
                last = out[0];
            }
            products.activations().set(last, 0, count, hidden);
            products.matMul().multiply(products.activations(), matrix, to, done * outputs);
            for (int row = done; bias != null && row < done + count; row++) {
                DecoderOps.add(to, row * outputs, bias, 0, outputs);
            }
        }
    }
}
