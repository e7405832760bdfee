package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What training and its checkpoints rely on, of every optimizer. A test that extends this says which.
 *
 * @param <O> the optimizer
 */
abstract class OptimizerContract<O extends Optimizer> {
    private static final List<String> DECAYED = List.of("matrix", "unused");

    @TempDir
    Path temporary;

    abstract Optimizer.Maker maker();

    @Test
    void savedAndLoadedAmidARunItEndsInTheSameBits() throws IOException {
        try (Weights whole = new Weights(); Optimizer unbroken = maker().of(whole.byName, DECAYED)) {
            steps(unbroken, whole, 1, 6, 1);
            Path half = Files.createDirectory(temporary.resolve("half"));
            try (Weights weights = new Weights()) {
                try (Optimizer first = maker().of(weights.byName, DECAYED)) {
                    steps(first, weights, 1, 3, 1);
                    first.save(half);
                }
                try (Optimizer second = maker().of(weights.byName, DECAYED)) {
                    second.load(half);
                    steps(second, weights, 4, 6, 1);
                    assertSame(weights, whole);
                    assertSameFiles(saved(second, "resumed"), saved(unbroken, "unbroken"));
                }
            }
        }
    }

    @Test
    void weightsWithoutAGradientStay() {
        try (Weights weights = new Weights(); Optimizer optimizer = maker().of(weights.byName, DECAYED)) {
            float[] unused = weights.byName.get("unused").toFloats();
            float[] matrix = weights.byName.get("matrix").toFloats();
            steps(optimizer, weights, 1, 2, 1);
            assertThat(weights.byName.get("unused").toFloats()).isEqualTo(unused);
            assertThat(weights.byName.get("matrix").toFloats()).isNotEqualTo(matrix);
        }
    }

    @Test
    void gradientsAreDividedByTheirScale() {
        try (Weights plain = new Weights(); Weights scaled = new Weights();
                Optimizer one = maker().of(plain.byName, DECAYED); Optimizer other = maker().of(scaled.byName, DECAYED)) {
            steps(one, plain, 1, 4, 1);
            // a power of two, which rounds nothing
            steps(other, scaled, 1, 4, 8);
            assertSame(scaled, plain);
        }
    }

    @Test
    void itsBytesAreThoseOfWhatItSaves() throws IOException {
        try (Weights weights = new Weights(); Optimizer optimizer = maker().of(weights.byName, DECAYED)) {
            steps(optimizer, weights, 1, 1, 1);
            long bytes = 0;
            for (Path file : files(saved(optimizer, "saved"))) {
                try (SafetensorsFile stored = SafetensorsFile.open(file)) {
                    bytes += stored.tensors().values().stream().mapToLong(view -> view.data().byteSize()).sum();
                }
            }
            assertThat(optimizer.bytes()).isEqualTo(bytes);
        }
    }

    /** A tensor that is missing, one too many, and one of another shape. */
    @Test
    void whatBelongsToAnotherModelIsRefusedByName() throws IOException {
        Path ours;
        try (Weights weights = new Weights(); Optimizer optimizer = maker().of(weights.byName, DECAYED)) {
            steps(optimizer, weights, 1, 1, 1);
            ours = saved(optimizer, "ours");
        }
        refused(ours, "another", weights -> weights.put("another", Weights.random(new SplittableRandom(1), 3)));
        refused(ours, "norm", weights -> weights.remove("norm").close());
        refused(ours, "matrix", weights -> weights.put("matrix", Weights.random(new SplittableRandom(1), 5, 8)).close());
    }

    private void refused(Path saved, String name, Consumer<Map<String, Tensor>> change) {
        try (Weights weights = new Weights()) {
            change.accept(weights.byName);
            try (Optimizer optimizer = maker().of(weights.byName, DECAYED)) {
                assertThatThrownBy(() -> optimizer.load(saved)).isInstanceOf(FormatException.class).hasMessageContaining(name)
                        .hasMessageContaining(saved.toString()).hasMessageNotContaining("\n");
            }
        }
    }

    /** Updates {@code from} to {@code to}, their gradients by number; {@code unused} has none. */
    private static void steps(Optimizer optimizer, Weights weights, int from, int to, float scale) {
        for (int t = from; t <= to; t++) {
            for (String name : List.of("matrix", "norm")) {
                Tensor weight = weights.byName.get(name);
                try (Tensor gradient = Weights.random(new SplittableRandom(31L * t + name.length()), weight.shape())) {
                    weight.setGrad(gradient.mul_(scale));
                }
            }
            try (Tensor divisor = Tensor.of(new float[] {scale}, 1).squeeze(0)) {
                optimizer.step(t, 1e-2 / t, divisor);
            }
            weights.byName.values().forEach(Tensor::clearGrad);
        }
    }

    private Path saved(Optimizer optimizer, String name) throws IOException {
        Path directory = Files.createDirectory(temporary.resolve(name));
        optimizer.save(directory);
        return directory;
    }

    private static List<Path> files(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.sorted().toList();
        }
    }

    private static void assertSame(Weights found, Weights expected) {
        expected.byName.forEach((name, w) -> assertThat(found.byName.get(name).toFloats()).as(name).isEqualTo(w.toFloats()));
    }

    private static void assertSameFiles(Path found, Path expected) throws IOException {
        assertThat(files(found)).hasSameSizeAs(files(expected));
        for (Path file : files(expected)) {
            assertThat(found.resolve(file.getFileName())).hasSameBinaryContentAs(file);
        }
    }

    /** The same weights each time. */
    private static final class Weights implements AutoCloseable {
        private final Map<String, Tensor> byName = new LinkedHashMap<>();

        Weights() {
            var random = new SplittableRandom(3);
            byName.put("matrix", random(random, 5, 7));
            byName.put("norm", random(random, 7));
            byName.put("unused", random(random, 4, 3));
            byName.values().forEach(w -> w.requiresGrad(true));
        }

        static Tensor random(SplittableRandom random, long... shape) {
            int n = 1;
            for (long size : shape) {
                n *= (int) size;
            }
            float[] values = new float[n];
            for (int i = 0; i < n; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return Tensor.of(values, shape).keep();
        }

        @Override
        public void close() {
            byName.values().forEach(Tensor::close);
        }
    }
}
