package dev.zhulong.train;

import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.FusedAdamW;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** AdamW (Loshchilov and Hutter 2019) in two groups: what decays and what does not. */
public final class AdamW implements Optimizer {
    /** Rates of the moments and the rest; see {@link FusedAdamW}. */
    public record Settings(double beta1, double beta2, double epsilon, double weightDecay) implements Maker {
        @Override
        public List<String> moments() {
            return List.of(FIRST, SECOND);
        }

        @Override
        public AdamW over(Map<String, Tensor> parameters, List<String> decayed, List<Map<String, Tensor>> moments) {
            return new AdamW(parameters, decayed, this, moments);
        }
    }

    private static final String FIRST = "exp_avg.";
    private static final String SECOND = "exp_avg_sq.";

    private final Settings settings;
    private final Map<String, Tensor> parameters;
    private final Set<String> decayed;
    private final Map<String, Tensor> first;
    private final Map<String, Tensor> second;
    private final Tensor counter = Tensor.zeros(DType.F32).keep();

    /**
     * A fresh one. The moments lie on the device whose scope is open, which is that of the parameters.
     *
     * @param parameters what is trained, by name
     * @param decayed    names that weight decay applies to
     */
    public AdamW(Map<String, Tensor> parameters, List<String> decayed, Settings settings) {
        this(parameters, decayed, settings, settings.nothingYet(parameters));
    }

    private AdamW(Map<String, Tensor> parameters, List<String> decayed, Settings settings, List<Map<String, Tensor>> moments) {
        this.parameters = new LinkedHashMap<>(parameters);
        this.decayed = Set.copyOf(decayed);
        this.settings = settings;
        first = moments.get(0);
        second = moments.get(1);
    }

    /** The number of the update is the bias correction's exponent. */
    @Override
    public void step(long updates, double lr, Tensor gradScale) {
        counter.fill_(updates);
        group(true, lr, gradScale);
        group(false, lr, gradScale);
    }

    private void group(boolean decay, double lr, Tensor gradScale) {
        List<Tensor> p = new ArrayList<>();
        List<Tensor> g = new ArrayList<>();
        List<Tensor> m = new ArrayList<>();
        List<Tensor> v = new ArrayList<>();
        List<Tensor> n = new ArrayList<>();
        parameters.forEach((name, tensor) -> {
            Tensor gradient = tensor.grad();
            if (decayed.contains(name) == decay && gradient != null) {
                p.add(tensor);
                g.add(gradient);
                m.add(first.get(name));
                v.add(second.get(name));
                n.add(counter);
            }
        });
        FusedAdamW.step(p, g, m, v, n, lr, settings.beta1, settings.beta2, decay ? settings.weightDecay : 0, settings.epsilon, gradScale);
    }

    /** The moments, named {@code exp_avg.NAME} and {@code exp_avg_sq.NAME}. */
    @Override
    public void save(Path directory) {
        NetworkFiles.writeTensors(directory.resolve(FILE), byStoredName(), StorageType.F32);
    }

    @Override
    public void load(Path directory) {
        Map<String, Tensor> moments = byStoredName();
        Map<String, long[]> shapes = new LinkedHashMap<>();
        moments.forEach((name, t) -> shapes.put(name, t.shape()));
        Optimizer.read(directory, shapes, (name, view) -> moments.get(name).write_(memory -> HalfFloats.toF32(view.type(), view.data(), memory)));
    }

    private Map<String, Tensor> byStoredName() {
        Map<String, Tensor> all = new LinkedHashMap<>();
        first.forEach((name, t) -> all.put(FIRST + name, t));
        second.forEach((name, t) -> all.put(SECOND + name, t));
        return all;
    }

    @Override
    public long bytes() {
        return byStoredName().values().stream().mapToLong(t -> 4 * t.elements()).sum();
    }

    @Override
    public void close() {
        first.values().forEach(Tensor::close);
        second.values().forEach(Tensor::close);
        counter.close();
    }
}
