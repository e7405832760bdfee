package dev.zhulong.recipe;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs a class of the tests in a process of its own, so that it can be killed. */
public final class ChildJvm {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ChildJvm() {}

    /** Starts {@code main} with this process's class path and flags; what it prints is added to {@code log}. */
    public static Process start(Class<?> main, File log, String... arguments) throws IOException {
        return start(List.of("-Xmx1g"), main, log, arguments);
    }

    /**
     * Starts {@code main} with a Java heap that takes all its memory at once and two threads, whatever the machine: the difference of the {@link #peak} of two such
     * processes is memory of libtorch. A heap that grows differs by hundreds of megabytes from run to run.
     */
    static Process startMeasured(Class<?> main, File log, String... arguments) throws IOException {
        return start(List.of("-XX:+UseSerialGC", "-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch", "-XX:ActiveProcessorCount=2"), main, log, arguments);
    }

    private static Process start(List<String> memory, Class<?> main, File log, String... arguments) throws IOException {
        var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"));
        command.addAll(memory);
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(a -> a.startsWith("-Dorg.bytedeco") || a.startsWith("--enable-native") || a.startsWith("--sun-misc")
                        || a.startsWith("-Doffline")).toList());
        command.addAll(List.of("-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                main.getName()));
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log));
        builder.environment().put("OMP_NUM_THREADS", "2");
        // as the launcher starts every process: one heap of glibc, whose size does not depend on which thread asked first
        builder.environment().put("MALLOC_ARENA_MAX", "1");
        return builder.start();
    }

    /** Whether this machine can say the {@link #peak}. */
    static boolean knowsPeak() {
        return Files.isReadable(STATUS);
    }

    /** Most memory this process has had resident, in bytes. */
    static long peak() throws IOException {
        return 1024 * Long.parseLong(Files.readAllLines(STATUS).stream().filter(text -> text.startsWith("VmHWM")).findFirst().orElseThrow().replaceAll("[^0-9]", ""));
    }
}
