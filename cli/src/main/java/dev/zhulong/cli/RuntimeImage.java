package dev.zhulong.cli;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.gguf.GgufFile;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A folder that runs one model on a machine without a JDK: the part of this JDK that the CPU engine needs (linked by {@code jlink}), the jars of
 * {@code generate}, {@code chat} and {@code serve}, the model, and a launcher.
 */
final class RuntimeImage {
    /** Of a JVM that was started by the launcher of such a folder. */
    static final String PROPERTY = "zhulong.runtime";

    /** jdk.net is the server's, java.logging its library's. */
    private static final String MODULES = "java.base,java.logging,java.management,jdk.management,jdk.incubator.vector,jdk.net,jdk.unsupported";

    /** Our modules that the three verbs reach, and the libraries of those that they use without libtorch; by the names of their jars. */
    private static final Pattern JARS = Pattern.compile("zhulong-(cli|distribute|formats|guard|infer|kernels|model|serve|tensor|text)\\b.*"
            + "|(jackson-(core|databind|annotations)|picocli|helidon|micrometer|prometheus|lit|slf4j|caffeine|jspecify|HdrHistogram|LatencyUtils)\\b.*|lit__.*");
    /** Hugging Face's tokenizers, for what our own encoders leave to them: marks of byte-level BPE. */
    private static final Pattern TOKENIZER_JARS = Pattern.compile("(tokenizers|api|jna|gson)-[\\d.]+\\.jar");
    /** Classes of a module of ours that has no jar yet. */
    private static final Pattern CLASSES = Pattern.compile(".*/([a-z]+)/target/classes/?");

    /** Of an image, what tools read alone, and Intel's functions of vectors, of which the engine has its own. */
    private static final List<String> UNREAD = List.of("lib/jrt-fs.jar", "lib/classlist", "lib/jexec", "lib/libjsvml.so");

    private RuntimeImage() {}

    /**
     * Writes the folder, which must not exist.
     *
     * @param model      a GGUF file
     * @param tokenizers whether Hugging Face's tokenizers go along, which are five megabytes
     * @throws IllegalArgumentException where this Java cannot link a runtime; says what to do
     */
    static void write(Path directory, Path model, boolean tokenizers) throws IOException {
        Files.createDirectories(directory.resolve("lib"));
        link(directory.resolve("runtime"));
        var slim = new SlimJar();
        for (Path entry : classPath()) {
            String name = name(entry);
            if (JARS.matcher(name).matches() || tokenizers && TOKENIZER_JARS.matcher(name).matches()) {
                slim.copy(entry, directory.resolve("lib").resolve(name));
            }
        }
        Path copy = Files.createDirectories(directory.resolve("model")).resolve(model.getFileName());
        try (GgufFile files = GgufFile.open(model)) {
            for (Path part : files.parts()) {
                Files.copy(part, copy.resolveSibling(part.getFileName()));
            }
        }
        launcher(directory, model.getFileName().toString());
    }

    static List<Path> classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator)).filter(entry -> !entry.isEmpty()).map(Path::of).filter(Files::exists).toList();
    }

    /** The name of the jar that an entry of the class path is, or would be. */
    static String name(Path entry) {
        Matcher classes = CLASSES.matcher(entry.toString());
        return classes.matches() ? "zhulong-" + classes.group(1) + ".jar" : entry.getFileName().toString();
    }

    private static void link(Path to) throws IOException {
        Path jlink = Path.of(System.getProperty("java.home"), "bin", "jlink");
        if (!Files.isExecutable(jlink)) {
            throw new IllegalArgumentException("this Java has no jlink, which links runtimes (looked for " + jlink + "): run Zhulong on a whole JDK, such as Temurin's, with"
                    + " ZHULONG_JAVA_HOME");
        }
        Process process = new ProcessBuilder(jlink.toString(), "--add-modules", MODULES, "--strip-debug", "--no-header-files", "--no-man-pages", "--compress", "zip-9", "--output",
                to.toString()).redirectErrorStream(true).start();
        try (var stop = AtExit.of(process::destroy)) {
            process.getOutputStream().close();
            List<String> said = new ArrayList<>(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("WARNING: Using incubator")).toList());
            if (process.waitFor() != 0) {
                throw new IllegalArgumentException("jlink of " + System.getProperty("java.home") + " cannot link a runtime (" + String.join("; ", said)
                        + "): use a JDK with its jmods, or one that links without them, such as Temurin 25, with ZHULONG_JAVA_HOME");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a runtime was being linked", e);
        }
        for (String unread : UNREAD) {
            Files.deleteIfExists(to.resolve(unread));
        }
    }

    private static void launcher(Path directory, String model) throws IOException {
        Path launcher = directory.resolve("zhulong");
        try (InputStream script = RuntimeImage.class.getResourceAsStream("runtime-launcher.sh")) {
            AtomicFile.writeBytes(launcher, script.readAllBytes());
        }
        Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
        AtomicFile.writeString(directory.resolve("README.md"), """
                # A model that runs by itself

                `model/%s`, a Java runtime and Zhulong's CPU engine. Nothing else is needed: no JDK, no network.

                    ./zhulong generate --prompt 'Once upon a time'
                    ./zhulong chat
                    ./zhulong serve --port 8080
                    ./zhulong generate --help

                `--model FILE` runs another GGUF file. The folder may be moved. It was made for %s on %s.
                """.formatted(model, System.getProperty("os.name"), System.getProperty("os.arch")));
    }
}
