package dev.zhulong.cli;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.attribute.SourceFileAttribute;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Copies jars without what a program that only runs does not read: names of lines and variables, source maps, builds for other hosts. */
final class SlimJar {
    /** Maven's descriptors, modules' (all is on a class path), sources of scripts, lists of models, and the protocol-buffer form of metrics, which nobody is sent. */
    private static final Pattern UNREAD = Pattern.compile("META-INF/maven/.*|(.*/)?module-info\\.class|.*\\.(map|ts)|META-INF/resources/.*/(node|development)/.*"
            + "|nlp/.*|io/prometheus/metrics/(expositionformats/(generated|internal)|shaded)/.*");

    private static final String NATIVES = "native/lib/";
    /** Of this system and processor, as libraries name it. */
    private static final String PLATFORM = (System.getProperty("os.name").startsWith("Mac") ? "osx" : "linux") + "-"
            + (System.getProperty("os.arch").equals("amd64") ? "x86_64" : System.getProperty("os.arch")) + "/";

    private final ClassFile classes = ClassFile.of(ClassFile.DebugElementsOption.DROP_DEBUG, ClassFile.LineNumbersOption.DROP_LINE_NUMBERS,
            ClassFile.ConstantPoolSharingOption.NEW_POOL, ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(SlimJar.class.getClassLoader())
                    .orElse(ClassHierarchyResolver.defaultResolver())));

    /** @param from a jar, or a directory of classes */
    void copy(Path from, Path to) throws IOException {
        try (var out = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(to)))) {
            out.setLevel(Deflater.BEST_COMPRESSION);
            if (Files.isDirectory(from)) {
                copyTree(from, out);
            } else {
                try (FileSystem jar = FileSystems.newFileSystem(from)) {
                    copyTree(jar.getPath("/"), out);
                }
            }
        }
    }

    private void copyTree(Path root, ZipOutputStream out) throws IOException {
        List<Path> files;
        try (Stream<Path> paths = Files.walk(root)) {
            files = paths.filter(Files::isRegularFile).sorted().toList();
        }
        for (Path file : files) {
            String name = root.relativize(file).toString().replace(file.getFileSystem().getSeparator(), "/");
            if (!UNREAD.matcher(name).matches() && (!name.startsWith(NATIVES) || name.startsWith(PLATFORM, NATIVES.length()) || name.indexOf('/', NATIVES.length()) < 0)) {
                byte[] content = Files.readAllBytes(file);
                put(name, name.endsWith(".class") ? withoutDebug(content) : content, out);
            }
        }
    }

    private static void put(String name, byte[] content, ZipOutputStream out) throws IOException {
        var entry = new ZipEntry(name);
        // the same jar from the same classes
        entry.setTime(0);
        out.putNextEntry(entry);
        out.write(content);
        out.closeEntry();
    }

    private byte[] withoutDebug(byte[] content) {
        try {
            return classes.transformClass(classes.parse(content), ClassTransform.dropping(element -> element instanceof SourceFileAttribute));
        } catch (IllegalArgumentException e) {
            // refers to classes that are not here: such a class is copied as it is
            return content;
        }
    }
}
