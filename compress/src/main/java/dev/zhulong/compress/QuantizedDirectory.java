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
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

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
        WholeDirectory.requireReplaceable(out, STAGE, "a quantized model");
    }

    /** Writes all of it; a directory that was made here before is replaced. */
    void write(Path out) {
        requireReplaceable(out);
        WholeDirectory.write(out, directory -> {
            Companions.copy(source.path(), directory);
            AtomicFile.writeString(directory.resolve(ModelDirectory.CONFIG),
                    new QuantizationConfig(types).addTo(source.path().resolve(ModelDirectory.CONFIG), source.spec().tiedEmbeddings()));
            SafetensorsWriter.write(directory.resolve(ModelDirectory.WEIGHTS), Map.of("format", "pt"), entries);
            provenance().write(directory);
        });
    }

    private Provenance provenance() {
        List<Provenance> parents = Files.isRegularFile(source.path().resolve(Provenance.FILE)) ? List.of(Provenance.read(source.path())) : List.of();
        return Provenance.of(STAGE, List.of(Provenance.Input.of(source.path())), Map.of("to", precision.toString()), 0).withParents(parents);
    }

    /** Bytes of a directory's weights. */
    static long bytes(ModelDirectory directory) {
        return directory.tensors().values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
    }
}
