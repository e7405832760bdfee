package dev.zhulong.formats;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * Writes safetensors files: same tensors, same bytes.
 *
 * <p>Layout as in the reference implementation (huggingface/safetensors): tensors by falling {@link StorageType} (so that each begins
 * aligned), then by name; the header compact and padded with spaces to a multiple of 8 bytes. The file appears whole or not at all.
 */
public final class SafetensorsWriter {

    private SafetensorsWriter() {}

    /**
     * A tensor to write.
     *
     * @param name  unique in the file
     * @param type  of the elements
     * @param shape rows first
     * @param data  gives row-major little-endian bytes; asked once, when its turn to be written comes
     */
    public record Entry(String name, StorageType type, long[] shape, Supplier<MemorySegment> data) {

        /** A tensor whose data are at hand. */
        public static Entry of(String name, StorageType type, long[] shape, MemorySegment data) {
            return new Entry(name, type, shape.clone(), () -> data);
        }

        /** An F32 tensor. */
        public static Entry of(String name, long[] shape, float[] data) {
            return of(name, StorageType.F32, shape, littleEndian(data));
        }

        /** A tensor of another file. */
        public static Entry of(TensorView view) {
            return of(view.name(), view.type(), view.shape(), view.data());
        }

        private static MemorySegment littleEndian(float[] data) {
            if (ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
                return MemorySegment.ofArray(data);
            }
            var bytes = ByteBuffer.allocate(data.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asFloatBuffer().put(data);
            return MemorySegment.ofBuffer(bytes);
        }

        private long bytes() {
            long bytes = type.bytes();
            for (long dimension : shape) {
                if (dimension < 0) {
                    throw new IllegalArgumentException("tensor " + name + ": negative dimension in " + Arrays.toString(shape));
                }
                bytes = Math.multiplyExact(bytes, dimension);
            }
            return bytes;
        }
    }

    /**
     * Writes {@code tensors} to {@code file}.
     *
     * @param metadata notes for the header; written in order of the keys
     * @throws IllegalArgumentException      for a name given twice or reserved, or data that do not fill the shape
     * @throws java.io.UncheckedIOException when the disk fails; the file is then as it was before
     */
    public static void write(Path file, Map<String, String> metadata, List<Entry> tensors) {
        var ordered = new ArrayList<>(tensors);
        ordered.sort(Comparator.comparing(Entry::type, Comparator.reverseOrder()).thenComparing(Entry::name));
        var names = new HashSet<String>();
        for (Entry tensor : ordered) {
            if (!names.add(tensor.name) || tensor.name.equals(SafetensorsHeader.METADATA)) {
                throw new IllegalArgumentException("cannot write " + file + ": tensor name " + FormatException.quote(tensor.name)
                        + (tensor.name.equals(SafetensorsHeader.METADATA) ? " is reserved" : " given twice"));
            }
        }
        byte[] header = header(metadata, ordered);
        AtomicFile.write(file, channel -> {
            var output = new SegmentOutput(channel);
            output.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
            output.write(header);
            for (Entry tensor : ordered) {
                MemorySegment data = tensor.data.get();
                if (data.byteSize() != tensor.bytes()) {
                    throw new IllegalArgumentException("cannot write " + file + ": tensor " + FormatException.quote(tensor.name)
                            + ": expected " + tensor.bytes() + " bytes for " + tensor.type + Arrays.toString(tensor.shape)
                            + ", found " + data.byteSize());
                }
                output.write(data);
            }
        });
    }

    private static byte[] header(Map<String, String> metadata, List<Entry> tensors) {
        var bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = new JsonFactory().createGenerator(bytes)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart(SafetensorsHeader.METADATA);
                for (var note : new TreeMap<>(metadata).entrySet()) {
                    json.writeStringField(note.getKey(), note.getValue());
                }
                json.writeEndObject();
            }
            long offset = 0;
            for (Entry tensor : tensors) {
                json.writeObjectFieldStart(tensor.name);
                json.writeStringField("dtype", tensor.type.safetensorsName());
                json.writeFieldName("shape");
                json.writeArray(tensor.shape, 0, tensor.shape.length);
                json.writeFieldName("data_offsets");
                json.writeArray(new long[] {offset, offset + tensor.bytes()}, 0, 2);
                json.writeEndObject();
                offset = Math.addExact(offset, tensor.bytes());
            }
            json.writeEndObject();
        } catch (IOException e) {
            throw new IllegalArgumentException("header cannot be written as JSON: " + e.getMessage(), e);
        }
        while (bytes.size() % 8 != 0) {
            bytes.write(' ');
        }
        return bytes.toByteArray();
    }
}
