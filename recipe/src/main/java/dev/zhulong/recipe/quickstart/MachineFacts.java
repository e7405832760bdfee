package dev.zhulong.recipe.quickstart;

import com.sun.management.OperatingSystemMXBean;
import dev.zhulong.formats.Provenance;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** Names the machine and the versions for a report. */
final class MachineFacts {
    private MachineFacts() {}

    static Report.Machine of(double gflops) {
        long memory = ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean os ? os.getTotalMemorySize() : 0;
        return new Report.Machine(processor(), Runtime.getRuntime().availableProcessors(), memory, gflops, Libtorch.threads(),
                System.getProperty("os.name") + " " + System.getProperty("os.arch"),
                System.getProperty("java.vendor") + " " + Runtime.version(), Provenance.zhulongVersion(), Libtorch.version(), Libtorch.blas());
    }

    /** As Linux names it; elsewhere its architecture. */
    private static String processor() {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name")).map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst().orElse(System.getProperty("os.arch"));
        } catch (IOException | java.io.UncheckedIOException e) {
            return System.getProperty("os.arch");
        }
    }
}
