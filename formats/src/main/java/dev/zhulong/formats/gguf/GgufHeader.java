package dev.zhulong.formats.gguf;

import dev.zhulong.formats.FormatException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Everything in a GGUF file before the tensors' data, checked against the file's size.
 *
 * <p>Counts and lengths are checked before anything of their size is made: no key, string, array or list of tensors can be larger than the
 * bytes that are left for it, and what is copied out of the file is bounded.
 *
 * @param metadata  the keys
 * @param entries   the tensors in the order the file lists them
 * @param dataStart where the tensors' data begin
 */
record GgufHeader(GgufMetadata metadata, List<Entry> entries, long dataStart) {

    static final String ALIGNMENT = "general.alignment";
    static final int DEFAULT_ALIGNMENT = 32;
    static final int MOST_ALIGNMENT = 1 << 16;
    static final int MOST_DIMENSIONS = 4;
    static final int MAGIC = 'G' | 'G' << 8 | 'U' << 16 | 'F' << 24;

    private static final int MOST_TENSORS = 1 << 20;
    private static final int MOST_KEYS = 1 << 16;
    private static final int MOST_STRINGS = 1 << 22;
    private static final int LONGEST_NAME = 1 << 16;
    // Real ones take up to 40 MB, for large vocabularies.
    private static final long MOST_METADATA = 256L << 20;
    private static final int WINDOW = 1 << 16;

    /** Offset counts from the beginning of the data. */
    record Entry(String name, GgufType type, long[] shape, long offset, long bytes) {}

    static GgufHeader parse(Path file, MemorySegment all) {
        return new Reading(file, all).header();
    }

    /** One pass over one file. */
    private static final class Reading {
        private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

        private final Path file;
        private final MemorySegment all;
        private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        private long position;
        private int strings;
        /** Bytes of the file from {@link #windowStart} on. */
        private byte[] window = {};
        private long windowStart;

        Reading(Path file, MemorySegment all) {
            this.file = file;
            this.all = all;
        }

        GgufHeader header() {
            if (all.byteSize() < Integer.BYTES || all.get(INT, 0) != MAGIC) {
                throw FormatException.at(file, "file", "a GGUF file, which begins with the letters GGUF", beginning());
            }
            position = Integer.BYTES;
            version();
            long tensors = count("number of tensors", MOST_TENSORS, 24);
            long keys = count("number of keys", MOST_KEYS, 13);
            GgufMetadata metadata = metadata(keys);
            int alignment = alignment(metadata);
            List<Entry> entries = entries(tensors, alignment);
            long dataStart = Math.ceilDiv(position, (long) alignment) * alignment;
            requirePlaces(entries, dataStart, alignment);
            return new GgufHeader(metadata, entries, dataStart);
        }

        private String beginning() {
            return all.byteSize() < 4 ? all.byteSize() + " bytes"
                    : FormatException.quote(new String(all.asSlice(0, 4).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1));
        }

        private void version() {
            int version = integer("version");
            if (version == 2 || version == 3) {
                return;
            }
            boolean bigEndian = Integer.reverseBytes(version) > 0 && Integer.reverseBytes(version) < 16;
            throw FormatException.at(file, "version", "2 or 3, little-endian", bigEndian
                    ? Integer.reverseBytes(version) + ", big-endian; take the little-endian file of this model"
                    : Integer.toUnsignedString(version) + (version == 1 ? "; convert the model again with a present-day converter" : ""));
        }

        private GgufMetadata metadata(long keys) {
            Map<String, GgufValue> values = new LinkedHashMap<>();
            for (long i = 0; i < keys; i++) {
                String key = string("key " + i, LONGEST_NAME);
                String place = "key " + FormatException.quote(key);
                GgufValue value = value(place, type(place));
                if (values.put(key, value) != null) {
                    throw FormatException.at(file, place, "one entry of this name", "two");
                }
                if (position > MOST_METADATA) {
                    throw FormatException.at(file, "metadata", "at most " + MOST_METADATA + " bytes", "more");
                }
            }
            return new GgufMetadata(file, values);
        }

        private GgufValue.Type type(String place) {
            int id = integer(place);
            return GgufValue.Type.ofId(id).orElseThrow(() -> FormatException.at(file, place + ", type", "a number from 0 to 12",
                    Integer.toUnsignedString(id)));
        }

        private GgufValue value(String place, GgufValue.Type type) {
            return switch (type) {
                case STRING -> new GgufValue.Text(string(place, MOST_METADATA));
                case ARRAY -> array(place);
                case FLOAT32 -> new GgufValue.Real(type, Float.intBitsToFloat((int) bits(place, type)));
                case FLOAT64 -> new GgufValue.Real(type, Double.longBitsToDouble(bits(place, type)));
                case BOOL -> new GgufValue.Flag(flag(place, (byte) bits(place, type)));
                case UINT8, UINT16, UINT32 -> new GgufValue.Whole(type, bits(place, type));
                case INT8 -> new GgufValue.Whole(type, (byte) bits(place, type));
                case INT16 -> new GgufValue.Whole(type, (short) bits(place, type));
                case INT32 -> new GgufValue.Whole(type, (int) bits(place, type));
                case UINT64, INT64 -> new GgufValue.Whole(type, bits(place, type));
            };
        }

        private GgufValue array(String place) {
            GgufValue.Type element = type(place + ", element");
            switch (element) {
                case ARRAY -> throw FormatException.at(file, place, "an array of strings, numbers or booleans", "an array of arrays");
                case STRING -> {
                    int n = (int) count(place, MOST_STRINGS - strings, Long.BYTES);
                    strings += n;
                    List<String> values = new ArrayList<>();
                    for (int i = 0; i < n; i++) {
                        values.add(string(place, MOST_METADATA));
                    }
                    return new GgufValue.Texts(values);
                }
                default -> {
                    long n = count(place, MOST_METADATA / element.bytes(), element.bytes());
                    byte[] raw = take(place, n * element.bytes()).toArray(ValueLayout.JAVA_BYTE);
                    if (element == GgufValue.Type.BOOL) {
                        for (byte each : raw) {
                            flag(place, each);
                        }
                    }
                    return new GgufValue.Numbers(element, raw);
                }
            }
        }

        private boolean flag(String place, byte value) {
            if (value != 0 && value != 1) {
                throw FormatException.at(file, place, "a boolean, 0 or 1", value & 0xff);
            }
            return value == 1;
        }

        private int alignment(GgufMetadata metadata) {
            int alignment = metadata.integer(ALIGNMENT, 1, MOST_ALIGNMENT, DEFAULT_ALIGNMENT);
            if (Integer.bitCount(alignment) != 1) {
                throw metadata.wrong(ALIGNMENT, "a power of two up to " + MOST_ALIGNMENT);
            }
            return alignment;
        }

        private List<Entry> entries(long tensors, int alignment) {
            Map<String, Entry> entries = new LinkedHashMap<>();
            for (long i = 0; i < tensors; i++) {
                String name = string("tensor " + i, LONGEST_NAME);
                if (entries.put(name, entry(name, alignment)) != null) {
                    throw FormatException.at(file, tensor(name), "one entry of this name", "two");
                }
            }
            return List.copyOf(entries.values());
        }

        private Entry entry(String name, int alignment) {
            String tensor = tensor(name);
            int dimensions = integer(tensor);
            if (dimensions < 0 || dimensions > MOST_DIMENSIONS) {
                throw FormatException.at(file, tensor, "at most " + MOST_DIMENSIONS + " dimensions", Integer.toUnsignedString(dimensions));
            }
            long[] shape = new long[dimensions];
            for (int d = dimensions - 1; d >= 0; d--) {
                shape[d] = longInteger(tensor);
                if (shape[d] < 0) {
                    throw FormatException.at(file, tensor + ", shape", "dimensions below 2^63", Long.toUnsignedString(shape[d]));
                }
            }
            GgufType type = tensorType(tensor);
            long offset = longInteger(tensor);
            if (offset < 0 || offset % alignment != 0) {
                throw FormatException.at(file, tensor + ", offset", "a multiple of the alignment " + alignment,
                        Long.toUnsignedString(offset));
            }
            return new Entry(name, type, shape, offset, bytes(tensor, type, shape));
        }

        private GgufType tensorType(String tensor) {
            int id = integer(tensor);
            GgufType type = GgufType.ofId(Integer.toUnsignedLong(id)).orElse(null);
            if (type == null || type.blockElements() == 0) {
                throw FormatException.at(file, tensor + ", type",
                        "one of " + GgufType.supported() + " (take a file of this model in one of these)",
                        type == null ? Integer.toUnsignedString(id) : type + " (" + id + ")");
            }
            return type;
        }

        private long bytes(String tensor, GgufType type, long[] shape) {
            long row = shape.length == 0 ? 1 : shape[shape.length - 1];
            if (row % type.blockElements() != 0) {
                throw FormatException.at(file, tensor + ", shape", "rows of whole blocks of " + type.blockElements() + " for " + type,
                        Arrays.toString(shape));
            }
            try {
                GgufTensor.elements(shape);
                long bytes = type.bytes(row);
                for (int d = 0; d + 1 < shape.length; d++) {
                    bytes = Math.multiplyExact(bytes, shape[d]);
                }
                return bytes;
            } catch (ArithmeticException e) {
                throw FormatException.at(file, tensor + ", shape", "a product below 2^63", Arrays.toString(shape));
            }
        }

        /** Inside the file, and no two of them overlap. */
        private void requirePlaces(List<Entry> entries, long dataStart, int alignment) {
            List<Entry> ordered = new ArrayList<>(entries);
            ordered.sort(Comparator.comparingLong(Entry::offset).thenComparingLong(Entry::bytes));
            long dataBytes = Math.max(0, all.byteSize() - dataStart);
            long end = 0;
            String before = "";
            for (int i = 0; i < ordered.size(); i++) {
                requireLlamaCpps(ordered.get(i), (i + 1 < ordered.size() ? ordered.get(i + 1).offset : dataBytes) - ordered.get(i).offset, alignment);
            }
            for (Entry entry : ordered) {
                if (entry.bytes > dataBytes || entry.offset > dataBytes - entry.bytes) {
                    throw FormatException.at(file, tensor(entry.name), entry.bytes + " bytes at " + entry.offset + " of the data",
                            "a file that ends at " + dataBytes + "; download it again if it was cut short");
                }
                if (entry.bytes > 0 && entry.offset < end) {
                    throw FormatException.at(file, tensor(entry.name) + ", offset", "at least " + end + ", the end of " + before,
                            entry.offset);
                }
                if (entry.bytes > 0) {
                    end = entry.offset + entry.bytes;
                    before = tensor(entry.name);
                }
            }
        }

        /**
         * Forks call other blocks by the number of {@code Q2_0}, Prism's groups of 128 in 34 bytes and groups of 32 in 10: read as llama.cpp's, their weights would be noise.
         *
         * @param room bytes up to the next tensor
         */
        private void requireLlamaCpps(Entry entry, long room, int alignment) {
            if (entry.type != GgufType.Q2_0 || room >= entry.bytes && room < entry.bytes + alignment) {
                return;
            }
            throw FormatException.at(file, tensor(entry.name) + ", type", "llama.cpp's Q2_0, 64 weights in 18 bytes, here " + entry.bytes + " bytes",
                    room + " bytes: another block under the same number, such as PQ2_0 of 128 weights in 34 bytes; convert the model with llama.cpp");
        }

        /** A count of things that take at least {@code leastBytes} each in what is left of the file. */
        private long count(String place, long most, int leastBytes) {
            long count = longInteger(place);
            long room = Math.min(most, (all.byteSize() - position) / leastBytes);
            if (count < 0 || count > room) {
                throw FormatException.at(file, place, "at most " + room + " in what is left of the file", Long.toUnsignedString(count));
            }
            return count;
        }

        private String string(String place, long longest) {
            int length = (int) count(place, longest, 1);
            int at = inWindow(advance(place, length), length);
            int seen = 0;
            for (int i = at; i < at + length; i++) {
                seen |= window[i];
            }
            if (seen >= 0) {
                return new String(window, at, length, StandardCharsets.ISO_8859_1);
            }
            try {
                return utf8.decode(ByteBuffer.wrap(window, at, length)).toString();
            } catch (CharacterCodingException e) {
                throw FormatException.at(file, place, "text in UTF-8", "other bytes");
            }
        }

        private long bits(String place, GgufValue.Type type) {
            MemorySegment bytes = take(place, type.bytes());
            return switch (type.bytes()) {
                case 1 -> bytes.get(ValueLayout.JAVA_BYTE, 0) & 0xff;
                case 2 -> bytes.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0) & 0xffff;
                case 4 -> Integer.toUnsignedLong(bytes.get(INT, 0));
                default -> bytes.get(LONG, 0);
            };
        }

        private int integer(String place) {
            return all.get(INT, advance(place, Integer.BYTES));
        }

        private long longInteger(String place) {
            int at = inWindow(advance(place, Long.BYTES), Long.BYTES);
            long value = 0;
            for (int i = Long.BYTES - 1; i >= 0; i--) {
                value = value << 8 | window[at + i] & 0xff;
            }
            return value;
        }

        /** Where in {@link #window} some bytes of the file are, which are in the file. In a process that has just started, tens of thousands of reads of a segment are slow. */
        private int inWindow(long from, int bytes) {
            if (from < windowStart || from + bytes > windowStart + window.length) {
                window = all.asSlice(from, Math.min(all.byteSize() - from, Math.max(bytes, WINDOW))).toArray(ValueLayout.JAVA_BYTE);
                windowStart = from;
            }
            return (int) (from - windowStart);
        }

        private MemorySegment take(String place, long bytes) {
            return all.asSlice(advance(place, bytes), bytes);
        }

        /** Where the next {@code bytes} lie, which are taken; slices of tens of thousands of strings would cost. */
        private long advance(String place, long bytes) {
            if (bytes > all.byteSize() - position) {
                throw FormatException.at(file, place, bytes + " bytes at " + position,
                        "the end of the file at " + all.byteSize() + "; download it again if it was cut short");
            }
            long at = position;
            position += bytes;
            return at;
        }

        private static String tensor(String name) {
            return "tensor " + FormatException.quote(name);
        }
    }
}
