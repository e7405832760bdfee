package dev.zhulong.serve;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** Programs of this machine that tests need. */
final class Program {
    private Program() {}

    /** The first of {@code names} on the PATH; else the test is skipped by name. */
    static String require(String... names) {
        Optional<Path> found = Arrays.stream(names).flatMap(name -> Arrays.stream(System.getenv("PATH").split(File.pathSeparator)).map(directory -> Path.of(directory, name)))
                .filter(Files::isExecutable).findFirst();
        assumeTrue(found.isPresent(), "needs " + names[0] + ", which is not installed");
        return found.get().toString();
    }
}
