package dev.zhulong.tensor;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Random numbers for tensors, which nothing else in the process draws from: seeded by {@link Libtorch#seed(TensorRandom, long)}, those that libtorch's
 * default generator gives after {@link Libtorch#seed(long)} with the same seed.
 *
 * <pre>{@code
 * try (var random = new TensorRandom()) {
 *     Libtorch.seed(random, 7);
 *     tensor.normal_(random, 0, 0.02);
 * }
 * }</pre>
 */
public final class TensorRandom implements AutoCloseable {
    final GeneratorOptional generator;

    /** With libtorch's own fixed seed until another is set. */
    public TensorRandom() {
        Libtorch.load();
        try (var scope = new PointerScope()) {
            Generator own = torch.createCPUGenerator();
            generator = new GeneratorOptional(own);
            // beyond this scope and whichever else is open
            generator.retainReference();
            scope.detach(generator);
        }
    }

    @Override
    public void close() {
        generator.close();
    }
}
