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
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG),
            Linker.Option.critical(true)) : null;

    private static final Map<IntegerKernelCode.Shape, MachineKernel> KERNELS = new ConcurrentHashMap<>();

    /** Whether products are those of the vector kernels all the same: {@code -Dzhulong.kernels=vector}, and tests. */
    private static volatile boolean off = "vector".equals(System.getProperty("zhulong.kernels"));

    private final MemorySegment code;

    private MachineKernel(MemorySegment code) {
        this.code = code;
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

    /**
     * The kernel for {@code w}, quantised, and tiles of {@code rows}: 1, 4 or 8; looked up once, so that a product allocates nothing.
     *
     * @param apart whether its outputs lie by themselves, {@link IntegerKernelCode#OUTPUT_STRIDE} bytes a row, or in rows as long as W has
     */
    static MachineKernel of(PackedWeights w, int rows, boolean apart) {
        int i = 2 * Activations.tileKind(rows) + (apart ? 1 : 0);
        MachineKernel kernel = w.kernels[i];
        if (kernel == null) {
            int stride = apart ? IntegerKernelCode.OUTPUT_STRIDE : Math.multiplyExact(w.rows(), Float.BYTES);
            kernel = KERNELS.computeIfAbsent(IntegerKernelCode.Shape.of(w, rows, rows == 1 ? 0 : stride), MachineKernel::make);
            w.kernels[i] = kernel;
        }
        return kernel;
    }

    private static MachineKernel make(IntegerKernelCode.Shape shape) {
        return new MachineKernel(load(IntegerKernelCode.emit(shape, Platform.VNNI, Platform.CONSTANTS.address()).bytes()));
    }

    /** Products of a tile with {@code count} blocks from {@code first} on, the first row's at the beginning of {@code to}. */
    void multiply(PackedWeights w, int first, int count, ActivationRecords a, int tile, MemorySegment to) {
        long scales = first * w.blockScaleBytes;
        try {
            CALL.invokeExact(code, w.data.address() + first * w.blockBytes, w.scales.address() + scales, w.hasMin ? w.mins.address() + scales : 0L,
                    a.from(tile, w.units), to, (long) count, w.group == 16 ? (long) w.units : (long) (w.units / w.perGroup));
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
