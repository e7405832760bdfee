package dev.zhulong.compress.recover;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.Optimizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Moves rounded weights: a full one stands behind each, takes the gradient that the rounded one was given, and is rounded anew after every update (Bengio et al. 2013). A weight changes its code
 * once enough small steps have pushed the same way. Scales learn too, at a lower rate: each block's are multiplied by a number that takes the sum over the block of weight times gradient. Weights
 * that are not rounded, or rounded finely, stay as they are.
 */
public final class StraightThrough implements Optimizer {
    private static final String MASTERS = "masters.safetensors";
    private static final String MASTER = "master.";
    /** Behind a matrix' name: how far its scales have been moved. */
    private static final String SCALES = ".scales";

    private final Optimizer inner;
    private final Map<String, Tensor> parameters;
    private final Map<String, Behind> behind;

    /**
     * The choice of it.
     *
     * @param inner   moves the full weights
     * @param rounded what they are rounded to; the same object holds the codes afterwards
     * @param before  has the weights as they were before they were rounded; stays its owner's
     * @param unit    that a scale is counted in, as a share of itself: it is moved by this times what weights are moved by; 0 for scales that stay
     */
    public record Settings(Maker inner, RoundedWeights rounded, Network before, double unit) implements Maker {
        @Override
        public List<String> moments() {
            return Stream.concat(inner.moments().stream(), Stream.of(MASTER)).toList();
        }

        @Override
        public StraightThrough over(Map<String, Tensor> parameters, List<String> decayed, List<Map<String, Tensor>> moments) {
            Map<String, Behind> behind = new LinkedHashMap<>();
            Map<String, Tensor> moved = new LinkedHashMap<>();
            List<Map<String, Tensor>> remembered = new ArrayList<>();
            moments.subList(0, moments.size() - 1).forEach(each -> remembered.add(new LinkedHashMap<>(each)));
            try (var off = NoGrad.open()) {
                moments.getLast().forEach((name, master) -> {
                    RoundedMatrix matrix = rounded.matrices().get(name);
                    if (matrix == null || !matrix.isTrained()) {
                        master.close();
                        remembered.forEach(each -> each.remove(name).close());
                        // what is not moved needs no gradient either
                        parameters.get(name).requiresGrad(false);
                        return;
                    }
                    moved.put(name, parameters.get(name));
                    Tensor scales = Tensor.zeros(DType.F32, matrix.blockCount()).keep();
                    moved.put(name + SCALES, scales);
                    remembered.forEach(each -> each.put(name + SCALES, Tensor.zeros(DType.F32, matrix.blockCount()).keep()));
                    behind.put(name, new Behind(matrix, master.copy_(before.parameters().get(name)).write_(matrix::intoCodes), scales, unit));
                });
            }
            var optimizer = new StraightThrough(inner.over(moved, decayed, remembered), parameters, behind);
            optimizer.round();
            return optimizer;
        }
    }

    /**
     * What stands behind a matrix.
     *
     * @param master full weights
     * @param scales of blocks: how far they have been moved, in units
     */
    private record Behind(RoundedMatrix matrix, Tensor master, Tensor scales, double unit) {
        float[] gains() {
            return scales.mul(unit).add(1).toFloats();
        }

        /** Of the scales, from that of the weights, which are scale times level. */
        Tensor gradient(Tensor weights) {
            return weights.mul(weights.grad()).reshape(matrix.blockCount(), -1).sum(1, false).mul(unit);
        }
    }

    private StraightThrough(Optimizer inner, Map<String, Tensor> parameters, Map<String, Behind> behind) {
        this.inner = inner;
        this.parameters = new LinkedHashMap<>(parameters);
        this.behind = behind;
    }

    @Override
    public void step(long updates, double lr, Tensor gradScale) {
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            behind.forEach((name, each) -> {
                Tensor weights = parameters.get(name);
                if (each.unit() > 0 && weights.grad() != null) {
                    each.scales().setGrad(each.gradient(weights));
                }
                weights.copy_(each.master());
            });
            inner.step(updates, lr, gradScale);
            behind.forEach((name, each) -> {
                each.master().copy_(parameters.get(name));
                each.scales().clearGrad();
            });
        }
        round();
    }

    /** What the network computes with is what a file can say. */
    private void round() {
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            behind.forEach((name, each) -> {
                float[] gains = each.gains();
                parameters.get(name).write_(memory -> each.matrix().round(memory, gains));
            });
        }
    }

    @Override
    public void save(Path directory) {
        inner.save(directory);
        NetworkFiles.writeTensors(directory.resolve(MASTERS), stored(), StorageType.F32);
    }

    private Map<String, Tensor> stored() {
        Map<String, Tensor> named = new LinkedHashMap<>();
        behind.forEach((name, each) -> {
            named.put(MASTER + name, each.master());
            named.put(MASTER + name + SCALES, each.scales());
        });
        return named;
    }

    @Override
    public void load(Path directory) {
        inner.load(directory);
        Path file = directory.resolve(MASTERS);
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            stored().forEach((name, tensor) -> {
                TensorView view = stored.tensors().get(name);
                if (view == null) {
                    throw new FormatException(file, "tensor " + name + " is missing: these weights belong to another model");
                }
                view.requireShape(tensor.shape());
                tensor.write_(memory -> HalfFloats.toF32(view.type(), view.data(), memory));
            });
        }
        try (var off = NoGrad.open()) {
            behind.forEach((name, each) -> parameters.get(name).copy_(each.master()));
        }
        round();
    }

    @Override
    public long bytes() {
        return inner.bytes() + stored().values().stream().mapToLong(t -> Float.BYTES * t.elements()).sum();
    }

    @Override
    public void close() {
        inner.close();
        behind.values().forEach(each -> {
            each.master().close();
            each.scales().close();
        });
    }
}
