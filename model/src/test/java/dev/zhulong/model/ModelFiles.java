package dev.zhulong.model;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** A model directory in the making, written tensor by tensor and not by the product's {@code save}. */
final class ModelFiles {
    private final DecoderSpec spec;
    private final Map<String, SafetensorsWriter.Entry> entries = new LinkedHashMap<>();

    /** With every weight of {@code decoder}, in F32. */
    ModelFiles(LoudDecoder decoder) {
        spec = decoder.model().spec();
        decoder.model().parameters().forEach((name, tensor) -> with(name, tensor.toFloats(), tensor.shape()));
    }

    ModelFiles with(String name, float[] values, long... shape) {
        return with(SafetensorsWriter.Entry.of(name, shape, values));
    }

    ModelFiles with(SafetensorsWriter.Entry entry) {
        entries.put(entry.name(), entry);
        return this;
    }

    ModelFiles without(String name) {
        if (entries.remove(name) == null) {
            throw new IllegalArgumentException("no " + name + " among " + entries.keySet());
        }
        return this;
    }

    Path write(Path directory) {
        return write(directory, spec);
    }

    /** With the configuration of another spec. */
    Path write(Path directory, DecoderSpec other) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        AtomicFile.writeString(directory.resolve("config.json"), HfConfig.write(other, StorageType.F32));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of("format", "pt"), entries.values().stream().toList());
        return directory;
    }
}
