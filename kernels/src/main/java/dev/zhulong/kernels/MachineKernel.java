package dev.zhulong.kernels;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** Machine code for products with quantised weights of one shape, made when it is first asked for; see {@link IntegerKernelCode}. */
final class MachineKernel {
    /** The function of {@link IntegerKernelCode}. Reads and writes arrays where they lie: while it runs, a fraction of a millisecond, there is no garbage collection. */
    private static final MethodHandle CALL = Platform.THERE ? Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS,
            ValueLayout.JAVA_LONG),
            Linker.Option.critical(true)) : null;

    private static final Map<IntegerKernelCode.Shape, MemorySegment> CODE = new ConcurrentHashMap<>();

    /** Whether products are those of the vector kernels all the same: {@code -Dzhulong.kernels=vector}, and tests. */
    private static volatile boolean off = "vector".equals(System.getProperty("zhulong.kernels"));

    /** Where outputs are written. */
    enum To {
        /** Rows as long as W has. */
        ROWS,
        /** These, and what is added to each row. */
        ROWS_WITH_BIAS,
        /** By themselves, {@link IntegerKernelCode#OUTPUT_STRIDE} bytes a row. */
        APART
    }

    /** Blocks that the code multiplies at a time. */
    private final int together;
    private final MemorySegment code;
    /** For a last block that is alone. */
    private final MemorySegment single;

    private MachineKernel(int together, MemorySegment code, MemorySegment single) {
        this.together = together;
        this.code = code;
        this.single = single;
    }

    /** Whether products with quantised weights run on machine code, which does not change while one is in flight. */
    static boolean isUsed() {
        return !off && Platform.THERE;
    }

    /** Whether this machine runs machine code. */
    static boolean isThere() {
        return Platform.THERE;
    }

    /** Whether its vectors are of 512 bits, or of 256. */
    static boolean isWide() {
        return Platform.VNNI;
    }

    /** Code, ready to be called, for the life of the process. */
    static MemorySegment load(byte[] code) {
        return MachineCode.load(code).orElseThrow(() -> new IllegalStateException("the system gave executable memory before and refuses it now"));
    }

    /** For tests: as if this machine had none, or as it is. */
    static void switchOff(boolean value) {
        off = value;
    }

    /** What the code uses: instructions and width. */
    static Optional<String> name() {
        return isUsed() ? Optional.of(Platform.VNNI ? "AVX-512 VNNI" : "AVX2") : Optional.empty();
    }

    /** The kernel for {@code w}, quantised, and tiles of {@code rows}: 1, 4 or 8; looked up once, so that a product allocates nothing. */
    static MachineKernel of(PackedWeights w, int rows, To to) {
        int i = To.values().length * Activations.tileKind(rows) + to.ordinal();
        MachineKernel kernel = w.kernels[i];
        if (kernel == null) {
            int together = IntegerKernelCode.blocks(w, rows, Platform.VNNI);
            kernel = new MachineKernel(together, code(w, rows, to, together), code(w, rows, to, 1));
            w.kernels[i] = kernel;
        }
        return kernel;
    }

    private static MemorySegment code(PackedWeights w, int rows, To to, int blocks) {
        int stride = rows == 1 ? 0 : to == To.APART ? IntegerKernelCode.OUTPUT_STRIDE : Math.multiplyExact(w.rows(), Float.BYTES);
        return CODE.computeIfAbsent(IntegerKernelCode.Shape.of(w, rows, stride, blocks, to == To.ROWS_WITH_BIAS),
                shape -> load(IntegerKernelCode.emit(shape, Platform.VNNI, Platform.CONSTANTS.address()).bytes()));
    }

    /**
     * Products of neighbouring tiles with {@code count} blocks from {@code first} on, the first row's at the beginning of {@code to}.
     *
     * @param tile  the first one
     * @param again whether enough tiles read the same weights, so that they are mostly in the cache
     * @param bias what is added to a row, a number for each row of these blocks; null where the kernel adds nothing
     */
    void multiply(PackedWeights w, int first, int count, ActivationRecords a, int tile, int tiles, boolean again, MemorySegment to, MemorySegment bias) {
        int whole = again ? count / together * together : 0;
        if (whole > 0) {
            call(code, w, first, whole / together, a, tile, tiles, to, bias);
        }
        if (whole < count) {
            long bytes = (long) whole * Lanes.BYTES;
            call(single, w, first + whole, count - whole, a, tile, tiles, to.asSlice(bytes), bias == null ? null : bias.asSlice(bytes));
        }
    }

    private static void call(MemorySegment code, PackedWeights w, int first, long groups, ActivationRecords a, int tile, long tiles, MemorySegment to, MemorySegment bias) {
        long scales = first * w.blockScaleBytes;
        MemorySegment added = bias == null ? MemorySegment.NULL : bias;
        try {
            CALL.invokeExact(code, w.data.address() + first * w.blockBytes, w.scales.address() + scales, w.hasMin ? w.mins.address() + scales : 0L,
                    a.from(tile, w.units), to, groups, added, tiles);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    /** Looked at once. */
    private static final class Platform {
        static final boolean VNNI = Lanes.BYTES == 64;
        static final boolean THERE;
        static final MemorySegment CONSTANTS = IntegerKernelCode.constants();

        static {
            boolean there = false;
            if (MachineCode.isKnownSystem() && (Lanes.BYTES == 64 || Lanes.BYTES == 32)) {
                Optional<MemorySegment> cpuid = MachineCode.load(MachineCode.cpuidCode());
                there = cpuid.isPresent() && MachineCode.hasFmaAndF16c(cpuid.get()) && (!VNNI || MachineCode.hasVnni(cpuid.get()));
            }
            THERE = there;
        }
    }
}
