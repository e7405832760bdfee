package dev.zhulong.data.media;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** The pictures below directories, in the order of their paths; hidden files and files with other endings are passed over. */
public final class PictureFolder {
    private static final Set<String> ENDINGS = Set.of("png", "jpg", "jpeg", "jpe", "jfif", "gif", "bmp", "dib", "tif", "tiff", "webp");

    /**
     * One of them.
     *
     * @param file  where it lies
     * @param name  its path below what was named
     * @param label name of the first directory below what was named; empty for files that lie there directly
     */
    public record Entry(Path file, String name, Optional<String> label) {}

    private PictureFolder() {}

    /**
     * All pictures of some directories, and files by themselves, whatever these are called.
     *
     * @throws IllegalArgumentException where one is missing, or there is none at all
     */
    public static List<Entry> of(List<Path> inputs) {
        List<Entry> all = new ArrayList<>();
        for (Path input : inputs) {
            if (Files.isDirectory(input)) {
                below(input, all);
            } else if (Files.isRegularFile(input)) {
                all.add(new Entry(input, input.toString(), Optional.empty()));
            } else {
                throw new IllegalArgumentException(input + " does not exist; name a directory of pictures, or a picture");
            }
        }
        if (all.isEmpty()) {
            throw new IllegalArgumentException("no picture (" + String.join(", ", ENDINGS.stream().sorted().toList()) + ") below " + String.join(", ", inputs.stream().map(Path::toString).toList()));
        }
        return all;
    }

    private static void below(Path directory, List<Entry> to) {
        try (Stream<Path> files = Files.walk(directory)) {
            files.filter(Files::isRegularFile).map(directory::relativize).filter(PictureFolder::isPicture).sorted().forEach(file ->
                    to.add(new Entry(directory.resolve(file), file.toString().replace('\\', '/'), file.getNameCount() > 1 ? Optional.of(file.getName(0).toString()) : Optional.empty())));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isPicture(Path relative) {
        for (Path part : relative) {
            if (part.toString().startsWith(".")) {
                return false;
            }
        }
        String name = relative.getFileName().toString();
        return ENDINGS.contains(name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
    }
}
