package dev.zhulong.formats.gguf;

import dev.zhulong.formats.FormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * llama.cpp's importance matrix: for each matrix of a model the squares of its inputs, summed over the tokens of a text. Files of today, which are GGUF
 * (llama.cpp #9400), are read and written; older ones ({@code .dat}) are read.
 *
 * @param datasets   names of the texts
 * @param chunks     in which the texts were read; 0 where the file does not say
 * @param chunkSize  tokens of a chunk; 0 where the file does not say
 * @param entries    by the matrices' names in GGUF, such as {@code blk.0.attn_q.weight}
 */
public record ImatrixFile(List<String> datasets, int chunks, int chunkSize, Map<String, Entry> entries) {
    private static final String TYPE = "general.type";
    private static final String KIND = "imatrix";
    private static final String DATASETS = "imatrix.datasets";
    private static final String CHUNKS = "imatrix.chunk_count";
    private static final String CHUNK_SIZE = "imatrix.chunk_size";
    private static final String SUMS = ".in_sum2";
    private static final String COUNTS = ".counts";
    private static final int LONGEST_NAME = 1 << 10;

    public ImatrixFile {
        datasets = List.copyOf(datasets);
        entries = Map.copyOf(entries);
    }

    /**
     * What one tensor was given.
     *
     * @param sums   of squares by column, matrix after matrix where the tensor stacks several, as it does with experts
     * @param counts tokens that each matrix was given
     */
    public record Entry(float[] sums, float[] counts) {
        /** Columns of a matrix. */
        public int columns() {
            return sums.length / counts.length;
        }

        /** Whether the text gave nothing to some of the matrices. */
        public boolean isPartial() {
            for (float count : counts) {
                if (count == 0) {
                    return true;
                }
            }
            return false;
        }
    }

    /**
     * Reads a file of either kind.
     *
     * @throws FormatException when it is neither, breaks the format, or has sums that cannot be sums of squares
     */
    public static ImatrixFile read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new FormatException(file, Files.isDirectory(file) ? "a directory; an imatrix file is needed" : "no such file");
        }
        return GgufFile.isOne(file) ? readGguf(file) : readLegacy(file);
    }

    private static ImatrixFile readGguf(Path path) {
        try (GgufFile file = GgufFile.open(path)) {
            GgufMetadata metadata = file.metadata();
            if (!metadata.text(TYPE).orElse("").equals(KIND)) {
                throw new FormatException(path, "it is a GGUF file, but no imatrix: " + TYPE + " is " + metadata.text(TYPE).map(FormatException::quote).orElse("missing")
                        + "; make one with zhulong imatrix or llama-imatrix");
            }
            Map<String, Entry> entries = new TreeMap<>();
            for (GgufTensor tensor : file.tensors().values()) {
                if (!tensor.name().endsWith(SUMS)) {
                    continue;
                }
                String name = tensor.name().substring(0, tensor.name().length() - SUMS.length());
                float[] sums = floats(tensor);
                float[] counts = floats(file.tensor(name + COUNTS));
                entries.put(name, checked(path, name, sums, counts));
            }
            if (entries.isEmpty()) {
                throw new FormatException(path, "it holds no importance of any tensor");
            }
            return new ImatrixFile(metadata.has(DATASETS) ? metadata.texts(DATASETS) : List.of(), metadata.integer(CHUNKS, 0, Integer.MAX_VALUE, 0),
                    metadata.integer(CHUNK_SIZE, 0, Integer.MAX_VALUE, 0), entries);
        }
    }

    private static float[] floats(GgufTensor tensor) {
        return tensor.plain().orElseThrow(() -> FormatException.at(tensor.file(), "tensor " + FormatException.quote(tensor.name()), "F32", tensor.type())).toFloats();
    }

    private static Entry checked(Path path, String name, float[] sums, float[] counts) {
        if (counts.length == 0 || sums.length == 0 || sums.length % counts.length != 0) {
            throw FormatException.at(path, "entry " + FormatException.quote(name), "as many sums for each of its counts", sums.length + " sums and " + counts.length + " counts");
        }
        for (float[] numbers : new float[][] {sums, counts}) {
            for (float number : numbers) {
                if (!(number >= 0) || Float.isInfinite(number)) {
                    throw FormatException.at(path, "entry " + FormatException.quote(name), "finite numbers from 0 up", number);
                }
            }
        }
        return new Entry(sums, counts);
    }

    /**
     * {@code int32} number of entries; of each the length of its name, the name, in how many chunks it was seen, number of values, and the values, means of a
     * chunk times the chunks; then, in most files, chunks and the name of the text.
     */
    private static ImatrixFile readLegacy(Path path) {
        try (var channel = FileChannel.open(path, StandardOpenOption.READ); Arena arena = Arena.ofConfined()) {
            var in = new Legacy(path, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
            int count = in.integer("the number of entries", 1);
            Map<String, Entry> entries = new TreeMap<>();
            for (int i = 0; i < count; i++) {
                String name = in.text("the name of entry " + (i + 1), 1);
                int calls = in.integer("the calls of entry " + FormatException.quote(name), 0);
                int values = in.integer("the number of values of entry " + FormatException.quote(name), 1);
                float[] sums = in.floats("the values of entry " + FormatException.quote(name), values);
                // a tensor that stacks matrices has but one count here
                if (entries.put(name, checked(path, name, sums, new float[] {Math.max(1, calls)})) != null) {
                    throw new FormatException(path, "entry " + FormatException.quote(name) + " is there twice");
                }
            }
            int chunks = in.left() >= Integer.BYTES ? in.integer("the number of chunks", 0) : 0;
            return new ImatrixFile(in.left() >= Integer.BYTES ? List.of(in.text("the name of the text", 0)) : List.of(), chunks, 0, entries);
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        }
    }

    private static final class Legacy {
        private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

        private final Path path;
        private final MemorySegment bytes;
        private long at;

        Legacy(Path path, MemorySegment bytes) {
            this.path = path;
            this.bytes = bytes;
        }

        long left() {
            return bytes.byteSize() - at;
        }

        private void require(String what, long size) {
            if (left() < size) {
                throw new FormatException(path, "no imatrix file, or a part of one: it ends in " + what);
            }
        }

        int integer(String what, int least) {
            require(what, Integer.BYTES);
            int value = bytes.get(INT, at);
            at += Integer.BYTES;
            if (value < least) {
                throw new FormatException(path, "no imatrix file: " + what + " is " + value);
            }
            return value;
        }

        String text(String what, int least) {
            int length = integer("the length of " + what, least);
            if (length > LONGEST_NAME) {
                throw new FormatException(path, "no imatrix file: the length of " + what + " is " + length);
            }
            require(what, length);
            String text = new String(bytes.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
            at += length;
            return text;
        }

        float[] floats(String what, int count) {
            require(what, (long) count * Float.BYTES);
            float[] values = bytes.asSlice(at, (long) count * Float.BYTES).toArray(FLOAT);
            at += (long) count * Float.BYTES;
            return values;
        }
    }

    /**
     * Writes a GGUF file that llama-quantize reads: the same entries, the same bytes.
     *
     * @throws UncheckedIOException when the disk fails; the file is then as it was before
     */
    public void write(Path file) {
        Map<String, GgufValue> metadata = new LinkedHashMap<>();
        metadata.put(TYPE, GgufValue.of(KIND));
        metadata.put(DATASETS, new GgufValue.Texts(datasets));
        metadata.put(CHUNKS, new GgufValue.Whole(GgufValue.Type.UINT32, chunks));
        metadata.put(CHUNK_SIZE, new GgufValue.Whole(GgufValue.Type.UINT32, chunkSize));
        List<GgufWriter.Entry> tensors = new ArrayList<>();
        new TreeMap<>(entries).forEach((name, entry) -> {
            tensors.add(new GgufWriter.Entry(name + SUMS, GgufType.F32, new long[] {entry.counts.length, entry.columns()}, () -> segment(entry.sums)));
            tensors.add(new GgufWriter.Entry(name + COUNTS, GgufType.F32, new long[] {entry.counts.length, 1}, () -> segment(entry.counts)));
        });
        GgufWriter.write(file, metadata, tensors);
    }

    private static MemorySegment segment(float[] values) {
        ByteBuffer buffer = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(values);
        return MemorySegment.ofBuffer(buffer);
    }
}
