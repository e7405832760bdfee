package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Kernel by type by shape: bit-equal to plain loops, whatever the rows of A that are multiplied together and the threads; and within the
 * bound of docs/PRECISION.md of the product in 64 bits.
 */
class ProductsEqualTheScalarOracleTest {
    private static final int[] ROWS = {1, 2, 3, 7, 8, 9, 16, 33};
    private static ThreadPool one;
    private static ThreadPool three;

    @BeforeAll
    static void start() {
        one = new ThreadPool(1);
        three = new ThreadPool(3);
    }

    @AfterAll
    static void stop() {
        one.close();
        three.close();
    }

    static List<Arguments> typesAndShapes() {
        List<Arguments> list = new ArrayList<>();
        for (WeightType type : WeightType.values()) {
            int block = type.blockElements();
            // outputs below, at and beside whole vectors; columns of one block and of several; columns that are no multiple of 32
            list.add(Arguments.of(type, 1, Math.max(32, block)));
            list.add(Arguments.of(type, 16, 2 * Math.max(64, block)));
            list.add(Arguments.of(type, 37, 3 * Math.max(32, block)));
            list.add(Arguments.of(type, 16 * 7 + 3, Math.max(32, block)));
            if (block == 1) {
                list.add(Arguments.of(type, 19, 45));
                list.add(Arguments.of(type, 5, 1));
            }
        }
        return list;
    }

    @ParameterizedTest
    @MethodSource("typesAndShapes")
    void bitEqual(WeightType type, int n, int columns) {
        try (Arena arena = Arena.ofShared()) {
            Random random = new Random(n * 31L + columns);
            MemorySegment stored = randomWeights(type, n, columns, random, arena);
            float[] a = randomActivations(33, columns, random);
            float[] expected = new float[33 * n];
            ScalarMatMul.multiply(a, 33, type, stored, n, columns, expected);
            for (ThreadPool pool : List.of(one, three)) {
                PackedWeights packed = PackedWeights.pack(type, stored, n, columns, arena, pool);
                for (int m : ROWS) {
                    for (int first : new int[] {0, 33 - m}) {
                        float[] actual = product(a, first, m, packed, pool);
                        for (int i = 0; i < m * n; i++) {
                            assertThat(Float.floatToIntBits(actual[i]))
                                    .as("output [%d, %d] of %d rows: %s instead of %s", i / n, i % n, m, actual[i], expected[first * n + i])
                                    .isEqualTo(Float.floatToIntBits(expected[first * n + i]));
                        }
                    }
                }
            }
            assertWithinTheLaw(type, stored, n, columns, a, expected);
        }
    }

    /** docs/PRECISION.md: activations off by half a step at most, then 32-bit rounding of each added part. */
    private static void assertWithinTheLaw(WeightType type, MemorySegment stored, int n, int columns, float[] a, float[] actual) {
        float[] row = new float[columns];
        for (int j = 0; j < n; j++) {
            WeightRows.decode(type, stored, j, columns, row);
            for (int i = 0; i < 33; i++) {
                double exact = 0;
                double steps = 0;
                double size = 0;
                for (int k = 0; k < columns; k += 32) {
                    double largest = 0;
                    double weights = 0;
                    for (int l = k; l < Math.min(columns, k + 32); l++) {
                        exact += (double) row[l] * a[i * columns + l];
                        largest = Math.max(largest, Math.abs(a[i * columns + l]));
                        weights += Math.abs(row[l]);
                    }
                    steps += largest / 254 * weights;
                    size += largest * weights;
                }
                // a type with minimums adds terms larger than its weights
                double terms = type.hasMin() ? 34 * size : size;
                double bound = (type.quantised() ? 1.0001 * steps : 0) + (columns / 16 + 40) * 0x1p-24 * terms + 1e-30;
                assertThat(Math.abs(actual[i * n + j] - exact)).as("output [%d, %d] of %s", i, j, type).isLessThanOrEqualTo(bound);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void scalesAndWeightsOfEverySizeSurvivePacking(WeightType type) {
        int columns = Math.max(64, type.blockElements());
        int n = 48;
        try (Arena arena = Arena.ofShared()) {
            Random random = new Random(3);
            MemorySegment stored = randomWeights(type, n, columns, random, arena);
            // subnormal, and too large for the room that the kernels keep
            for (int r = 0; r < n; r++) {
                for (int at : scalePositions(type)) {
                    short bits = switch (r % 4) {
                        case 0 -> (short) (random.nextInt(1024) | (r & 8) << 12);
                        case 1 -> Float.floatToFloat16(60000f * (r % 8 == 1 ? 1 : -1));
                        case 2 -> (short) 0x8000;
                        default -> Float.floatToFloat16(0.01f);
                    };
                    stored.set(ValueLayout.JAVA_SHORT_UNALIGNED, r * type.rowBytes(columns) + at, bits);
                }
            }
            float[] a = randomActivations(2, columns, random);
            float[] expected = new float[2 * n];
            ScalarMatMul.multiply(a, 2, type, stored, n, columns, expected);
            assertThat(product(a, 0, 2, PackedWeights.pack(type, stored, n, columns, arena, one), one)).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsNotFiniteIsRefused(WeightType type) {
        int columns = Math.max(64, type.blockElements());
        try (Arena arena = Arena.ofShared()) {
            MemorySegment stored = randomWeights(type, 3, columns, new Random(4), arena);
            long at = type.rowBytes(columns) + scalePositions(type)[0];
            if (type == WeightType.F32) {
                stored.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, Float.NEGATIVE_INFINITY);
            } else if (type == WeightType.MXFP4) {
                stored.set(ValueLayout.JAVA_BYTE, at, (byte) 0xff);
            } else if (type == WeightType.IQ1_M) {
                spread(stored, Math.toIntExact(at), (short) 0x7c00);
            } else {
                stored.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, type == WeightType.BF16 ? (short) 0x7f80 : (short) 0x7c00);
            }
            assertThatThrownBy(() -> PackedWeights.pack(type, stored, 3, columns, arena, one)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("finite").hasMessageContaining("1");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_0", "Q8_0", "F16"})
    void activationsThatAreNotFiniteShow(WeightType type) {
        try (Arena arena = Arena.ofShared()) {
            PackedWeights packed = PackedWeights.pack(type, randomWeights(type, 16, 64, new Random(5), arena), 16, 64, arena, one);
            for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
                float[] a = randomActivations(2, 64, new Random(6));
                a[70] = bad;
                float[] c = product(a, 0, 2, packed, one);
                for (int i = 0; i < 16; i++) {
                    assertThat(c[i]).isFinite();
                    assertThat(Float.isFinite(c[16 + i])).isFalse();
                }
            }
        }
    }

    @Test
    void zerosAndTinyActivationsGiveZeros() {
        try (Arena arena = Arena.ofShared()) {
            PackedWeights packed = PackedWeights.pack(WeightType.Q4_0, randomWeights(WeightType.Q4_0, 16, 64, new Random(5), arena), 16, 64, arena, one);
            float[] a = new float[64];
            a[3] = Float.MIN_VALUE;
            assertThat(product(a, 0, 1, packed, one)).containsOnly(0f);
        }
    }

    @Test
    void wrongShapesAreRefused() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment stored = arena.allocate(18 * 4);
            PackedWeights packed = PackedWeights.pack(WeightType.Q4_0, stored, 4, 32, arena, one);
            Activations a = new Activations(2, 64);
            a.set(new float[64], 0, 1, 64);
            assertThatThrownBy(() -> new MatMul(one).multiply(a, packed, new float[4], 0)).hasMessageContaining("[1, 64]").hasMessageContaining("[4, 32]");
            a.set(new float[64], 0, 2, 32);
            assertThatThrownBy(() -> new MatMul(one).multiply(a, packed, new float[7], 0)).hasMessageContaining("room for 7");
            assertThatThrownBy(() -> a.set(new float[96], 0, 3, 32)).hasMessageContaining("[3, 32]");
            assertThatThrownBy(() -> a.set(new float[63], 0, 2, 32)).hasMessageContaining("63");
            assertThatThrownBy(() -> PackedWeights.pack(WeightType.Q4_0, stored, 5, 32, arena, one)).hasMessageContaining("expected 90 bytes, found 72");
        }
    }

    @Test
    void weightsWhoseMemoryIsClosedAreRefused() {
        PackedWeights packed;
        try (Arena arena = Arena.ofShared()) {
            packed = PackedWeights.pack(WeightType.Q4_0, arena.allocate(18 * 4), 4, 32, arena, one);
        }
        Activations a = new Activations(1, 32);
        a.set(new float[32], 0, 1, 32);
        assertThatThrownBy(() -> new MatMul(one).multiply(a, packed, new float[4], 0)).isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
    }

    /** By the vector kernels; and the same by the loops that stand in until those are compiled, and by machine code where there is any. */
    private static float[] product(float[] a, int first, int m, PackedWeights w, ThreadPool pool) {
        try {
            Warmth.pretend(false);
            float[] machineFromPlain = productNow(a, first, m, w, pool);
            Warmth.pretend(true);
            float[] machine = productNow(a, first, m, w, pool);
            MachineKernel.switchOff(true);
            float[] vectors = productNow(a, first, m, w, pool);
            Warmth.pretend(false);
            float[] plain = productNow(a, first, m, w, pool);
            for (int i = 0; i < plain.length; i++) {
                int bits = Float.floatToIntBits(vectors[i]);
                if (Float.floatToIntBits(plain[i]) != bits || Float.floatToIntBits(machine[i]) != bits || Float.floatToIntBits(machineFromPlain[i]) != bits) {
                    throw new AssertionError("output " + i + " is " + plain[i] + " in plain loops, " + vectors[i] + " in vector code, " + machine[i]
                            + " on machine code and " + machineFromPlain[i] + " there with activations from plain loops");
                }
            }
            return vectors;
        } finally {
            MachineKernel.switchOff(false);
            Warmth.forget();
        }
    }

    private static float[] productNow(float[] a, int first, int m, PackedWeights w, ThreadPool pool) {
        Activations activations = new Activations(m, w.columns());
        activations.set(a, first * w.columns(), m, w.columns());
        float[] c = new float[m * w.rows() + 3];
        new MatMul(pool).multiply(activations, w, c, 3);
        float[] out = new float[m * w.rows()];
        System.arraycopy(c, 3, out, 0, out.length);
        return out;
    }

    static float[] randomActivations(int m, int columns, Random random) {
        float[] a = new float[m * columns];
        for (int i = 0; i < a.length; i++) {
            a[i] = (float) random.nextGaussian() * (i % 97 == 0 ? 30 : 1);
        }
        return a;
    }

    /** Any bits for the integers, sane ones for scales. */
    static MemorySegment randomWeights(WeightType type, int n, int columns, Random random, Arena arena) {
        byte[] bytes = new byte[Math.toIntExact(n * type.rowBytes(columns))];
        random.nextBytes(bytes);
        MemorySegment segment = arena.allocate(bytes.length);
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
        for (int b = 0; b < bytes.length; b += type.blockBytes()) {
            float value = (float) random.nextGaussian() * 0.05f;
            switch (type) {
                case F32 -> segment.set(ValueLayout.JAVA_FLOAT_UNALIGNED, b, value);
                case BF16 -> segment.set(ValueLayout.JAVA_SHORT_UNALIGNED, b, (short) (Float.floatToIntBits(value) >> 16));
                case MXFP4 -> segment.set(ValueLayout.JAVA_BYTE, b, (byte) (114 + random.nextInt(12)));
                case IQ1_M -> spread(segment, b, Float.floatToFloat16(value));
                default -> {
                    for (int at : scalePositions(type)) {
                        segment.set(ValueLayout.JAVA_SHORT_UNALIGNED, b + at, Float.floatToFloat16(value));
                        value = (float) random.nextGaussian() * 0.05f;
                    }
                }
            }
        }
        return segment;
    }

    /** The f16 scale of a block of IQ1_M, four bits in each of its last four words. */
    private static void spread(MemorySegment segment, int block, short half) {
        for (int word = 0; word < 4; word++) {
            int at = block + 49 + 2 * word;
            int low = segment.get(ValueLayout.JAVA_BYTE, at) & 15;
            segment.set(ValueLayout.JAVA_BYTE, at, (byte) (low | (half >> 4 * word & 15) << 4));
        }
    }

    /** Where a block keeps its f16 scale and minimum. */
    static int[] scalePositions(WeightType type) {
        return switch (type) {
            case Q4_1, Q5_1, INT4_ASYM, Q4_K, Q5_K -> new int[] {0, 2};
            case Q2_K -> new int[] {80, 82};
            case Q3_K -> new int[] {108};
            case Q6_K -> new int[] {208};
            case TQ1_0 -> new int[] {52};
            case TQ2_0 -> new int[] {64};
            default -> new int[] {0};
        };
    }
}
