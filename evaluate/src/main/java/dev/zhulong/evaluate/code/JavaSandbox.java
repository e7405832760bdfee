package dev.zhulong.evaluate.code;

import dev.zhulong.formats.FileTree;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Compiles a solution and its test and runs them in a JVM of their own: no more than {@code java.base} in it, a bounded heap, a bounded time, no environment,
 * an empty directory to stand in, and where a shell can set them limits on processor time, memory and written files. Class files that refer to more than
 * {@link PermittedReferences} allows are never run. All that the JVM started ends with it.
 *
 * @param seconds  of the run; the compiler has as long
 * @param megabytes of the heap
 */
public record JavaSandbox(int seconds, int megabytes) {
    private static final int OUTPUT = 16 << 10;
    private static final Pattern PUBLIC = Pattern.compile("\\bpublic\\s+(?:(?:final|abstract|sealed|strictfp)\\s+)*(?:class|record|interface|enum)\\s+(\\w+)");
    private static final Pattern MAIN = Pattern.compile("\\b(?:class|record|interface|enum)\\s+(\\w+)");
    /** Packages whose classes tests use by their simple names. */
    private static final List<String> SHADOWED = List.of("java.lang.", "java.util.", "java.util.function.", "java.util.stream.", "java.math.", "java.util.concurrent.");
    private static final SecureRandom RANDOM = new SecureRandom();

    /** How a solution ended. */
    public enum Status {
        PASSED, /** The test threw something. */ FAILED, /** The solution does not compile, or not with the test. */ NOT_COMPILED,
        /** It refers to what it may not. */ REFUSED, TIMEOUT, /** Its JVM ended without a word. */ DIED;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** @param detail one line; empty where there is nothing to say */
    public record Verdict(Status status, String detail) {}

    public JavaSandbox {
        if (seconds < 1 || megabytes < 16) {
            throw new IllegalArgumentException("a run needs at least 1 second and 16 MB, found " + seconds + " and " + megabytes);
        }
    }

    /**
     * @param test source of a class with a {@code main} that throws where the solution is wrong
     * @throws IllegalArgumentException where the test itself refers to what it may not
     */
    public Verdict run(String solution, String test) {
        try {
            Path directory = Files.createTempDirectory("zhulong-code");
            try {
                return run(solution, test, directory);
            } finally {
                FileTree.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("code cannot be run: " + e.getMessage(), e);
        }
    }

    private Verdict run(String solution, String test, Path directory) throws IOException {
        Path ours = directory.resolve("solution");
        Path theirs = directory.resolve("test");
        Optional<String> problem = JavaCompilation.run(solution, unit(solution, "Solution"), ours, seconds);
        if (problem.isPresent()) {
            return new Verdict(Status.NOT_COMPILED, problem.get());
        }
        Map<String, byte[]> classes = classes(ours);
        var permitted = new PermittedReferences(classes.keySet());
        for (Map.Entry<String, byte[]> one : classes.entrySet()) {
            Optional<String> refused = shadow(one.getKey()).or(() -> permitted.refused(one.getValue()));
            if (refused.isPresent()) {
                return new Verdict(Status.REFUSED, refused.get());
            }
        }
        problem = JavaCompilation.run(test, unit(test, "Main"), theirs, List.of(ours), seconds);
        if (problem.isPresent()) {
            return new Verdict(Status.NOT_COMPILED, "with the test: " + problem.get());
        }
        Map<String, byte[]> tests = classes(theirs);
        Optional<String> twice = tests.keySet().stream().filter(classes::containsKey).findFirst();
        if (twice.isPresent()) {
            return new Verdict(Status.REFUSED, "the class " + twice.get() + ", which is the test's");
        }
        classes.putAll(tests);
        var all = new PermittedReferences(classes.keySet());
        tests.forEach((name, file) -> all.refused(file).ifPresent(refused -> {
            throw new IllegalArgumentException("the test's class " + name + " refers to " + refused + ", which code that is tested here may not");
        }));
        return child(directory, main(test));
    }

    private static String unit(String source, String usual) {
        Matcher matcher = PUBLIC.matcher(source);
        return matcher.find() ? matcher.group(1) : usual;
    }

    private static String main(String test) {
        Matcher matcher = MAIN.matcher(test);
        String name = unit(test, "");
        return !name.isEmpty() ? name : matcher.find() ? matcher.group(1) : "Main";
    }

    /** A class that a test would take for the library's. */
    private static Optional<String> shadow(String name) {
        if (name.indexOf('/') >= 0 || name.indexOf('$') >= 0) {
            return Optional.empty();
        }
        for (String start : SHADOWED) {
            try {
                Class.forName(start + name, false, null);
                return Optional.of("a class named as " + start + name);
            } catch (ClassNotFoundException e) {
                // no such name: nothing is hidden
            }
        }
        return Optional.empty();
    }

    private static Map<String, byte[]> classes(Path directory) throws IOException {
        Map<String, byte[]> classes = new TreeMap<>();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".class")).toList()) {
                String name = directory.relativize(file).toString().replace('\\', '/');
                classes.put(name.substring(0, name.length() - ".class".length()), Files.readAllBytes(file));
            }
        }
        return classes;
    }

    private Verdict child(Path directory, String main) throws IOException {
        Path harness = Files.createDirectories(directory.resolve("harness"));
        Path file = harness.resolve(Harness.class.getName().replace('.', '/') + ".class");
        Files.createDirectories(file.getParent());
        try (InputStream in = Harness.class.getResourceAsStream("Harness.class")) {
            Files.write(file, in.readAllBytes());
        }
        Path empty = Files.createDirectories(directory.resolve("empty"));
        String path = Stream.of(harness, directory.resolve("test"), directory.resolve("solution")).map(Path::toString).reduce((a, b) -> a + File.pathSeparator + b).orElseThrow();
        List<String> command = new ArrayList<>(limits());
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--limit-modules", "java.base", "-Xmx" + megabytes + "m", "-Xss1m",
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=48m", "-XX:MaxMetaspaceSize=64m", "-XX:CompressedClassSpaceSize=32m",
                "-XX:MaxDirectMemorySize=8m", "-XX:-UsePerfData", "-XX:-CreateCoredumpOnCrash", "-XX:+DisableAttachMechanism", "-XX:ErrorFile=/dev/null", "-ea",
                "-Djava.io.tmpdir=" + empty, "-Duser.home=" + empty, "-cp", path, Harness.class.getName(), main));
        var builder = new ProcessBuilder(command).directory(empty.toFile()).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        String word = HexFormat.of().formatHex(RANDOM.generateSeed(16));
        Process process = builder.start();
        try {
            try (OutputStream in = process.getOutputStream()) {
                in.write(word.getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                // it ended before it read the word; what it says then tells
            }
            if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
                return new Verdict(Status.TIMEOUT, "not done within " + seconds + " s");
            }
            // a line of the harness at most, which no pipe is too small for
            String said = new String(process.getInputStream().readNBytes(OUTPUT), StandardCharsets.UTF_8);
            return verdict(said, word, process.exitValue());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    /** A shell's limits on what follows, where there is a shell: processor seconds, addresses in KiB, no files written, no core. */
    private List<String> limits() {
        if (!Files.isExecutable(Path.of("/bin/sh"))) {
            return List.of();
        }
        long addresses = (3L << 20) + megabytes * 1024L;
        return List.of("/bin/sh", "-c", "ulimit -c 0; ulimit -f 0; ulimit -t " + (4 * seconds + 10) + "; ulimit -v " + addresses + "; ulimit -n 64; exec \"$@\"", "sh");
    }

    private static Verdict verdict(String said, String word, int exit) {
        int at = said.lastIndexOf(word);
        if (at < 0) {
            return new Verdict(Status.DIED, "its JVM ended with code " + exit + " and no result");
        }
        String end = said.substring(at + word.length()).strip();
        return end.equals("passed") ? new Verdict(Status.PASSED, "") : new Verdict(Status.FAILED, end.length() > 300 ? end.substring(0, 300) + "..." : end);
    }
}
