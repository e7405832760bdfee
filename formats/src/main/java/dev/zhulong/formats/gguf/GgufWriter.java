package dev.zhulong.formats.gguf;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.SegmentOutput;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Writes GGUF files of version 3: same metadata and tensors in the same order, same bytes.
 *
 * <p>As ggml writes them: each tensor begins at a multiple of the alignment, the data of the last are padded too. The file appears whole
 * or not at all.
 */
public final class GgufWriter {

    private static final int VERSION = 3;
    /** ggml keeps names in 64 bytes and refuses longer ones. */
    private static final int LONGEST_TENSOR_NAME = 63;

    private GgufWriter() {}

    /**
     * A tensor to write.
     *
     * @param name  unique in the file
     * @param type  of the blocks
     * @param shape rows first
     * @param parts give the blocks row by row, one after the other; each is asked once, when its turn to be written comes
     */
    public record Entry(String name, GgufType type, long[] shape, List<Supplier<MemorySegment>> parts) {
        /** Whose data are in one piece. */
        public Entry(String name, GgufType type, long[] shape, Supplier<MemorySegment> data) {
            this(name, type, shape, List.of(data));
        }

        /** A tensor of another file. */
        public static Entry of(GgufTensor tensor) {
            return new Entry(tensor.name(), tensor.type(), tensor.shape(), tensor::data);
        }

        private long bytes() {
            long rows = 1;
            for (int d = 0; d + 1 < shape.length; d++) {
                rows = Math.multiplyExact(rows, shape[d]);
            }
            return Math.multiplyExact(rows, type.bytes(shape.length == 0 ? 1 : shape[shape.length - 1]));
        }
    }

    /**
     * Writes {@code tensors} to {@code file}.
     *
     * @param metadata in the order it is to have; {@code general.alignment} in it is obeyed
     * @throws IllegalArgumentException      for a name given twice or too long for ggml, or data that do not fill the shape
     * @throws java.io.UncheckedIOException when the disk fails; the file is then as it was before
     */
    public static void write(Path file, Map<String, GgufValue> metadata, List<Entry> tensors) {
        int alignment = new GgufMetadata(file, metadata)
                .integer(GgufHeader.ALIGNMENT, 1, GgufHeader.MOST_ALIGNMENT, GgufHeader.DEFAULT_ALIGNMENT);
        if (Integer.bitCount(alignment) != 1) {
            throw new IllegalArgumentException("cannot write " + file + ": " + GgufHeader.ALIGNMENT + ": expected a power of two, found "
                    + alignment);
        }
        byte[] header = header(file, metadata, tensors, alignment);
        AtomicFile.write(file, channel -> {
            var output = new SegmentOutput(channel);
            output.write(header);
            output.write(padding(header.length, alignment));
            for (Entry tensor : tensors) {
                long bytes = 0;
                for (Supplier<MemorySegment> part : tensor.parts) {
                    MemorySegment data = part.get();
                    bytes += data.byteSize();
                    output.write(data);
                }
                if (bytes != tensor.bytes()) {
                    throw new IllegalArgumentException("cannot write " + file + ": tensor " + FormatException.quote(tensor.name)
                            + ": expected " + tensor.bytes() + " bytes for " + tensor.type + Arrays.toString(tensor.shape)
                            + ", found " + bytes);
                }
                output.write(padding(bytes, alignment));
            }
        });
    }

    private static byte[] padding(long length, int alignment) {
        return new byte[(int) (padded(length, alignment) - length)];
    }

    private static long padded(long length, int alignment) {
        return Math.multiplyExact(Math.ceilDiv(length, (long) alignment), (long) alignment);
    }

    private static byte[] header(Path file, Map<String, GgufValue> metadata, List<Entry> tensors, int alignment) {
        var bytes = new Bytes();
        bytes.integer(GgufHeader.MAGIC);
        bytes.integer(VERSION);
        bytes.longInteger(tensors.size());
        bytes.longInteger(metadata.size());
        metadata.forEach((key, value) -> {
            bytes.string(key);
            bytes.integer(value.type().id());
            bytes.value(value);
        });
        var names = new HashSet<String>();
        long offset = 0;
        for (Entry tensor : tensors) {
            String name = tensor.name;
            if (!names.add(name) || name.getBytes(StandardCharsets.UTF_8).length > LONGEST_TENSOR_NAME
                    || tensor.shape.length > GgufHeader.MOST_DIMENSIONS) {
                throw new IllegalArgumentException("cannot write " + file + ": tensor " + FormatException.quote(name)
                        + ": expected a unique name of at most " + LONGEST_TENSOR_NAME + " bytes and at most "
                        + GgufHeader.MOST_DIMENSIONS + " dimensions");
            }
            bytes.string(name);
            bytes.integer(tensor.shape.length);
            for (int d = tensor.shape.length - 1; d >= 0; d--) {
                bytes.longInteger(tensor.shape[d]);
            }
            bytes.integer(tensor.type.id());
            bytes.longInteger(offset);
            offset = Math.addExact(offset, padded(tensor.bytes(), alignment));
        }
        return bytes.toByteArray();
    }

    /** Little-endian. */
    private static final class Bytes extends ByteArrayOutputStream {

        void integer(int value) {
            number(value, Integer.BYTES);
        }

        void longInteger(long value) {
            number(value, Long.BYTES);
        }

        void string(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            longInteger(utf8.length);
            writeBytes(utf8);
        }

        void value(GgufValue value) {
            switch (value) {
                case GgufValue.Whole whole -> number(whole.value(), whole.type().bytes());
                case GgufValue.Real real -> {
                    if (real.type() == GgufValue.Type.FLOAT32) {
                        integer(Float.floatToRawIntBits((float) real.value()));
                    } else {
                        longInteger(Double.doubleToRawLongBits(real.value()));
                    }
                }
                case GgufValue.Flag flag -> write(flag.value() ? 1 : 0);
                case GgufValue.Text text -> string(text.value());
                case GgufValue.Texts texts -> {
                    integer(GgufValue.Type.STRING.id());
                    longInteger(texts.values().size());
                    texts.values().forEach(this::string);
                }
                case GgufValue.Numbers numbers -> {
                    integer(numbers.element().id());
                    longInteger(numbers.size());
                    writeBytes(numbers.raw());
                }
            }
        }

        private void number(long value, int bytes) {
            writeBytes(Arrays.copyOf(ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array(), bytes));
        }
    }
}
