package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FusedRows;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.kernels.KeyStatistics;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.kernels.WeightType;
import java.util.Optional;

/** The memory {@link CpuEngine} will take, before it takes it. */
public final class CpuMemory {
    private final NetworkSpec spec;
    /** Bytes that stay on either route: vectors, embedding and head. */
    private long shared;
    /** Of the blocks' matrices as the latency route packs them. */
    private long packed;
    /** Of the same as the throughput route does. */
    private long inBytes;
    /** The most that is made of one matrix while it is loaded. */
    private long scratch;
    private long largestInBytes;

    private CpuMemory(NetworkSpec spec) {
        VectorSupport.require();
        this.spec = spec;
    }

    /**
     * Of a GGUF file, as {@link CpuEngine#load(GgufModel, CpuOptions)} would take it.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate of(GgufModel file, CpuOptions options) {
        return of(file).estimate(file.spec(), options);
    }

    private static CpuMemory of(GgufModel file) {
        var memory = new CpuMemory(file.network());
        for (GgufWeight weight : file.weights().values()) {
            memory.add(weight, WeightType.valueOf(file.type(weight).name()), weight.isMoved());
        }
        return memory;
    }

    /**
     * Of a GGUF file, as {@link CpuEncoder#load(GgufModel, int)} would take it, with the sequences of one pass.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate ofEncoder(GgufModel file) {
        return of(file).ofEncoder();
    }

    private MemoryEstimate ofEncoder() {
        return new MemoryEstimate(shared + packed + scratch, 0, EncoderPass.bytes(spec.stack(), ((EncoderSpec) spec).outputs()));
    }

    /**
     * Of a directory, as {@link CpuEngine#load(ModelDirectory, Optional, CpuOptions)} would take it.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate of(ModelDirectory directory, Optional<WeightType> type, CpuOptions options) {
        return of(directory, type).estimate(directory.spec(), options);
    }

    private static CpuMemory of(ModelDirectory directory, Optional<WeightType> type) {
        var memory = new CpuMemory(directory.network());
        var weights = new DecoderWeights.OfDirectory(directory, type);
        for (GgufWeight weight : GgufWeight.ofNetwork(directory.network())) {
            if (!weights.holds(weight.huggingFace())) {
                continue;
            }
            memory.add(weight, weights.typeOf(weight), true);
        }
        return memory;
    }

    /**
     * Of a directory, as {@link CpuEncoder#load} would take it, with the sequences of one pass.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate ofEncoder(ModelDirectory directory, Optional<WeightType> type) {
        return of(directory, type).ofEncoder();
    }

    /**
     * Of a directory, as {@link CpuEncoderDecoder#load} would take it.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate ofEncoderDecoder(ModelDirectory directory, Optional<WeightType> type, CpuOptions options) {
        return of(directory, type).ofEncoderDecoder(options);
    }

    /**
     * Of a GGUF file, as {@link CpuEncoderDecoder#load(GgufModel, CpuOptions)} would take it.
     *
     * @throws IllegalStateException where this JVM cannot run the engine; says what to change
     */
    public static MemoryEstimate ofEncoderDecoder(GgufModel file, CpuOptions options) {
        return of(file).ofEncoderDecoder(options);
    }

    private MemoryEstimate ofEncoderDecoder(CpuOptions options) {
        var both = (EncoderDecoderSpec) spec;
        MemoryEstimate decoder = estimate(both.decoderAlone(), options);
        return new MemoryEstimate(decoder.weights(), decoder.cachePerToken(), decoder.buffers() + EncoderPass.bytes(both.encoder(), 0));
    }

    /** Of either. */
    static MemoryEstimate of(DecoderWeights weights, CpuOptions options) {
        return switch (weights) {
            case DecoderWeights.OfGguf(GgufModel file) -> of(file, options);
            case DecoderWeights.OfDirectory directory -> of(directory.model(), directory.type(), options);
        };
    }

    private void add(GgufWeight weight, WeightType type, boolean made) {
        long[] shape = weight.shape();
        long elements = shape[0] * (shape.length == 2 ? shape[1] : 1);
        Role role = weight.parameter().role();
        boolean embedding = role == Role.EMBED;
        if (role == Role.KV_UP) {
            // on either route products of each head: turned over what makes keys, as it is what makes values
            Stack.Attention attention = spec.stack().layers().get(weight.parameter().layer()).attention();
            int still = attention.headDim() - attention.latent().rotaryDim();
            shared += attention.heads() * (PackedWeights.bytes(StoredMatrix.turnedOver(type), shape[1], still)
                    + PackedWeights.bytes(type, attention.latent().valueDim(), shape[1]));
            scratch = Math.max(scratch, elements * Float.BYTES + (made ? shape[0] * type.rowBytes(Math.toIntExact(shape[1])) : 0));
            return;
        }
        boolean floats = switch (role) {
            case POSITIONS, ENCODER_POSITIONS, SEGMENTS, Q_NORM, K_NORM, RELATIVE_BIAS, LOGITS_BIAS -> true;
            default -> shape.length == 1;
        };
        if (floats) {
            shared += elements * Float.BYTES;
            return;
        }
        long stored = shape[0] * type.rowBytes(Math.toIntExact(shape[1]));
        if (weight.parameter().layer() >= 0) {
            long packedHere = 0;
            for (int[] rows : FusedRows.of(weight.parameter(), spec.layer(weight.parameter().layer()))) {
                packedHere += PackedWeights.bytes(type, rows.length, shape[1]);
            }
            packed += packedHere;
            // a byte a weight; a scale, a sum and the columns in F32 of each output. While it is packed there are two of it
            inBytes += weight.isStacked() || role == Role.ROUTER ? packedHere : elements + shape[0] * Float.BYTES * (2 + Calibration.KEPT);
            largestInBytes = Math.max(largestInBytes, elements);
        } else {
            // rows of the embedding are looked up where they are stored; as a head it is packed besides
            shared += (embedding ? stored : 0) + (!embedding || spec.tiedEmbeddings() ? PackedWeights.bytes(type, shape[0], shape[1]) : 0);
        }
        scratch = Math.max(scratch, made ? stored + (weight.layout() == Layout.TRANSPOSED ? elements * Float.BYTES : 0) : 0);
    }

    private MemoryEstimate estimate(DecoderSpec spec, CpuOptions options) {
        // the throughput route comes after the latency route has read a text and been let go
        long blocks = options.route() == Route.LATENCY ? packed : Math.max(packed, inBytes + largestInBytes);
        long statistics = options.cache() == KvPages.Format.INT4 ? spec.layers() * KeyStatistics.bytes(spec.kvHeads(), spec.headDim()) : 0;
        return new MemoryEstimate(shared + blocks + scratch + statistics, CpuEngine.cacheBytes(spec, options.cache(), KvPages.PAGE) / KvPages.PAGE, MemoryEstimate.buffers(spec));
    }
}
