package dev.zhulong.formats.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A value of a GGUF file's metadata, with the type it is stored in. Arrays of arrays, which no model uses, are not read. */
public sealed interface GgufValue {

    /** The types of values, with the numbers files call them by. */
    enum Type {
        UINT8(0, 1), INT8(1, 1), UINT16(2, 2), INT16(3, 2), UINT32(4, 4), INT32(5, 4), FLOAT32(6, 4), BOOL(7, 1), STRING(8, 0), ARRAY(9, 0),
        UINT64(10, 8), INT64(11, 8), FLOAT64(12, 8);

        private final int id;
        private final int bytes;

        Type(int id, int bytes) {
            this.id = id;
            this.bytes = bytes;
        }

        /** The number in a file. */
        public int id() {
            return id;
        }

        /** Bytes a value takes; 0 for strings and arrays, whose values differ. */
        public int bytes() {
            return bytes;
        }

        static Optional<Type> ofId(long id) {
            return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
        }
    }

    /** The type in the file; {@link Type#ARRAY} for arrays. */
    Type type();

    /** A whole number; of UINT64 its 64 bits. */
    record Whole(Type type, long value) implements GgufValue {}

    /** A FLOAT32 or FLOAT64. */
    record Real(Type type, double value) implements GgufValue {

        /** The decimal the writer meant: the shortest that rounds to the stored float, so that 1e-5 is read as 1e-5. */
        public double decimal() {
            return type == Type.FLOAT32 ? Double.parseDouble(Float.toString((float) value)) : value;
        }
    }

    /** A boolean. */
    record Flag(boolean value) implements GgufValue {
        @Override
        public Type type() {
            return Type.BOOL;
        }
    }

    /** A string. */
    record Text(String value) implements GgufValue {
        @Override
        public Type type() {
            return Type.STRING;
        }
    }

    /** An array of strings. */
    record Texts(List<String> values) implements GgufValue {
        public Texts {
            values = List.copyOf(values);
        }

        @Override
        public Type type() {
            return Type.ARRAY;
        }
    }

    /**
     * An array of numbers or booleans.
     *
     * @param element a type of fixed size
     * @param raw     little-endian, one after the other
     */
    record Numbers(Type element, byte[] raw) implements GgufValue {
        public Numbers {
            raw = raw.clone();
        }

        @Override
        public Type type() {
            return Type.ARRAY;
        }

        @Override
        public byte[] raw() {
            return raw.clone();
        }

        /** Number of elements. */
        public int size() {
            return raw.length / element.bytes();
        }

        /** Whole-number and boolean elements, or empty for floats and for a UINT64 beyond 2^63-1. */
        public Optional<long[]> wholes() {
            var buffer = ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN);
            long[] wholes = new long[size()];
            for (int i = 0; i < wholes.length; i++) {
                switch (element) {
                    case UINT8, BOOL -> wholes[i] = buffer.get() & 0xff;
                    case INT8 -> wholes[i] = buffer.get();
                    case UINT16 -> wholes[i] = buffer.getShort() & 0xffff;
                    case INT16 -> wholes[i] = buffer.getShort();
                    case UINT32 -> wholes[i] = buffer.getInt() & 0xffffffffL;
                    case INT32 -> wholes[i] = buffer.getInt();
                    case INT64 -> wholes[i] = buffer.getLong();
                    case UINT64 -> {
                        wholes[i] = buffer.getLong();
                        if (wholes[i] < 0) {
                            return Optional.empty();
                        }
                    }
                    default -> {
                        return Optional.empty();
                    }
                }
            }
            return Optional.of(wholes);
        }

        /** FLOAT32 elements, or empty for another type. */
        public Optional<float[]> floats() {
            if (element != Type.FLOAT32) {
                return Optional.empty();
            }
            float[] floats = new float[size()];
            ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
            return Optional.of(floats);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Numbers numbers && element == numbers.element && Arrays.equals(raw, numbers.raw);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(raw);
        }
    }

    /** A UINT32, as most counts and ids are stored. */
    static GgufValue of(int value) {
        if (value < 0) {
            throw new IllegalArgumentException("expected a UINT32, found " + value);
        }
        return new Whole(Type.UINT32, value);
    }

    /** A FLOAT32. */
    static GgufValue of(float value) {
        return new Real(Type.FLOAT32, value);
    }

    /** A boolean. */
    static GgufValue of(boolean value) {
        return new Flag(value);
    }

    /** A string. */
    static GgufValue of(String value) {
        return new Text(value);
    }

    /** An array of strings. */
    static GgufValue of(List<String> values) {
        return new Texts(values);
    }

    /** An array of FLOAT32. */
    static GgufValue of(float[] values) {
        var buffer = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(values);
        return new Numbers(Type.FLOAT32, buffer.array());
    }

    /** An array of INT32. */
    static GgufValue of(int[] values) {
        var buffer = ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asIntBuffer().put(values);
        return new Numbers(Type.INT32, buffer.array());
    }
}
