package dev.zhulong.compress;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.PackQuantized;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.QuantizationConfig;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.text.Companions;
import java.lang.foreign.Arena;
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
    /** Weights of a group where blocks are taken apart, as others have them; 0 for blocks. */
    private final int packed;

    QuantizedDirectory(ModelDirectory source, Precision precision, int packed) {
        this.packed = packed;
        this.source = source;
        this.precision = precision;
    }

    /** A tensor that stays as it is, under the name its family gives it today. */
    void add(String name, TensorView view) {
        entries.add(new SafetensorsWriter.Entry(name, view.type(), view.shape(), view::data));
    }

    /** @param shape outputs by inputs */
    void add(String name, WeightType type, long[] shape, Supplier<MemorySegment> blocks) {
        if (packed > 0) {
            // of a file the words are written before the scales, which are small enough to be kept
            MemorySegment[] scales = new MemorySegment[1];
            entries.add(new SafetensorsWriter.Entry(name + "_packed", StorageType.I32, new long[] {shape[0], shape[1] / 8}, () -> {
                MemorySegment made = blocks.get();
                scales[0] = PackQuantized.scales(made, packed, Arena.ofAuto());
                return PackQuantized.words(made, packed, Arena.ofAuto());
            }));
            entries.add(new SafetensorsWriter.Entry(name + "_scale", StorageType.F16, new long[] {shape[0], shape[1] / packed}, () -> scales[0]));
            entries.add(new SafetensorsWriter.Entry(name + "_shape", StorageType.I64, new long[] {2}, () -> MemorySegment.ofArray(shape)));
            return;
        }
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
            Path config = source.path().resolve(ModelDirectory.CONFIG);
            boolean tied = source.spec().tiedEmbeddings();
            AtomicFile.writeString(directory.resolve(ModelDirectory.CONFIG), packed > 0 ? PackQuantized.addTo(config, packed, tied) : new QuantizationConfig(types).addTo(config, tied));
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
        return directory.tensors().values().stream().mapToLong(tensor -> tensor.elements() * tensor.type().bytes()).sum();
    }
}
