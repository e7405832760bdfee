package dev.zhulong.cli;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Copies a jar whose classes are of Java 5 as classes of Java 8. The JVM's archive of loaded classes takes none that are older than Java 6, so that it would read and verify picocli's
 * anew at every start. No verb: the launcher runs it once after a build.
 */
final class ArchivableJar {
    private static final int OLDEST_ARCHIVED = 50;
    private static final int JAVA_8 = 52;

    private ArchivableJar() {}

    /** From a jar to another. */
    public static void main(String[] paths) throws IOException {
        Path from = Path.of(paths[0]);
        try (var loader = new URLClassLoader(new URL[] {from.toUri().toURL()});
                FileSystem jar = FileSystems.newFileSystem(from);
                Stream<Path> walk = Files.walk(jar.getPath("/"));
                var out = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(Path.of(paths[1]))))) {
            // what newer classes say of their stacks is computed from the classes around them
            ClassFile classes = ClassFile.of(ClassFile.DebugElementsOption.DROP_DEBUG, ClassFile.LineNumbersOption.DROP_LINE_NUMBERS, ClassFile.ConstantPoolSharingOption.NEW_POOL,
                    ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(loader).orElse(ClassHierarchyResolver.defaultResolver())));
            List<Path> files = walk.filter(Files::isRegularFile).toList();
            for (Path file : files) {
                byte[] content = Files.readAllBytes(file);
                out.putNextEntry(new ZipEntry(file.toString().substring(1)));
                out.write(file.toString().endsWith(".class") ? newer(classes, content) : content);
                out.closeEntry();
            }
        }
    }

    private static byte[] newer(ClassFile classes, byte[] content) {
        var parsed = classes.parse(content);
        if (parsed.majorVersion() >= OLDEST_ARCHIVED) {
            return content;
        }
        ClassTransform version = (builder, element) -> {
            if (element instanceof ClassFileVersion) {
                builder.withVersion(JAVA_8, 0);
            } else {
                builder.with(element);
            }
        };
        return classes.transformClass(parsed, version);
    }
}
