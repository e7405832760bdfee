package dev.zhulong.edge;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A matrix as it lies in the file, and its products. Those with quantised weights are sums of integers: activations become int8 with a scale for each 32, and each 32 columns add
 * their exact sum times both scales; others are sums of 32 fused products, added in order. These are the bits of the CPU engine.
 */
final class EdgeMatrix {
    /** Columns whose products are summed before they are added to the rest. */
    static final int UNIT = 32;

    /** How weights are stored, under ggml's numbers. */
    enum Type {
        F32(0, 1, 4), F16(1, 1, 2), Q4_0(2, 32, 18), Q8_0(8, 32, 34), Q4_K(12, 256, 144), Q6_K(14, 256, 210), Q2_0(42, 64, 18);

        private final int number;
        final int elements;
        final int bytes;

        Type(int number, int elements, int bytes) {
            this.number = number;
            this.elements = elements;
            this.bytes = bytes;
        }

        static Type of(int number) {
            for (Type type : values()) {
                if (type.number == number) {
                    return type;
                }
            }
            return null;
        }
    }

    final int rows;
    final int columns;
    private final Type type;
    private final int rowBytes;
    private final ByteBuffer file;
    private final int start;
    /** The file's bytes where they are an array's, else a row's copy; and where the array begins. */
    private final byte[] bytes;
    private final int arrayAt;
    private final boolean copies;

    EdgeMatrix(Type type, int rows, int columns, ByteBuffer file, int start) {
        this.type = type;
        this.rows = rows;
        this.columns = columns;
        this.rowBytes = columns / type.elements * type.bytes;
        this.file = file.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        this.start = start;
        copies = !file.hasArray();
        bytes = copies ? new byte[rowBytes] : file.array();
        arrayAt = copies ? 0 : file.arrayOffset() + start;
    }

    /** Activations as products read them. */
    static final class Input {
        final float[] values;
        /** The same numbers twice: HotSpot multiplies bytes with bytes fastest, and nibbles with ints. */
        final int[] integers;
        final byte[] bytes;
        final float[] scales;
        /** Of each 32 integers. */
        final int[] sums;
        private boolean quantised;

        Input(int columns) {
            int units = (columns + UNIT - 1) / UNIT;
            values = new float[columns];
            integers = new int[units * UNIT];
            bytes = new byte[units * UNIT];
            scales = new float[units];
            sums = new int[units];
        }

        /** To be called when {@link #values} have changed. */
        void changed() {
            quantised = false;
        }

        void quantise(int columns) {
            if (quantised) {
                return;
            }
            for (int unit = 0; unit < columns / UNIT; unit++) {
                int from = unit * UNIT;
                float largest = 0;
                for (int i = from; i < from + UNIT; i++) {
                    largest = Math.max(largest, Math.abs(values[i]));
                }
                float inverse = largest >= 0x1p-100f ? 127 / largest : 0;
                int sum = 0;
                for (int i = from; i < from + UNIT; i++) {
                    int q = inverse == 0 ? 0 : EdgeMath.rounded(values[i] * inverse);
                    integers[i] = q;
                    bytes[i] = (byte) q;
                    sum += q;
                }
                scales[unit] = largest / 127;
                sums[unit] = sum;
            }
            quantised = true;
        }
    }

    /** Where row {@code r} begins in {@link #bytes}. */
    private int at(int r) {
        if (!copies) {
            return arrayAt + r * rowBytes;
        }
        file.position(start + r * rowBytes);
        file.get(bytes, 0, rowBytes);
        return 0;
    }

    private static float f16(byte[] w, int at) {
        return EdgeMath.f16(w[at] & 0xff | (w[at + 1] & 0xff) << 8);
    }

    /** An f16 that is finite, as scales are. */
    private static float scale(byte[] w, int at) {
        int bits = w[at] & 0xff | w[at + 1] << 8;
        return Float.intBitsToFloat((bits & 0x7fff) << 13 | bits & 0x80000000) * 0x1p112f;
    }

    /** out[r] = row r · input, for all rows. */
    void multiply(Input input, float[] out) {
        switch (type) {
            case F32:
            case F16:
                floats(input, out);
                return;
            default:
                input.quantise(columns);
                integers(input, out);
        }
    }

    private void floats(Input input, float[] out) {
        float[] row = new float[columns];
        for (int r = 0; r < rows; r++) {
            row(r, row);
            float total = 0;
            for (int k = 0; k < columns; k += UNIT) {
                float sum = 0;
                for (int i = k; i < Math.min(columns, k + UNIT); i++) {
                    sum = EdgeMath.fma(row[i], input.values[i], sum);
                }
                total += sum;
            }
            out[r] = total;
        }
    }

    private void integers(Input input, float[] out) {
        int units = columns / UNIT;
        for (int r = 0; r < rows; r++) {
            int at = at(r);
            switch (type) {
                case Q8_0:
                    out[r] = q8(bytes, at, units, input);
                    break;
                case Q4_0:
                    out[r] = q4(bytes, at, units, input);
                    break;
                case Q4_K:
                    out[r] = q4k(bytes, at, units, input);
                    break;
                case Q6_K:
                    out[r] = q6k(bytes, at, units, input);
                    break;
                default:
                    out[r] = q2(bytes, at, units, input);
            }
        }
    }

    private static float q8(byte[] w, int at, int units, Input input) {
        float total = 0;
        for (int unit = 0; unit < units; unit++, at += 34) {
            total = EdgeMath.fma(dot(w, at + 2, input.bytes, unit * UNIT), scale(w, at) * input.scales[unit], total);
        }
        return total;
    }

    /** This plain form is what HotSpot and ART make vectors of. */
    private static int dot(byte[] a, int at, byte[] b, int from) {
        int sum = 0;
        for (int i = 0; i < UNIT; i++) {
            sum += a[at + i] * b[from + i];
        }
        return sum;
    }

    private static float q4(byte[] w, int at, int units, Input input) {
        int[] a = input.integers;
        float total = 0;
        for (int unit = 0; unit < units; unit++, at += 18) {
            int k = unit * UNIT;
            int products = -8 * input.sums[unit];
            for (int j = 0; j < 16; j++) {
                int pair = w[at + 2 + j];
                products += (pair & 15) * a[k + j] + (pair >> 4 & 15) * a[k + 16 + j];
            }
            total = EdgeMath.fma(products, scale(w, at) * input.scales[unit], total);
        }
        return total;
    }

    /** 64 weights share a scale; they are two units. */
    private static float q2(byte[] w, int at, int units, Input input) {
        int[] a = input.integers;
        float total = 0;
        for (int unit = 0; unit < units; unit++) {
            int block = at + unit / 2 * 18;
            int from = block + 2 + unit % 2 * 8;
            int k = unit * UNIT;
            int products = -input.sums[unit];
            for (int j = 0; j < 8; j++) {
                int four = w[from + j];
                products += (four & 3) * a[k + 4 * j] + (four >> 2 & 3) * a[k + 4 * j + 1] + (four >> 4 & 3) * a[k + 4 * j + 2] + (four >> 6 & 3) * a[k + 4 * j + 3];
            }
            total = EdgeMath.fma(products, scale(w, block) * input.scales[unit], total);
        }
        return total;
    }

    /** Eight units under one scale and one scale of minimums, each with six bits of its own for both. */
    private static float q4k(byte[] w, int at, int units, Input input) {
        int[] a = input.integers;
        float total = 0;
        for (int unit = 0; unit < units; unit++) {
            int block = at + unit / 8 * 144;
            int g = unit % 8;
            int low = block + 16 + g / 2 * 32;
            int shift = 4 * (g % 2);
            int k = unit * UNIT;
            int products = 0;
            for (int j = 0; j < UNIT; j++) {
                products += (w[low + j] >> shift & 15) * a[k + j];
            }
            float scale = scale(w, block) * sixBits(w, block + 4, g);
            float min = -(scale(w, block + 2) * sixBitsOfMin(w, block + 4, g));
            total = EdgeMath.fma(products, scale * input.scales[unit], total);
            total = EdgeMath.fma(min, input.scales[unit] * input.sums[unit], total);
        }
        return total;
    }

    private static int sixBits(byte[] w, int s, int g) {
        return g < 4 ? w[s + g] & 63 : w[s + g + 4] & 15 | (w[s + g - 4] >> 6 & 3) << 4;
    }

    private static int sixBitsOfMin(byte[] w, int s, int g) {
        return g < 4 ? w[s + g + 4] & 63 : w[s + g + 4] >> 4 & 15 | (w[s + g] >> 6 & 3) << 4;
    }

    /** Sixteen groups of 16 under one scale. */
    private static float q6k(byte[] w, int at, int units, Input input) {
        int[] a = input.integers;
        float total = 0;
        for (int unit = 0; unit < units; unit++) {
            int block = at + unit / 8 * 210;
            int quarter = unit % 4;
            int low = block + unit % 8 / 4 * 64 + quarter % 2 * 32;
            int high = block + 128 + unit % 8 / 4 * 32;
            int lowShift = quarter < 2 ? 0 : 4;
            float scale = scale(w, block + 208);
            for (int half = 0; half < 2; half++) {
                int k = unit * UNIT + half * 16;
                int products = 0;
                for (int j = 0; j < 16; j++) {
                    products += ((w[low + half * 16 + j] >> lowShift & 15 | (w[high + half * 16 + j] >> 2 * quarter & 3) << 4) - 32) * a[k + j];
                }
                total = EdgeMath.fma(products, scale * w[block + 192 + unit % 8 * 2 + half] * input.scales[unit], total);
            }
        }
        return total;
    }

    /** Row {@code r} as numbers. */
    void row(int r, float[] out) {
        int at = at(r);
        byte[] w = bytes;
        switch (type) {
            case F32:
                for (int i = 0; i < columns; i++, at += 4) {
                    out[i] = Float.intBitsToFloat(w[at] & 0xff | (w[at + 1] & 0xff) << 8 | (w[at + 2] & 0xff) << 16 | w[at + 3] << 24);
                }
                break;
            case F16:
                for (int i = 0; i < columns; i++, at += 2) {
                    out[i] = f16(w, at);
                }
                break;
            case Q8_0:
                for (int i = 0; i < columns; i++) {
                    int block = at + i / 32 * 34;
                    out[i] = f16(w, block) * w[block + 2 + i % 32];
                }
                break;
            case Q4_0:
                for (int i = 0; i < columns; i++) {
                    int block = at + i / 32 * 18;
                    out[i] = f16(w, block) * ((w[block + 2 + i % 16] >> (i % 32 < 16 ? 0 : 4) & 15) - 8);
                }
                break;
            case Q4_K:
                for (int i = 0; i < columns; i++) {
                    int block = at + i / 256 * 144;
                    int g = i % 256 / 32;
                    float product = f16(w, block) * sixBits(w, block + 4, g) * (w[block + 16 + g / 2 * 32 + i % 32] >> 4 * (g % 2) & 15);
                    out[i] = product - f16(w, block + 2) * sixBitsOfMin(w, block + 4, g);
                }
                break;
            case Q6_K:
                for (int i = 0; i < columns; i++) {
                    int block = at + i / 256 * 210;
                    int half = i % 256 / 128;
                    int quarter = i % 128 / 32;
                    int code = (w[block + half * 64 + i % 64] >> (quarter < 2 ? 0 : 4) & 15 | (w[block + 128 + half * 32 + i % 32] >> 2 * quarter & 3) << 4) - 32;
                    out[i] = f16(w, block + 208) * w[block + 192 + i % 256 / 16] * code;
                }
                break;
            default:
                for (int i = 0; i < columns; i++) {
                    int block = at + i / 64 * 18;
                    out[i] = f16(w, block) * ((w[block + 2 + i % 64 / 4] >> 2 * (i % 4) & 3) - 1);
                }
        }
    }
}
