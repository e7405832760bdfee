package dev.zhulong.compress;

import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What layers have become, in a directory beside the file that is to be written: the blocks of each layer in a file, and what flows out of the last that is
 * done. Files appear whole; a layer is done when what flows out of it is there.
 */
final class CalibrationState implements AutoCloseable {
    private static final String KEY = "key";

    private final Path directory;
    private final String key;
    private final List<SafetensorsWriter.Entry> layer = new ArrayList<>();
    private final Map<String, SafetensorsFile> opened = new HashMap<>();

    /**
     * Opens what an earlier run left, or throws it away where that had another purpose.
     *
     * @param key says what is computed: model, text and types
     */
    CalibrationState(Path directory, String key) {
        this.directory = directory;
        this.key = key;
        try {
            if (Files.isDirectory(directory) && !(Files.isRegularFile(directory.resolve(KEY)) && Files.readString(directory.resolve(KEY)).equals(key))) {
                delete();
            }
            Files.createDirectories(directory);
            Files.writeString(directory.resolve(KEY), key);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot keep layers in " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Layers that are done. */
    int done() {
        int done = 0;
        while (Files.exists(blocks(done))) {
            done++;
        }
        while (done > 0 && !Files.exists(flow(done - 1))) {
            done--;
        }
        return done;
    }

    private Path blocks(int of) {
        return directory.resolve("layer-" + of + ".safetensors");
    }

    private Path flow(int of) {
        return directory.resolve("flow-" + of + ".safetensors");
    }

    /** What flows out of the last layer that is done, kept out of scopes. */
    List<Tensor[]> flows() {
        List<Tensor[]> flows = new ArrayList<>();
        try (SafetensorsFile file = SafetensorsFile.open(flow(done() - 1))) {
            for (int chunk = 0; file.tensors().containsKey(chunk + ".0"); chunk++) {
                List<Tensor> of = new ArrayList<>();
                for (int i = 0; file.tensors().containsKey(chunk + "." + i); i++) {
                    TensorView view = file.tensors().get(chunk + "." + i);
                    of.add(Tensor.empty(DType.F32, view.shape()).keep().write_(memory -> memory.copyFrom(view.data())));
                }
                flows.add(of.toArray(Tensor[]::new));
            }
        }
        return flows;
    }

    /** Adds a matrix to the layer that is worked on. @param blocks row by row */
    void add(String name, WeightType type, byte[] blocks, long rows) {
        MemorySegment copy = Arena.ofAuto().allocate(blocks.length, 64);
        copy.copyFrom(MemorySegment.ofArray(blocks));
        layer.add(new SafetensorsWriter.Entry(name, StorageType.U8, new long[] {rows, blocks.length / rows}, () -> copy));
    }

    /** The layer is done. */
    void finish(int number, List<Tensor[]> flows) {
        SafetensorsWriter.write(blocks(number), Map.of(), List.copyOf(layer));
        layer.clear();
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (int chunk = 0; chunk < flows.size(); chunk++) {
            for (int i = 0; i < flows.get(chunk).length; i++) {
                Tensor tensor = flows.get(chunk)[i];
                entries.add(SafetensorsWriter.Entry.of(chunk + "." + i, tensor.shape(), tensor.contiguous().toFloats()));
            }
        }
        SafetensorsWriter.write(flow(number), Map.of(), entries);
        try {
            Files.deleteIfExists(flow(number - 1));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The blocks of a matrix, row by row, by its name in Hugging Face's files; null where it was not rounded here. */
    MemorySegment blocks(String name, int ofLayer) {
        if (ofLayer < 0 || !Files.exists(blocks(ofLayer))) {
            return null;
        }
        TensorView view = opened.computeIfAbsent(blocks(ofLayer).toString(), path -> SafetensorsFile.open(Path.of(path))).tensors().get(name);
        return view == null ? null : view.data();
    }

    /** Once all is written elsewhere. */
    void delete() {
        close();
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        opened.values().forEach(SafetensorsFile::close);
        opened.clear();
    }
}
