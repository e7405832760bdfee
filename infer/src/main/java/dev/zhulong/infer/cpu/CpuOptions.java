package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.KvPages;

/**
 * How a model is run.
 *
 * @param threads     that compute
 * @param cache       how keys and values are kept: f16, int8 in about half the memory, int4 in a good quarter, or f32
 * @param route       what multiplies
 * @param calibration ids of a text, some hundred, from which the throughput route learns which columns of the activations are large, and an int4 cache what queries and keys are
 *                    like; empty for ids at random
 */
public record CpuOptions(int threads, KvPages.Format cache, Route route, int[] calibration) {
    public CpuOptions {
        if (threads < 1) {
            throw new IllegalArgumentException("at least 1 thread is needed, found " + threads);
        }
    }

    /** The latency route, keys and values in f16. */
    public static CpuOptions of(int threads) {
        return new CpuOptions(threads, KvPages.Format.F16, Route.LATENCY, new int[0]);
    }

    public CpuOptions withCache(KvPages.Format value) {
        return new CpuOptions(threads, value, route, calibration);
    }

    public CpuOptions withRoute(Route value) {
        return new CpuOptions(threads, cache, value, calibration);
    }

    public CpuOptions withCalibration(int[] value) {
        return new CpuOptions(threads, cache, route, value);
    }
}
