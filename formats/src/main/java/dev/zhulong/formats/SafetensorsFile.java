package dev.zhulong.formats;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A safetensors file, mapped into memory: opening reads the header alone, and data come from disk when touched.
 *
 * <pre>{@code
 * try (var file = SafetensorsFile.open(Path.of("model.safetensors"))) {
 *     float[] norm = file.tensor("model.norm.weight").toFloats();
 * }
 * }</pre>
 *
 * <p>Views are shared between threads and must not be touched after {@link #close()}. The file must not be cut short while open;
 * {@link AtomicFile} never does that to a file it replaces.
 */
public final class SafetensorsFile implements AutoCloseable {

    private static final int LENGTH_BYTES = 8;

    private final Path path;
    private final Arena arena;
    private final Map<String, String> metadata;
    private final Map<String, TensorView> tensors;

    private SafetensorsFile(Path path, Arena arena, Map<String, String> metadata, Map<String, TensorView> tensors) {
        this.path = path;
        this.arena = arena;
        this.metadata = metadata;
        this.tensors = tensors;
    }

    /**
     * Maps a file and checks its header.
     *
     * @throws FormatException      when there is no such file or it breaks the format
     * @throws UncheckedIOException when it cannot be read
     */
    public static SafetensorsFile open(Path path) {
        Arena arena = Arena.ofShared();
        boolean opened = false;
        try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < LENGTH_BYTES) {
                throw FormatException.at(path, "file", "a safetensors header of at least 8 bytes", size + " bytes");
            }
            MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            long length = all.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
            if (length < 0 || length > SafetensorsHeader.LONGEST || length > size - LENGTH_BYTES) {
                throw FormatException.at(path, "header length",
                        "at most " + Math.min(size - LENGTH_BYTES, SafetensorsHeader.LONGEST) + " bytes in a file of " + size,
                        Long.toUnsignedString(length));
            }
            byte[] json = all.asSlice(LENGTH_BYTES, length).toArray(ValueLayout.JAVA_BYTE);
            MemorySegment data = all.asSlice(LENGTH_BYTES + length);
            var header = SafetensorsHeader.parse(path, json, data.byteSize());
            var tensors = new LinkedHashMap<String, TensorView>();
            for (var entry : header.entries()) {
                var slice = data.asSlice(entry.begin(), entry.end() - entry.begin());
                tensors.put(entry.name(), new TensorView(entry.name(), entry.type(), entry.shape(), slice, path));
            }
            opened = true;
            return new SafetensorsFile(path, arena, header.metadata(), Collections.unmodifiableMap(tensors));
        } catch (NoSuchFileException e) {
            throw new FormatException(path, "no such file", e);
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        } finally {
            if (!opened) {
                arena.close();
            }
        }
    }

    /** The file. */
    public Path path() {
        return path;
    }

    /** What the writer noted, in the file's order; empty where it noted nothing. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** The tensors by name, in the order they lie in the file. */
    public Map<String, TensorView> tensors() {
        return tensors;
    }

    /**
     * The tensor of this name.
     *
     * @throws FormatException when there is none
     */
    public TensorView tensor(String name) {
        TensorView tensor = tensors.get(name);
        if (tensor == null) {
            throw new FormatException(path, "tensor " + FormatException.quote(name) + ": not in this file");
        }
        return tensor;
    }

    /** Unmaps the file; views die. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
