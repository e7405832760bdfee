package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KernelsWarmUpByThemselvesTest {
    /** However quickly it was made ready: what never ran is not compiled. */
    @Test
    void noneCountsAsCompiledBeforeItRan() {
        var rounds = new AtomicInteger();
        Warmth.repeat(1e9, rounds::incrementAndGet);
        assertThat(rounds).hasValue(1);
        var slow = new AtomicInteger();
        Warmth.repeat(2e6, () -> LockSupport.parkNanos(slow.incrementAndGet() < 3 ? 20_000_000 : 1));
        assertThat(slow).hasValueGreaterThanOrEqualTo(3);
    }

    /** Asked for once, each kernel is there within its patience, and says so once only. */
    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "BF16"})
    void withinSeconds(WeightType type) {
        Warmth.forget();
        try (Arena arena = Arena.ofShared();
                ThreadPool one = new ThreadPool(1)) {
            PackedWeights w = PackedWeights.pack(type, ProductsEqualTheScalarOracleTest.randomWeights(type, 16, 256, new Random(1), arena), 16, 256, arena, one);
            for (int rows : new int[] {1, 4, 8}) {
                assertThat(KernelWarmth.of(w, rows).isWarm()).isFalse();
                VectorSupport.awaitKernels();
                assertThat(KernelWarmth.of(w, rows).isWarm()).isTrue();
            }
        }
    }
}
