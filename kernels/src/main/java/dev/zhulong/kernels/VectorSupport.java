package dev.zhulong.kernels;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Optional;

/** Says in one sentence why the kernels of this module would not run, or would run a hundred times too slowly. */
public final class VectorSupport {
    private VectorSupport() {}

    /**
     * Refuses to go on where vector code cannot be fast; {@link ScalarMatMul} stays for those who ask for it.
     *
     * @throws IllegalStateException with a sentence that says what to change
     */
    public static void require() {
        problem().ifPresent(problem -> {
            throw new IllegalStateException(problem);
        });
    }

    /** What is wrong with this JVM for vector code, if anything. */
    public static Optional<String> problem() {
        boolean module = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
        return problem(module, System.getProperty("java.vm.info", ""), ManagementFactory.getRuntimeMXBean().getInputArguments()).or(Lanes::problem)
                .or(VectorSupport::missingFma);
    }

    /** Without the instruction each product of floats would be worked out in decimals, thousands of times as slowly. */
    private static Optional<String> missingFma() {
        var hotspot = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        try {
            return hotspot == null || Boolean.parseBoolean(hotspot.getVMOption("UseFMA").getValue()) ? Optional.empty()
                    : Optional.of("the CPU kernels need fused multiply-add, which this processor does not have or Java was configured not to use (-XX:-UseFMA, -XX:UseAVX=0):"
                            + " use the torch engine, or a processor made after 2013");
        } catch (IllegalArgumentException e) {
            // a JVM without the option has nothing to say against it
            return Optional.empty();
        }
    }

    /** Bits of the vectors the kernels compute with, where there is no {@link #problem()}. */
    public static int bits() {
        return Lanes.BYTES * Byte.SIZE;
    }

    /** The instructions that products with quantised weights are made of when they run on machine code; empty when they run on the Vector API. */
    public static Optional<String> machineCode() {
        return MachineKernel.name();
    }

    /** Makes ready on the calling thread what a first product would wait for: a product of nothing by machine code, where there is any. */
    public static void prepare() {
        if (problem().isPresent() || !MachineKernel.isUsed()) {
            return;
        }
        try (Arena arena = Arena.ofConfined(); ThreadPool alone = new ThreadPool(1)) {
            WeightType type = WeightType.Q8_0;
            int rows = Lanes.COUNT;
            int columns = PackedWeights.UNIT;
            PackedWeights nothing = PackedWeights.pack(type, arena.allocate(rows * type.rowBytes(columns)), rows, columns, arena, alone);
            var a = new Activations(1, columns);
            a.set(new float[columns], 0, 1, columns);
            new MatMul(alone).multiply(a, nothing, new float[rows], 0);
        }
    }

    /** Waits, some seconds at most, until the kernels that products have asked for are compiled: for measuring, which otherwise times their stand-ins. */
    public static void awaitKernels() {
        Warmth.await();
    }

    static Optional<String> problem(boolean module, String vmInfo, List<String> flags) {
        if (!module) {
            return Optional.of("the CPU kernels need the vector module: start Java with --add-modules jdk.incubator.vector");
        }
        if (vmInfo.startsWith("interpreted")) {
            return Optional.of("the CPU kernels need compiled code: start Java without -Xint");
        }
        for (String flag : flags) {
            boolean slow = flag.startsWith("-XX:TieredStopAtLevel=") && !flag.endsWith("=4") || flag.equals("-XX:-EnableVectorSupport")
                    || flag.equals("-XX:-UseCompiler");
            if (slow) {
                return Optional.of("the CPU kernels need C2, the optimizing compiler: start Java without " + flag);
            }
        }
        return vmInfo.contains("emulated-client")
                ? Optional.of("the CPU kernels need C2, the optimizing compiler: start Java with -XX:+TieredCompilation and no client mode")
                : Optional.empty();
    }
}
