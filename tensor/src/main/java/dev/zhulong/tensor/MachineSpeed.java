package dev.zhulong.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How fast this machine's processor multiplies matrices and reads memory, measured now, whatever device's scope is open. Training speed is given as a share of the first; decoding
 * a token at a time is bound by the second.
 */
public final class MachineSpeed {
    private static final long BUDGET_NANOS = 600_000_000L;
    private static final long READ_BYTES = 256L << 20;
    private static final long STRIPE_BYTES = 4L << 20;

    private MachineSpeed() {}

    /**
     * F32 matrix products of training ({@link FastProducts}) on all of libtorch's threads, in GFLOP/s (a multiplication and an addition are two): the median over about 0.6 s,
     * after a warm-up, of square products that take at least some milliseconds each.
     */
    public static double gflops() {
        try (var scope = TensorScope.open();
                var off = NoGrad.open();
                var processor = DeviceScope.open(Device.CPU);
                var fast = FastProducts.open()) {
            int n = 1024;
            double seconds = product(n);
            while (seconds < 0.004 && n < 8192) {
                n *= 2;
                seconds = product(n);
            }
            Tensor a = square(n);
            Tensor b = square(n);
            Tensor c = square(n);
            double[] times = new double[1024];
            int count = 0;
            for (long start = System.nanoTime(); count < 3 || count < times.length && System.nanoTime() - start < BUDGET_NANOS; count++) {
                times[count] = time(a, b, c);
            }
            Arrays.sort(times, 0, count);
            return 2.0 * n * n * n / times[count / 2] * 1e-9;
        }
    }

    /** Seconds of the second of two products, so that threads and kernels are awake. */
    private static double product(int n) {
        try (var scope = TensorScope.open()) {
            Tensor a = square(n);
            Tensor b = square(n);
            Tensor c = square(n);
            time(a, b, c);
            return time(a, b, c);
        }
    }

    /** Values must not be left to chance: what fresh memory holds may be denormal and slow. */
    private static Tensor square(int n) {
        return Tensor.zeros(DType.F32, n, n).fill_(0.5);
    }

    private static double time(Tensor a, Tensor b, Tensor c) {
        long start = System.nanoTime();
        c.addmm_(a, b);
        return (System.nanoTime() - start) * 1e-9;
    }

    /**
     * Reading memory in order on {@code threads} threads, in GB/s (10^9 bytes): the best pass, within about 0.6 s, over a buffer several
     * times larger than usual caches.
     *
     * @param threads as many as {@link Libtorch#threads()} for what an operation of libtorch can reach
     */
    public static double readBandwidth(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, found " + threads);
        }
        try (var arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(READ_BYTES, 64);
            memory.fill((byte) 1);
            long expected = READ_BYTES / 8 * 0x0101010101010101L;
            double best = 0;
            long start = System.nanoTime();
            for (int pass = 0; pass < 4 || System.nanoTime() - start < BUDGET_NANOS; pass++) {
                long begin = System.nanoTime();
                long sum = sum(memory, threads);
                double seconds = (System.nanoTime() - begin) * 1e-9;
                if (sum != expected) {
                    throw new IllegalStateException("memory read back a wrong sum: expected " + expected + ", found " + sum
                            + "; this machine's memory or processor is faulty");
                }
                best = Math.max(best, READ_BYTES / seconds * 1e-9);
            }
            return best;
        }
    }

    private static long sum(MemorySegment memory, int threads) {
        var total = new AtomicLong();
        var next = new AtomicLong();
        Thread[] workers = new Thread[threads];
        for (int t = 0; t < threads; t++) {
            workers[t] = Thread.ofPlatform().daemon().start(() -> {
                long mine = 0;
                for (long from = next.getAndAdd(STRIPE_BYTES); from < memory.byteSize(); from = next.getAndAdd(STRIPE_BYTES)) {
                    mine += sum(memory, from, Math.min(from + STRIPE_BYTES, memory.byteSize()));
                }
                total.addAndGet(mine);
            });
        }
        for (Thread worker : workers) {
            try {
                worker.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted", e);
            }
        }
        return total.get();
    }

    private static long sum(MemorySegment memory, long from, long to) {
        long sum = 0;
        for (long at = from; at < to; at += Long.BYTES) {
            sum += memory.get(ValueLayout.JAVA_LONG, at);
        }
        return sum;
    }
}
