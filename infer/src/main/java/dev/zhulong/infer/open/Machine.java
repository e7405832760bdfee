package dev.zhulong.infer.open;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What the operating system says of the machine. */
public final class Machine {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final Path MEMORY_INFO = Path.of("/proc/meminfo");
    private static final Path CONTROL_GROUPS = Path.of("/proc/self/cgroup");

    private Machine() {}

    /** Bytes of memory this process may have, the limit of its container included. */
    public static long totalMemory() {
        return system().getTotalMemorySize();
    }

    /** Bytes of memory that can be had now: free, or held by caches that give way; never more than the container's rest. */
    public static long availableMemory() {
        long free = system().getFreeMemorySize();
        // inside a container with a limit the bean counts against it; in both cases its figure leaves out what caches would give back
        return limited() ? Math.min(totalMemory(), free + containerCache()) : Math.max(free, memoryInfo("MemAvailable").orElse(free));
    }

    private static long containerCache() {
        return memoryStatistics(lines(CONTROL_GROUPS)).stream().filter(Files::isReadable).findFirst().map(file -> fileCache(lines(file))).orElse(0L);
    }

    /**
     * Where the system reports what the memory of this process' control group holds, the most likely place first: a container often sees its own
     * group as the uppermost one, whatever the group is called outside.
     *
     * @param groups lines of {@code /proc/self/cgroup}
     */
    static List<Path> memoryStatistics(List<String> groups) {
        return groups.stream().map(line -> line.split(":", 3)).filter(group -> group.length == 3)
                .filter(group -> group[1].isEmpty() || List.of(group[1].split(",")).contains("memory"))
                .flatMap(group -> {
                    // version 2 has one tree for everything
                    Path tree = Path.of("/sys/fs/cgroup", group[1].isEmpty() ? "" : "memory");
                    return Stream.of(tree.resolve(group[2].replaceFirst("^/+", "")), tree).map(directory -> directory.resolve("memory.stat"));
                }).distinct().toList();
    }

    /**
     * Bytes of files in memory, which count against a control group's limit and are given up where memory is wanted.
     *
     * @param statistics lines of {@code memory.stat}; in version 1 the groups below count in lines of their own
     */
    static long fileCache(List<String> statistics) {
        String prefix = statistics.stream().anyMatch(line -> line.startsWith("total_active_file ")) ? "total_" : "";
        return statistics.stream().filter(line -> line.matches(prefix + "(in)?active_file \\d{1,18}")).mapToLong(line -> Long.parseLong(line.substring(
                line.indexOf(' ') + 1))).sum();
    }

    /** Whether a container limits the memory to less than the machine has. */
    public static boolean limited() {
        return memoryInfo("MemTotal").map(physical -> totalMemory() < physical).orElse(false);
    }

    /** The processor's name. */
    public static String processor() {
        return cpuInfo("model name").or(() -> cpuInfo("Model")).orElse(System.getProperty("os.arch"));
    }

    /** The widest vector instructions, as the field calls them; {@code unknown} where the system does not say. */
    public static String simd() {
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
