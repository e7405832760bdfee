package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/**
 * A frozen matrix in blocks of {@value #BLOCK} numbers with a scale each, made whole again whenever it is used: the base of QLoRA (Dettmers
 * et al. 2023). NF4 has 4 bits a number, the quantiles of a normal distribution scaled to the block's largest (4.5 bits with the scale);
 * INT8 has 8 (8.5 bits).
 */
public final class QuantizedMatrix implements AutoCloseable {
    /** Numbers that share a scale. */
    public static final int BLOCK = 64;

    /** How a number is stored. */
    public enum Format {
        NF4, INT8;

        /** Bytes of {@code elements} numbers with their scales. */
        public long bytes(long elements) {
            return (this == NF4 ? (elements + 1) / 2 : elements) + 4 * ((elements + BLOCK - 1) / BLOCK);
        }
    }

    /** The 16 levels of NormalFloat (Dettmers et al. 2023, appendix E). */
    static final float[] NF4 = {
        -1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
        -0.09105003625154495f, 0, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1
    };
    private static final float[] HALFWAY = halfway();
    /** Blocks one task works on. */
    private static final int TASK = 1024;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

    private final Format format;
    private final long[] shape;
    private final long elements;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment codes;
    private final MemorySegment scales;
    /** On a device other than the processor: then the memory above is given back. */
    private DeviceBlocks onDevice;

    private QuantizedMatrix(Format format, long[] shape) {
        this.format = format;
        this.shape = shape;
        this.elements = shape[0] * shape[1];
        codes = arena.allocate(format == Format.NF4 ? (elements + 1) / 2 : elements, 64);
        scales = arena.allocate(Float.BYTES * blocks(), 64);
    }

    private long blocks() {
        return (elements + BLOCK - 1) / BLOCK;
    }

    private static float[] halfway() {
        float[] halfway = new float[NF4.length - 1];
        for (int i = 0; i < halfway.length; i++) {
            halfway[i] = (NF4[i] + NF4[i + 1]) / 2;
        }
        return halfway;
    }

    /**
     * Rounds {@code values} to the nearest levels, and moves them to the device whose scope is open.
     *
     * @param values F32, row by row
     * @throws IllegalArgumentException where a weight is not finite; says which, and leaves no memory behind
     */
    public static QuantizedMatrix of(MemorySegment values, Format format, long rows, long columns) {
        var matrix = new QuantizedMatrix(format, new long[] {rows, columns});
        var notFinite = new AtomicLong(Long.MAX_VALUE);
        try {
            matrix.tasks((from, to) -> {
                for (long block = from; block < to; block++) {
                    long wrong = matrix.encode(values, block);
                    notFinite.accumulateAndGet(wrong, Math::min);
                }
            });
            // thrown here: what is thrown on another thread arrives in an exception of another text
            long wrong = notFinite.get();
            if (wrong != Long.MAX_VALUE) {
                throw new IllegalArgumentException("weight [" + wrong / columns + ", " + wrong % columns + "] is " + values.get(FLOAT, 4 * wrong)
                        + ": expected finite weights");
            }
            if (!DeviceScope.current().isCpu()) {
                matrix.move();
            }
            return matrix;
        } catch (RuntimeException | Error e) {
            matrix.close();
            throw e;
        }
    }

    /** Gives the place of the first weight that is not finite, else the largest number. */
    private long encode(MemorySegment values, long block) {
        long first = block * BLOCK;
        long end = Math.min(elements, first + BLOCK);
        float largest = 0;
        for (long i = first; i < end; i++) {
            float magnitude = Math.abs(values.get(FLOAT, 4 * i));
            if (!Float.isFinite(magnitude)) {
                return i;
            }
            largest = Math.max(largest, magnitude);
        }
        float scale = format == Format.NF4 ? largest : largest / 127;
        scales.set(FLOAT, 4 * block, scale);
        for (long i = first; i < end; i++) {
            // a block of zeros has no scale to divide by
            float x = scale == 0 ? 0 : values.get(FLOAT, 4 * i) / scale;
            if (format == Format.INT8) {
                codes.set(BYTE, i, (byte) Math.clamp(Math.round(x), -127, 127));
            } else {
                int code = level(x);
                // the first of a pair is the upper half of the byte
                int old = codes.get(BYTE, i / 2);
                codes.set(BYTE, i / 2, (byte) (i % 2 == 0 ? code << 4 | old & 15 : old & 240 | code));
            }
        }
        return Long.MAX_VALUE;
    }

    private void move() {
        onDevice = onDevice();
        arena.close();
    }

    /** A copy of the blocks on the device whose scope is open. */
    DeviceBlocks onDevice() {
        return DeviceBlocks.of(format, codes, scales);
    }

    private static int level(float x) {
        int code = 0;
        while (code < HALFWAY.length && x > HALFWAY[code]) {
            code++;
        }
        return code;
    }

    /** Length along a dimension, as stored. */
    public long size(int dim) {
        return shape[dim];
    }

    /** Bytes of codes and scales. */
    public long bytes() {
        return format.bytes(elements);
    }

    /** A new F32 tensor [rows, columns] in the current scope. */
    public Tensor dequantize() {
        if (onDevice != null) {
            return onDevice.dequantize(shape);
        }
        Tensor whole;
        try (var off = NoGrad.open()) {
            whole = Tensor.empty(DType.F32, shape);
        }
        MemorySegment out = whole.segment();
        tasks((from, to) -> {
            for (long block = from; block < to; block++) {
                decode(block, out);
            }
        });
        return whole;
    }

    private void decode(long block, MemorySegment out) {
        float scale = scales.get(FLOAT, 4 * block);
        long first = block * BLOCK;
        int count = (int) Math.min(BLOCK, elements - first);
        if (format == Format.INT8) {
            for (int i = 0; i < count; i++) {
                out.set(FLOAT, 4 * (first + i), codes.get(BYTE, first + i) * scale);
            }
            return;
        }
        for (int i = 0; i + 1 < count; i += 2) {
            int pair = codes.get(BYTE, (first + i) / 2);
            out.set(FLOAT, 4 * (first + i), NF4[pair >> 4 & 15] * scale);
            out.set(FLOAT, 4 * (first + i + 1), NF4[pair & 15] * scale);
        }
        if (count % 2 == 1) {
            out.set(FLOAT, 4 * (first + count - 1), NF4[codes.get(BYTE, (first + count - 1) / 2) >> 4 & 15] * scale);
        }
    }

    private interface Blocks {
        void run(long from, long to);
    }

    private void tasks(Blocks work) {
        long blocks = blocks();
        int tasks = Math.toIntExact((blocks + TASK - 1) / TASK);
        IntStream.range(0, tasks).parallel().forEach(task -> work.run((long) task * TASK, Math.min(blocks, (task + 1L) * TASK)));
    }

    @Override
    public void close() {
        if (onDevice != null) {
            onDevice.close();
        } else {
            arena.close();
        }
    }
}
