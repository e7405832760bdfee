package dev.zhulong.evaluate.code;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** Compiles one source against {@code java.base} and what lies in a directory; without annotation processors, which would run here. */
final class JavaCompilation {
    /** Characters; a longer source is no answer to a problem, and could keep the compiler busy. */
    static final int LONGEST = 64 << 10;

    private JavaCompilation() {}

    /** Against the library alone. */
    static Optional<String> run(String source, String name, Path classes, int seconds) throws IOException {
        return run(source, name, classes, List.of(), seconds);
    }

    /**
     * Writes a source's classes into {@code classes}.
     *
     * @param others directories of classes that it may use
     * @return what is wrong with it, in a line; empty where it compiles
     * @throws IllegalStateException where this Java has no compiler
     */
    static Optional<String> run(String source, String name, Path classes, List<Path> others, int seconds) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        if (compiler == null) {
            throw new IllegalStateException("this Java has no compiler (" + System.getProperty("java.home") + "): run with a JDK");
        }
        if (source.length() > LONGEST) {
            return Optional.of("longer than " + LONGEST + " characters");
        }
        Files.createDirectories(classes);
        // a compiler cannot be stopped: one that a source keeps busy is left behind, and ends with this process
        var task = new FutureTask<>(() -> compile(compiler, source, name, classes, others));
        Thread.ofPlatform().daemon().name("javac").start(task);
        try {
            return task.get(seconds, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            return Optional.of("not compiled within " + seconds + " s");
        } catch (ExecutionException e) {
            return Optional.of("the compiler failed: " + e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    private static Optional<String> compile(JavaCompiler compiler, String source, String name, Path classes, List<Path> others) {
        var problems = new DiagnosticCollector<JavaFileObject>();
        var file = new SimpleJavaFileObject(URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                return source;
            }
        };
        List<String> options = List.of("-proc:none", "-implicit:none", "-nowarn", "-g:none", "-XDuseUnsharedTable=true", "--limit-modules", "java.base",
                "-classpath", String.join(File.pathSeparator, Stream.concat(others.stream(), Stream.of(classes)).map(Path::toString).toList()), "-sourcepath", classes.resolve("none").toString(), "-d", classes.toString());
        boolean done = compiler.getTask(new StringWriter(), null, problems, options, null, List.of(file)).call();
        return done ? Optional.empty() : Optional.of(problems.getDiagnostics().stream().filter(d -> d.getKind() == Diagnostic.Kind.ERROR).findFirst()
                .map(d -> "line " + d.getLineNumber() + ": " + d.getMessage(Locale.ROOT).replaceAll("\\s+", " ")).orElse("does not compile"));
    }
}
