package dev.zhulong.train;

import dev.zhulong.formats.StorageType;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.SumOfSquares;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** All in memory, on the model's device. */
final class InMemory implements State {
    private final Network model;
    private final Optimizer optimizer;

    /** @param optimizer of {@link Network#trainable()} */
    InMemory(Network model, Optimizer optimizer) {
        this.model = model;
        this.optimizer = optimizer;
    }

    @Override
    public double norm() {
        return SumOfSquares.of(gradients()).norm();
    }

    private List<Tensor> gradients() {
        List<Tensor> all = new ArrayList<>();
        for (Tensor p : model.trainable().values()) {
            Tensor g = p.grad();
            if (g != null) {
                all.add(g);
            }
        }
        return all;
    }

    @Override
    public Optional<String> brokenGradient() {
        return model.trainable().entrySet().stream().filter(e -> e.getValue().grad() != null && e.getValue().grad().hasNonFinite()).map(Map.Entry::getKey).findFirst();
    }

    @Override
    public void update(long updates, double lr, Tensor gradScale) {
        optimizer.step(updates, lr, gradScale);
    }

    @Override
    public void clear() {
        model.trainable().values().forEach(Tensor::clearGrad);
    }

    @Override
    public Optional<Held> held() {
        return Optional.of(new Held(model.bytes(), model.trainable().values().stream().mapToLong(t -> t.elements() * Float.BYTES).sum(), optimizer.bytes(), 0));
    }

    @Override
    public void save(Path directory) {
        model.adapter().ifPresentOrElse(adapter -> adapter.save(directory, StorageType.F32), () -> NetworkFiles.save(model, directory, StorageType.F32));
        optimizer.save(directory);
    }

    @Override
    public void load(Path directory) {
        restore(directory);
        optimizer.load(directory);
    }

    private void restore(Path checkpoint) {
        if (model.adapter().isPresent()) {
            try (LoraAdapter stored = LoraAdapter.load(checkpoint, model)) {
                copy(stored.parameters(), checkpoint);
            }
            return;
        }
        Map<String, Tensor> trained = model.trainable();
        try (var processor = DeviceScope.open(Device.CPU); var off = NoGrad.open()) {
            // what is not trained is what the model was begun with
            Checkpoints.weights(checkpoint, model.spec(), (parameter, tensor) -> {
                if (trained.containsKey(parameter.name())) {
                    trained.get(parameter.name()).copy_(tensor);
                }
            });
        }
    }

    private void copy(Map<String, Tensor> stored, Path checkpoint) {
        if (!stored.keySet().equals(model.trainable().keySet())) {
            throw new TrainingStopped(checkpoint + " holds an adapter of other projections: choose another run directory");
        }
        try (var off = NoGrad.open()) {
            stored.forEach((name, t) -> model.trainable().get(name).copy_(t));
        }
    }

    @Override
    public void release() {
        optimizer.close();
    }
}
