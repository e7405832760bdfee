package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.KvPages;

/**
 * How a model is run.
 *
 * @param threads that compute
 * @param cache   how keys and values are kept: f16, or int8 in about half the memory
 */
public record CpuOptions(int threads, KvPages.Format cache) {
    public CpuOptions {
        if (threads < 1) {
            throw new IllegalArgumentException("at least 1 thread is needed, found " + threads);
        }
    }

    /** Keys and values in f16. */
    public static CpuOptions of(int threads) {
        return new CpuOptions(threads, KvPages.Format.F16);
    }

    public CpuOptions withCache(KvPages.Format value) {
        return new CpuOptions(threads, value);
    }
}
