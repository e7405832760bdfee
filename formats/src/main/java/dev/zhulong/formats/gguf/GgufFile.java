package dev.zhulong.formats.gguf;

import dev.zhulong.formats.FormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A GGUF file, mapped into memory: opening reads the metadata and the list of tensors, and data come from disk when touched.
 *
 * <pre>{@code
 * try (var file = GgufFile.open(Path.of("model.Q8_0.gguf"))) {
 *     String architecture = file.metadata().text("general.architecture").orElseThrow();
 *     GgufTensor embedding = file.tensor("token_embd.weight");
 * }
 * }</pre>
 *
 * <p>Tensors are shared between threads and must not be touched after {@link #close()}. The file must not be cut short while open.
 */
public final class GgufFile implements AutoCloseable {

    private final Path path;
    private final List<Path> parts;
    private final Arena arena;
    private final GgufMetadata metadata;
    private final Map<String, GgufTensor> tensors;

    private GgufFile(Path path, List<Path> parts, Arena arena, GgufMetadata metadata, Map<String, GgufTensor> tensors) {
        this.path = path;
        this.parts = parts;
        this.arena = arena;
        this.metadata = metadata;
        this.tensors = tensors;
    }

    /** Whether a path is a file that begins as such a file does. */
    public static boolean isOne(Path path) {
        if (!Files.isRegularFile(path)) {
            return false;
        }
        try (var in = Files.newInputStream(path)) {
            return new String(in.readNBytes(4), StandardCharsets.ISO_8859_1).equals("GGUF");
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        }
    }

    /**
     * Maps a file and checks its header; of a model in several files ({@code NAME-00001-of-00003.gguf}) the first is given, and the others lie beside it.
     *
     * @throws FormatException      when there is no such file, it breaks the format, or a part is missing or another's
     * @throws UncheckedIOException when it cannot be read
     */
    public static GgufFile open(Path path) {
        Arena arena = Arena.ofShared();
        boolean opened = false;
        try {
            var tensors = new LinkedHashMap<String, GgufTensor>();
            GgufMetadata metadata = map(path, arena, tensors);
            List<Path> parts = GgufParts.of(path, metadata);
            for (int number = 1; number < parts.size(); number++) {
                GgufParts.check(map(parts.get(number), arena, tensors), number, parts.size());
            }
            GgufParts.checkTensors(metadata, tensors.size());
            opened = true;
            return new GgufFile(path, parts, arena, metadata, Collections.unmodifiableMap(tensors));
        } finally {
            if (!opened) {
                arena.close();
            }
        }
    }

    private static GgufMetadata map(Path path, Arena arena, Map<String, GgufTensor> tensors) {
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            var header = GgufHeader.parse(path, all);
            for (var entry : header.entries()) {
                MemorySegment data = all.asSlice(header.dataStart() + entry.offset(), entry.bytes());
                if (tensors.put(entry.name(), new GgufTensor(entry.name(), entry.type(), entry.shape(), data, path)) != null) {
                    throw new FormatException(path, "tensor " + FormatException.quote(entry.name()) + " is in another part of this model already");
                }
            }
            return header.metadata();
        } catch (NoSuchFileException e) {
            throw new FormatException(path, "no such file", e);
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        }
    }

    /** The file; of several the first. */
    public Path path() {
        return path;
    }

    /** All files that the model lies in, the first one first. */
    public List<Path> parts() {
        return parts;
    }

    /** Bytes of all of them. */
    public long bytes() {
        return parts.stream().mapToLong(part -> {
            try {
                return Files.size(part);
            } catch (IOException e) {
                throw new UncheckedIOException(part + ": " + e.getMessage(), e);
            }
        }).sum();
    }

    /** What the file says about its model; outlives the file. */
    public GgufMetadata metadata() {
        return metadata;
    }

    /** The tensors by name, in the order the file lists them. */
    public Map<String, GgufTensor> tensors() {
        return tensors;
    }

    /**
     * The tensor of this name.
     *
     * @throws FormatException when there is none
     */
    public GgufTensor tensor(String name) {
        GgufTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new FormatException(path, "tensor " + FormatException.quote(name) + ": not in this " + (parts.size() == 1 ? "file" : "model"));
        }
        return tensor;
    }

    /** Unmaps the file; its tensors die. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
