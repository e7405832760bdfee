package dev.zhulong.edge;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/** The head of a GGUF file (ggml's {@code docs/gguf.md}, versions 2 and 3): keys, and where tensors lie. Believes nothing that the file's own size does not allow. */
final class GgufReader {
    private static final int MAGIC = 0x46554747;
    private static final int MOST_ENTRIES = 1 << 16;
    private static final int MOST_TEXTS = 1 << 22;
    private static final int MOST_DIMENSIONS = 4;
    /** Bytes of a value of each type; 0 for texts and arrays. */
    private static final int[] BYTES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    private static final int TEXT = 8;
    private static final int ARRAY = 9;

    private final ByteBuffer in;
    private final Map<String, Object> values = new HashMap<String, Object>();
    private final Map<String, Entry> tensors = new HashMap<String, Entry>();
    private final long dataStart;
    private long texts;

    /** Where a tensor lies. */
    private static final class Entry {
        int type;
        int columns;
        int rows;
        long offset;
    }

    GgufReader(ByteBuffer file) {
        in = file.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        in.position(0);
        try {
            require(in.remaining() >= 24 && in.getInt() == MAGIC, "it does not begin as GGUF files do");
            int version = in.getInt();
            require(version == 2 || version == 3, "its version is " + version + ", expected 2 or 3");
            int tensorCount = count(in.getLong(), "tensors");
            int valueCount = count(in.getLong(), "keys");
            for (int i = 0; i < valueCount; i++) {
                String key = text();
                Object value = value(in.getInt(), key);
                require(values.put(key, value) == null, "the key " + key + " stands there twice");
            }
            for (int i = 0; i < tensorCount; i++) {
                entry();
            }
        } catch (BufferUnderflowException e) {
            throw wrong("it ends within its head");
        }
        long alignment = integer("general.alignment", 1, 1 << 20, 32);
        require((alignment & alignment - 1) == 0, "general.alignment is " + alignment + ", expected a power of two");
        dataStart = (in.position() + alignment - 1) / alignment * alignment;
    }

    static IllegalArgumentException wrong(String what) {
        return new IllegalArgumentException("not a GGUF file that can be used here: " + what);
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw wrong(otherwise);
        }
    }

    private static int count(long n, String what) {
        require(n >= 0 && n <= MOST_ENTRIES, "it claims " + n + " " + what);
        return (int) n;
    }

    private String text() {
        long n = in.getLong();
        require(n >= 0 && n <= in.remaining(), "a text of " + n + " bytes goes beyond its end");
        byte[] bytes = new byte[(int) n];
        in.get(bytes);
        return EdgeUtf8.text(bytes);
    }

    private Object value(int type, String key) {
        return type == TEXT ? text() : type == ARRAY ? array(key) : number(in, type, key);
    }

    private static Object number(ByteBuffer in, int type, String key) {
        switch (type) {
            case 0:
                return (long) (in.get() & 0xff);
            case 1:
                return (long) in.get();
            case 2:
                return (long) (in.getShort() & 0xffff);
            case 3:
                return (long) in.getShort();
            case 4:
                return in.getInt() & 0xffffffffL;
            case 5:
                return (long) in.getInt();
            case 6:
                return (double) in.getFloat();
            case 7:
                return in.get() != 0;
            case 10:
            case 11:
                return in.getLong();
            case 12:
                return in.getDouble();
            default:
                throw wrong("the key " + key + " has the unknown type " + type);
        }
    }

    /** Numbers as they lie in the file: most arrays are never asked for, and of bytes an array of numbers would take eight times their room. */
    private static final class Numbers {
        final int type;
        final ByteBuffer raw;

        Numbers(int type, ByteBuffer raw) {
            this.type = type;
            this.raw = raw;
        }
    }

    /** {@code String[]} or {@link Numbers}. */
    private Object array(String key) {
        int type = in.getInt();
        long n = in.getLong();
        require(type >= 0 && type < BYTES.length && type != ARRAY, "the key " + key + " is an array of the type " + type);
        // a text takes eight bytes at least
        require(n >= 0 && n <= in.remaining() / (type == TEXT ? 8 : BYTES[type]), "the key " + key + " claims " + n + " values, beyond its end");
        if (type == TEXT) {
            texts += n;
            require(texts <= MOST_TEXTS, "it has more than " + MOST_TEXTS + " texts");
            String[] array = new String[(int) n];
            for (int i = 0; i < array.length; i++) {
                array[i] = text();
            }
            return array;
        }
        int end = in.position() + (int) n * BYTES[type];
        ByteBuffer raw = in.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        raw.limit(end);
        in.position(end);
        return new Numbers(type, raw);
    }

    private void entry() {
        String name = text();
        int dimensions = in.getInt();
        require(dimensions >= 1 && dimensions <= MOST_DIMENSIONS, "tensor " + name + " has " + dimensions + " dimensions");
        long rows = 1;
        long columns = in.getLong();
        require(columns > 0 && columns <= Integer.MAX_VALUE, "tensor " + name + " has rows of " + columns);
        for (int i = 1; i < dimensions; i++) {
            long n = in.getLong();
            require(n > 0 && n <= Integer.MAX_VALUE / rows, "tensor " + name + " has a dimension of " + n);
            rows *= n;
        }
        Entry entry = new Entry();
        entry.columns = (int) columns;
        entry.rows = (int) rows;
        entry.type = in.getInt();
        entry.offset = in.getLong();
        require(tensors.put(name, entry) == null, "tensor " + name + " stands there twice");
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    boolean hasTensor(String name) {
        return tensors.containsKey(name);
    }

    String text(String key) {
        Object value = values.get(key);
        require(value instanceof String, "the key " + key + " is " + (value == null ? "missing" : "no text"));
        return (String) value;
    }

    boolean flag(String key, boolean absent) {
        Object value = values.get(key);
        require(value == null || value instanceof Boolean, "the key " + key + " is neither true nor false");
        return value == null ? absent : (Boolean) value;
    }

    double real(String key, double absent) {
        Object value = values.get(key);
        require(value == null || value instanceof Number, "the key " + key + " is no number");
        return value == null ? absent : ((Number) value).doubleValue();
    }

    int integer(String key, int least, int most) {
        require(has(key), "the key " + key + " is missing");
        return integer(key, least, most, 0);
    }

    int integer(String key, int least, int most, int absent) {
        Object value = values.get(key);
        if (value == null) {
            return absent;
        }
        require(value instanceof Long && (Long) value >= least && (Long) value <= most, "the key " + key + " is " + (value instanceof Long ? Long.toString((Long) value) : "no integer") + ", expected "
                + least + " to " + most);
        return ((Long) value).intValue();
    }

    String[] texts(String key) {
        Object value = values.get(key);
        require(value instanceof String[], "the key " + key + " is " + (value == null ? "missing" : "no list of texts"));
        return (String[]) value;
    }

    /**
     * Those of 32 bits exactly.
     *
     * @param n how many there must be
     */
    double[] numbers(String key, int n) {
        Object value = values.get(key);
        Numbers stored = value instanceof Numbers ? (Numbers) value : null;
        require(stored != null && stored.raw.remaining() == (long) n * BYTES[stored.type], "the key " + key + " is not a list of " + n + " numbers");
        ByteBuffer raw = stored.raw.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        double[] numbers = new double[n];
        for (int i = 0; i < n; i++) {
            Object number = number(raw, stored.type, key);
            numbers[i] = number instanceof Boolean ? ((Boolean) number ? 1 : 0) : ((Number) number).doubleValue();
        }
        return numbers;
    }

    /** A matrix [rows, columns], or a vector where {@code rows} is 1. */
    EdgeMatrix matrix(String name, int rows, int columns) {
        Entry entry = tensors.get(name);
        require(entry != null, "the tensor " + name + " is missing");
        require(entry.rows == rows && entry.columns == columns, "tensor " + name + " is [" + entry.rows + ", " + entry.columns + "], expected [" + rows + ", " + columns + "]");
        EdgeMatrix.Type type = EdgeMatrix.Type.of(entry.type);
        require(type != null, "tensor " + name + " is of the type " + entry.type + ", expected F32, F16, Q8_0, Q4_0, Q4_K, Q6_K or Q2_0 (zhulong quantize makes q4_0 and q4_k_m)");
        require(columns % type.elements == 0, "tensor " + name + " has rows of " + columns + ", of which " + type + " holds whole " + type.elements);
        long bytes = (long) rows * (columns / type.elements) * type.bytes;
        require(entry.offset >= 0 && entry.offset <= in.limit() && dataStart + entry.offset + bytes <= in.limit(), "tensor " + name + " goes beyond its end");
        return new EdgeMatrix(type, rows, columns, in, (int) (dataStart + entry.offset));
    }

    /** A vector's numbers. */
    float[] vector(String name, int n) {
        float[] vector = new float[n];
        matrix(name, 1, n).row(0, vector);
        return vector;
    }
}
