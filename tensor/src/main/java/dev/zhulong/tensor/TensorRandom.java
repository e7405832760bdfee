package dev.zhulong.tensor;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Random numbers for tensors from a seed of their own, which nothing else in the process draws from: those that libtorch's default generator gives
 * after {@link Libtorch#seed} with the same seed.
 *
 * <pre>{@code
 * try (var random = TensorRandom.of(7)) {
 *     tensor.normal_(random, 0, 0.02);
 * }
 * }</pre>
 */
public final class TensorRandom implements AutoCloseable {
    final GeneratorOptional generator;

    private TensorRandom(long seed) {
        Libtorch.load();
        try (var scope = new PointerScope()) {
            Generator own = torch.createCPUGenerator(seed);
            generator = new GeneratorOptional(own);
            // beyond this scope and whichever else is open
            generator.retainReference();
            scope.detach(generator);
        }
    }

    public static TensorRandom of(long seed) {
        return new TensorRandom(seed);
    }

    @Override
    public void close() {
        generator.close();
    }
}
