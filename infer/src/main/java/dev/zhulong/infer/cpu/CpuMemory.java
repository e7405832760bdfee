package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.kernels.WeightType;
import java.util.Optional;

/** The memory {@link CpuEngine} will take, before it takes it. */
public final class CpuMemory {
    private final DecoderSpec spec;
    /** Bytes that stay. */
    private long kept;
    /** The most that is made of one matrix while it is loaded. */
    private long scratch;
    /** Bytes that stay on the throughput route, once the latency route has been read a text and let go. */
    private long keptInBytes;
    private long scratchInBytes;

    private CpuMemory(DecoderSpec spec) {
        VectorSupport.require();
        this.spec = spec;
    }

    /**
     * Of a GGUF file, as {@link CpuEngine#load(GgufModel, CpuOptions)} would take it.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate of(GgufModel file, CpuOptions options) {
        var memory = new CpuMemory(file.spec());
        for (GgufWeight weight : file.weights().values()) {
            memory.add(weight, WeightType.valueOf(file.file().tensor(weight.gguf()).type().name()), weight.layout() == GgufWeight.Layout.INTERLEAVED);
        }
        return memory.estimate(options);
    }

    /**
     * Of a directory, as {@link CpuEngine#load(ModelDirectory, Optional, CpuOptions)} would take it.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate of(ModelDirectory directory, Optional<WeightType> type, CpuOptions options) {
        var memory = new CpuMemory(directory.spec());
        var weights = new DecoderWeights.OfDirectory(directory, type);
        for (GgufWeight weight : GgufWeight.of(directory.spec())) {
            memory.add(weight, weights.typeOf(weight), true);
        }
        return memory.estimate(options);
    }

    private void add(GgufWeight weight, WeightType type, boolean made) {
        long[] shape = weight.shape();
        long elements = shape[0] * (shape.length == 2 ? shape[1] : 1);
        boolean embedding = weight.gguf().equals("token_embd.weight");
        if (shape.length == 1 || weight.gguf().equals("position_embd.weight")) {
            kept += elements * Float.BYTES;
            keptInBytes += elements * Float.BYTES;
            return;
        }
        long stored = shape[0] * type.rowBytes(Math.toIntExact(shape[1]));
        // rows of the embedding are looked up where they are stored; as a head it is packed besides
        long packed = (embedding ? stored : 0) + (!embedding || spec.tiedEmbeddings() ? PackedWeights.bytes(type, shape[0], shape[1]) : 0);
        kept += packed;
        if (weight.gguf().startsWith("blk.")) {
            // a byte a weight; a scale, a sum and the columns in F32 of each output. While it is packed there are two of it
            keptInBytes += elements + shape[0] * Float.BYTES * (2 + Calibration.KEPT);
            scratchInBytes = Math.max(scratchInBytes, elements);
        } else {
            keptInBytes += packed;
        }
        scratch = Math.max(scratch, made ? stored + (weight.layout() == GgufWeight.Layout.TRANSPOSED ? 2 * elements * Float.BYTES : 0) : 0);
    }

    private MemoryEstimate estimate(CpuOptions options) {
        long latency = kept + scratch;
        long weights = options.route() == Route.LATENCY ? latency : Math.max(latency, keptInBytes + scratch + scratchInBytes);
        return new MemoryEstimate(weights, CpuEngine.cacheBytes(spec, options.cache(), KvPages.PAGE) / KvPages.PAGE, MemoryEstimate.buffers(spec));
    }
}
