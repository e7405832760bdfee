package dev.zhulong.compress;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.QuantizationConfig;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.text.Companions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * A model directory whose matrices are blocks: {@code docs/quantized-directory.md} has the layout. It is made beside its place and moved
 * there whole.
 */
final class QuantizedDirectory {
    private static final String STAGE = "quantize";

    private final ModelDirectory source;
    private final Precision precision;
    private final List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    private final Map<String, String> types = new LinkedHashMap<>();

    QuantizedDirectory(ModelDirectory source, Precision precision) {
        this.source = source;
        this.precision = precision;
    }

    /** A tensor that stays as it is, under the name its family gives it today. */
    void add(String name, TensorView view) {
        entries.add(new SafetensorsWriter.Entry(name, view.type(), view.shape(), view::data));
    }

    /** @param shape outputs by inputs */
    void add(String name, WeightType type, long[] shape, Supplier<MemorySegment> blocks) {
        types.put(name, type.name());
        entries.add(new SafetensorsWriter.Entry(name, StorageType.U8, new long[] {shape[0], type.rowBytes(Math.toIntExact(shape[1]))}, blocks));
    }

    /** Refuses to take the place of anything but a directory that was made here: it is deleted. */
    static void requireReplaceable(Path out) {
        if (Files.exists(out, LinkOption.NOFOLLOW_LINKS) && !(Files.isRegularFile(out.resolve(Provenance.FILE)) && Provenance.read(out).stage().equals(STAGE))) {
            throw new IllegalArgumentException(out + " is not a quantized model, so it is not replaced: name another --out, or remove it yourself");
        }
    }

    /** Writes all of it; a directory that was made here before is replaced. */
    void write(Path out) throws IOException {
        requireReplaceable(out);
        // a symbolic link to a directory that was made here stays a link
        Path absolute = Files.exists(out) ? out.toRealPath() : out.toAbsolutePath().normalize();
        Path temporary = absolute.resolveSibling("." + absolute.getFileName() + "." + ProcessHandle.current().pid() + ".zhulong-tmp");
        try {
            delete(temporary);
            Files.createDirectories(temporary);
            Companions.copy(source.path(), temporary);
            AtomicFile.writeString(temporary.resolve(ModelDirectory.CONFIG),
                    new QuantizationConfig(types).addTo(source.path().resolve(ModelDirectory.CONFIG), source.spec().tiedEmbeddings()));
            SafetensorsWriter.write(temporary.resolve(ModelDirectory.WEIGHTS), Map.of("format", "pt"), entries);
            provenance().write(temporary);
            Path former = absolute.resolveSibling(temporary.getFileName() + ".old");
            if (Files.exists(absolute)) {
                Files.move(absolute, former, StandardCopyOption.ATOMIC_MOVE);
            }
            try {
                Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                if (Files.exists(former)) {
                    Files.move(former, absolute, StandardCopyOption.ATOMIC_MOVE);
                }
                throw e;
            }
            delete(former);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + out + ": " + e, e);
        } finally {
            deleteQuietly(temporary);
        }
    }

    private Provenance provenance() {
        List<Provenance> parents = Files.isRegularFile(source.path().resolve(Provenance.FILE)) ? List.of(Provenance.read(source.path())) : List.of();
        return Provenance.of(STAGE, List.of(Provenance.Input.of(source.path())), Map.of("to", precision.toString()), 0).withParents(parents);
    }

    /** Bytes of a directory's weights. */
    static long bytes(ModelDirectory directory) {
        return directory.tensors().values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
    }

    private static void deleteQuietly(Path directory) {
        try {
            delete(directory);
        } catch (IOException e) {
            // what brought us here matters more
        }
    }

    private static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }
}
