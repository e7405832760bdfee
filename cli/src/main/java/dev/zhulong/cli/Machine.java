package dev.zhulong.cli;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What the operating system says of the machine. */
final class Machine {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final Path MEMORY_INFO = Path.of("/proc/meminfo");

    private Machine() {}

    /** Bytes of memory this process may have, the limit of its container included. */
    static long totalMemory() {
        return system().getTotalMemorySize();
    }

    /** Bytes of memory that can be had now: free, or held by caches that give way; never more than the container's rest. */
    static long availableMemory() {
        long free = system().getFreeMemorySize();
        // inside a container with a limit the bean counts against it; without one its figure leaves out what caches would give back
        return limited() ? free : Math.max(free, memoryInfo("MemAvailable").orElse(free));
    }

    /** Whether a container limits the memory to less than the machine has. */
    static boolean limited() {
        return memoryInfo("MemTotal").map(physical -> totalMemory() < physical).orElse(false);
    }

    /** The processor's name. */
    static String processor() {
        return cpuInfo("model name").or(() -> cpuInfo("Model")).orElse(System.getProperty("os.arch"));
    }

    /** The widest vector instructions, as the field calls them; {@code unknown} where the system does not say. */
    static String simd() {
        String flags = cpuInfo("flags").or(() -> cpuInfo("Features")).orElse("");
        return simd(System.getProperty("os.arch"), List.of(flags.split("\\s+")));
    }

    static String simd(String arch, List<String> flags) {
        if (arch.equals("aarch64") || arch.equals("arm64")) {
            return flags.contains("sve2") ? "SVE2" : flags.contains("sve") ? "SVE" : "NEON (128 bits)";
        }
        if (flags.contains("avx512f")) {
            return "AVX-512 (512 bits)" + (flags.contains("avx512_vnni") ? ", VNNI" : "")
                    + (flags.contains("avx512_bf16") ? ", bf16" : "") + (flags.contains("amx_tile") ? ", AMX" : "");
        }
        if (flags.contains("avx2")) {
            return "AVX2 (256 bits)" + (flags.contains("avx_vnni") ? ", VNNI" : "");
        }
        return flags.contains("avx") ? "AVX (256 bits)" : flags.contains("sse4_2") ? "SSE4.2 (128 bits)" : "unknown";
    }

    private static OperatingSystemMXBean system() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    }

    private static Optional<Long> memoryInfo(String key) {
        return value(MEMORY_INFO, key).map(value -> Long.parseLong(value.replaceAll("[^0-9]", "")) * 1024);
    }

    private static Optional<String> cpuInfo(String key) {
        return value(CPU_INFO, key);
    }

    private static Optional<String> value(Path file, String key) {
        return lines(file).stream()
                .filter(line -> line.contains(":") && line.substring(0, line.indexOf(':')).strip().equals(key))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst();
    }

    private static List<String> lines(Path file) {
        try {
            return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
        } catch (IOException e) {
            return List.of();
        }
    }
}
