package dev.zhulong.recipe.quickstart;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Texts to learn from.
 *
 * @param inputs    files or directories
 * @param javaCode  whether they are Java sources, to be read and cleaned as such
 * @param what      in words, without a path of this machine
 * @param notice    what the user should know, or empty
 */
record Sources(List<Path> inputs, boolean javaCode, String what, String notice) {
    /** The user's directory, else the JDK's sources, else those of Zhulong's dependencies. */
    static Sources find(Optional<Path> corpus, Path javaHome, String classPath) {
        if (corpus.isPresent()) {
            Path directory = corpus.get();
            if (!Files.exists(directory)) {
                throw new IllegalArgumentException("corpus " + directory + " does not exist");
            }
            return new Sources(List.of(directory), false, "texts in " + directory, "");
        }
        Path zip = javaHome.resolve("lib").resolve("src.zip");
        if (Files.isRegularFile(zip)) {
            return new Sources(List.of(zip), true, "the sources of JDK " + Runtime.version().feature() + " (lib/src.zip)", "");
        }
        List<Path> jars = sourceJars(classPath);
        if (jars.isEmpty()) {
            throw new IllegalArgumentException("this JDK has no lib/src.zip and no -sources jars of Zhulong's dependencies are in the local"
                    + " Maven repository: name a directory of texts with --corpus DIR, or use a JDK with its sources"
                    + " (a package such as openjdk-25-source, or an archive from https://adoptium.net), or fetch the jars once with:"
                    + " mvn dependency:sources");
        }
        return new Sources(jars, true, "the sources of " + jars.size() + " of Zhulong's dependencies",
                "this JDK has no lib/src.zip (" + zip + "): learning from the sources of " + jars.size() + " dependencies instead");
    }

    /** {@code X-sources.jar} beside each {@code X.jar} of the class path, by name. */
    private static List<Path> sourceJars(String classPath) {
        var jars = new TreeSet<Path>();
        for (String entry : classPath.split(File.pathSeparator)) {
            if (entry.endsWith(".jar")) {
                Path jar = Path.of(entry);
                Path sources = jar.resolveSibling(jar.getFileName().toString().replaceFirst("\\.jar$", "-sources.jar"));
                if (Files.isRegularFile(sources)) {
                    jars.add(sources);
                }
            }
        }
        return new ArrayList<>(jars);
    }
}
