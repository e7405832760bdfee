package dev.zhulong.recipe;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs a class of the tests in a process of its own, so that it can be killed. */
public final class ChildJvm {
    private ChildJvm() {}

    /** Starts {@code main} with this process's class path and flags; what it prints is added to {@code log}. */
    public static Process start(Class<?> main, File log, String... arguments) throws IOException {
        var command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx1g",
                "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(a -> a.startsWith("-Dorg.bytedeco") || a.startsWith("--enable-native") || a.startsWith("--sun-misc")
                        || a.startsWith("-Doffline")).toList());
        command.addAll(List.of("-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                main.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log)).start();
    }
}
