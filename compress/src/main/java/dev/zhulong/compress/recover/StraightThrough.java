package dev.zhulong.compress.recover;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.Optimizer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Moves rounded weights: a full one stands behind each, takes the gradient that the rounded one was given, and is rounded anew after every update (Bengio et al. 2013). A weight changes its code
 * once enough small steps have pushed the same way. Weights that are not rounded, or rounded finely, stay as they are.
 */
public final class StraightThrough implements Optimizer {
    private static final String MASTERS = "masters.safetensors";
    private static final String MASTER = "master.";

    private final Optimizer inner;
    private final Map<String, Tensor> parameters;
    /** Of those that are rounded. */
    private final Map<String, Tensor> masters;
    private final RoundedWeights rounded;

    /**
     * The choice of it.
     *
     * @param inner   moves the full weights
     * @param rounded what they are rounded to; the same object holds the codes afterwards
     * @param before  has the weights as they were before they were rounded; stays its owner's
     */
    public record Settings(Maker inner, RoundedWeights rounded, Network before) implements Maker {
        @Override
        public List<String> moments() {
            return Stream.concat(inner.moments().stream(), Stream.of(MASTER)).toList();
        }

        @Override
        public StraightThrough over(Map<String, Tensor> parameters, List<String> decayed, List<Map<String, Tensor>> moments) {
            Map<String, Tensor> masters = new LinkedHashMap<>();
            try (var off = NoGrad.open()) {
                moments.getLast().forEach((name, master) -> {
                    if (rounded.matrices().containsKey(name) && rounded.matrices().get(name).isTrained()) {
                        masters.put(name, master.copy_(before.parameters().get(name)).write_(rounded.matrices().get(name)::intoCodes));
                    } else {
                        master.close();
                    }
                });
            }
            var optimizer = new StraightThrough(inner.over(parameters, decayed, moments.subList(0, moments.size() - 1)), parameters, masters, rounded);
            optimizer.round();
            return optimizer;
        }
    }

    private StraightThrough(Optimizer inner, Map<String, Tensor> parameters, Map<String, Tensor> masters, RoundedWeights rounded) {
        this.inner = inner;
        this.parameters = new LinkedHashMap<>(parameters);
        this.masters = masters;
        this.rounded = rounded;
    }

    @Override
    public void step(long updates, double lr, Tensor gradScale) {
        try (var off = NoGrad.open()) {
            // what has no gradient is not moved
            parameters.forEach((name, parameter) -> {
                if (!masters.containsKey(name)) {
                    parameter.clearGrad();
                }
            });
            masters.forEach((name, master) -> parameters.get(name).copy_(master));
            inner.step(updates, lr, gradScale);
            masters.forEach((name, master) -> master.copy_(parameters.get(name)));
        }
        round();
    }

    /** What the network computes with is what a file can say. */
    private void round() {
        try (var off = NoGrad.open()) {
            masters.keySet().forEach(name -> parameters.get(name).write_(memory -> rounded.matrices().get(name).round(memory)));
        }
    }

    @Override
    public void save(Path directory) {
        inner.save(directory);
        Map<String, Tensor> named = new LinkedHashMap<>();
        masters.forEach((name, master) -> named.put(MASTER + name, master));
        NetworkFiles.writeTensors(directory.resolve(MASTERS), named, StorageType.F32);
    }

    @Override
    public void load(Path directory) {
        inner.load(directory);
        Path file = directory.resolve(MASTERS);
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            masters.forEach((name, master) -> {
                TensorView view = stored.tensors().get(MASTER + name);
                if (view == null) {
                    throw new FormatException(file, "tensor " + MASTER + name + " is missing: these weights belong to another model");
                }
                view.requireShape(master.shape());
                master.write_(memory -> HalfFloats.toF32(view.type(), view.data(), memory));
            });
        }
        try (var off = NoGrad.open()) {
            masters.forEach((name, master) -> parameters.get(name).copy_(master));
        }
        round();
    }

    @Override
    public long bytes() {
        return inner.bytes() + masters.values().stream().mapToLong(t -> Float.BYTES * t.elements()).sum();
    }

    @Override
    public void close() {
        inner.close();
        masters.values().forEach(Tensor::close);
    }
}
