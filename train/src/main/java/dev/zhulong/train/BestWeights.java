package dev.zhulong.train;

import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The weights of a run's best evaluation, in {@code best-STEP} beside {@code best.json}, which names it and is written after it. A run that goes on from
 * an earlier step finds the same values again, none of them better, so what is kept does not depend on when it was stopped.
 */
public final class BestWeights {
    private static final String STATE = "best.json";
    private static final String DIRECTORY = "best-";

    private final Path run;
    private final Weights weights;
    private long step = -1;
    private double value = Double.NEGATIVE_INFINITY;

    /** What is kept. */
    public interface Weights {
        /** Writes them into a directory that is there. */
        void save(Path directory);

        /** Puts those of a directory in place. */
        void load(Path directory);
    }

    /** Those of a network, or of its adapter where it has one. */
    public BestWeights(Path run, Network model) {
        this(run, of(model));
    }

    /** Finds what an earlier process kept. @param run directory of the run */
    public BestWeights(Path run, Weights weights) {
        this.run = run;
        this.weights = weights;
        if (Files.isRegularFile(run.resolve(STATE))) {
            var fields = JsonFields.read(run.resolve(STATE)).object();
            step = fields.path("step").asLong(-1);
            value = fields.path("value").asDouble();
        }
    }

    /** Whether there was an evaluation. */
    public boolean isEmpty() {
        return step < 0;
    }

    /** Of the best evaluation. */
    public double value() {
        return value;
    }

    /** Keeps the weights as they are if no evaluation was as good. @param found of this one; larger is better */
    public void offer(long at, double found) {
        if (!(found > value)) {
            return;
        }
        try {
            weights.save(Files.createDirectories(run.resolve(DIRECTORY + at)));
            JsonFile.write(run.resolve(STATE), Map.of("step", at, "value", found));
            step = at;
            value = found;
            removeOthers();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot keep the weights of step " + at + ": " + e.getMessage(), e);
        }
    }

    /** Puts the best evaluation's weights in place, and returns its step; empty where there was none. */
    public OptionalLong restore() {
        if (isEmpty()) {
            return OptionalLong.empty();
        }
        weights.load(run.resolve(DIRECTORY + step));
        return OptionalLong.of(step);
    }

    /** They lie in the result now. */
    public void remove() {
        try {
            Files.deleteIfExists(run.resolve(STATE));
            step = -1;
            removeOthers();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void removeOthers() throws IOException {
        List<Path> others;
        try (var entries = Files.list(run)) {
            others = entries.filter(path -> path.getFileName().toString().matches(DIRECTORY + "\\d+") && !path.getFileName().toString().equals(DIRECTORY + step)).toList();
        }
        others.forEach(FileTree::delete);
    }

    private static Weights of(Network model) {
        return new Weights() {
            @Override
            public void save(Path directory) {
                model.adapter().ifPresentOrElse(adapter -> adapter.save(directory, StorageType.F32), () -> NetworkFiles.save(model, directory, StorageType.F32));
            }

            @Override
            public void load(Path directory) {
                if (model.adapter().isPresent()) {
                    try (LoraAdapter stored = LoraAdapter.load(directory, model)) {
                        copy(stored.parameters(), model.trainable());
                    }
                    return;
                }
                // not on a GPU, whose memory a second copy of the weights may exceed
                try (var processor = DeviceScope.open(Device.CPU); Network stored = NetworkFiles.load(directory)) {
                    copy(stored.parameters(), model.parameters());
                }
            }
        };
    }

    private static void copy(Map<String, Tensor> from, Map<String, Tensor> to) {
        try (var off = NoGrad.open()) {
            from.forEach((name, t) -> to.get(name).copy_(t));
        }
    }
}
