package dev.zhulong.kernels;

import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Optional;

/** Whether this JVM can run the kernels at their speed. Without C2 they would still run, hundreds of times slower, and nothing would say why. */
public final class VectorUnit {
    private VectorUnit() {}

    /**
     * Refuses a JVM without the vector module or without C2.
     *
     * @throws IllegalStateException with one line that says what to add or to take away
     */
    public static void require() {
        boolean module = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
        lacking(module, ManagementFactory.getRuntimeMXBean().getInputArguments()).ifPresent(line -> {
            throw new IllegalStateException(line);
        });
    }

    static Optional<String> lacking(boolean module, List<String> flags) {
        if (!module) {
            return Optional.of("the CPU kernels need the vector module: start java with --add-modules jdk.incubator.vector");
        }
        return flags.stream().filter(flag -> flag.equals("-Xint") || flag.equals("-XX:-UseCompiler") || flag.matches("-XX:TieredStopAtLevel=[0-3]"))
                .findFirst().map(flag -> "the CPU kernels need the C2 compiler, which " + flag + " turns off: start java without it");
    }
}
