package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.RotaryFrequencies;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Positions.Distances;
import dev.zhulong.kernels.Rotary;
import dev.zhulong.kernels.ThreadPool;
import java.util.HashMap;
import java.util.Map;

/** The attention of each layer of an encoder, as its family has it. */
final class EncoderAttentions {
    private EncoderAttentions() {}

    /** Fills {@code to}; what is filled is the caller's to close, whatever happens. */
    static void load(EncoderSpec spec, CpuLayer.Loader loader, CpuLayer[] layers, ThreadPool pool, EncoderAttention[] to) {
        Map<Rope, Rotary> rotaries = new HashMap<>();
        Parameters table = Parameters.of(spec);
        for (int l = 0; l < to.length; l++) {
            Attention shape = spec.layer(l).attention();
            Rope rope = spec.stack().rope(l);
            if (shape.pattern() != null) {
                throw new IllegalArgumentException("the CPU engine does not compute " + spec.family().modelType() + " with zhulong_attention, which its config.json asks for;"
                        + " measure it with zhulong evaluate --task, which runs it on libtorch");
            }
            if (table.find(Role.Q_GLOBAL, l).isPresent()) {
                to[l] = new GlobalTokensAttention(shape, loader.projection(l, Role.Q_GLOBAL), loader.projection(l, Role.K_GLOBAL, Role.V_GLOBAL));
            } else if (spec.stack().positions() instanceof Distances distances) {
                to[l] = distances(spec, loader, layers[l], distances, pool, l);
            } else {
                to[l] = new EncoderAttention(shape, rope == null ? null : rotaries.computeIfAbsent(rope,
                        each -> new Rotary(RotaryFrequencies.of(each, 0), RotaryFrequencies.scale(each), each.neighbours())));
            }
        }
    }

    private static EncoderAttention distances(EncoderSpec spec, CpuLayer.Loader loader, CpuLayer layer, Distances distances, ThreadPool pool, int l) {
        Parameters table = Parameters.of(spec);
        int hidden = spec.hiddenSize();
        int rows = 2 * distances.span();
        float[] embedded = loader.vector(table.get(Role.DISTANCES).name());
        Norm norm = loader.normIfAny(Role.DISTANCES_NORM, -1);
        for (int row = 0; norm != null && row < rows; row++) {
            norm.apply(embedded, row * hidden, embedded, row * hidden);
        }
        try (var products = new Products(rows, hidden, pool)) {
            float[] keys = null;
            float[] queries = null;
            if (distances.shared()) {
                float[][] all = new float[3][rows * hidden];
                layer.qkv().apply(products, embedded, rows, all);
                queries = distances.queries() ? all[0] : null;
                keys = distances.keys() ? all[1] : null;
            } else {
                keys = distances.keys() ? projected(loader, Role.K_DISTANCES, l, products, embedded, rows) : null;
                queries = distances.queries() ? projected(loader, Role.Q_DISTANCES, l, products, embedded, rows) : null;
            }
            return new DistancesAttention(spec.layer(l).attention(), distances, keys, queries);
        }
    }

    private static float[] projected(CpuLayer.Loader loader, Role role, int l, Products products, float[] embedded, int rows) {
        float[][] out = {new float[embedded.length]};
        try (Projection projection = loader.projection(l, role)) {
            projection.apply(products, embedded, rows, out);
        }
        return out[0];
    }
}
