package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products of groups of rows, each with matrices of its own, against the plain loops over one row and one matrix at a time. */
class GroupsOfRowsHaveWeightsOfTheirOwnTest {
    private static final int COLUMNS = 96;
    /** Of a row in the array, of which the columns are the beginning. */
    private static final int STRIDE = 100;
    private static final int[] OUTPUTS = {37, 16};

    @AfterEach
    void machineCodeAsItIs() {
        MachineKernel.switchOff(false);
    }

    /** Groups larger and smaller than a tile, of one row, and three of the same row; rows in any order. */
    @ParameterizedTest
    @CsvSource({"Q4_0, false", "Q4_0, true", "Q8_0, false", "F32, false"})
    void theBitsAreThoseOfEachRowAlone(WeightType type, boolean vectors) {
        MachineKernel.switchOff(vectors);
        compare(type, new int[] {0, 3, 4, 13, 14, 15, 16}, new int[] {4, 0, 2, 1, 3, 3, 3, 2, 1, 0, 4, 4, 1, 2, 2, 2});
        compare(type, new int[] {0, 1, 2, 3}, new int[] {2, 2, 2});
        compare(type, new int[] {0, 1, 2}, null);
        compare(type, new int[] {0, 2, 19}, null);
    }

    private static void compare(WeightType type, int[] begin, int[] of) {
        int groups = begin.length - 1;
        int rows = begin[groups];
        var random = new Random(rows);
        float[] from = ProductsEqualTheScalarOracleTest.randomActivations(19, STRIDE, random);
        try (Arena arena = Arena.ofShared();
                ThreadPool pool = new ThreadPool(3)) {
            var stored = new MemorySegment[groups][OUTPUTS.length];
            var weights = new PackedWeights[groups][OUTPUTS.length];
            for (int g = 0; g < groups; g++) {
                for (int m = 0; m < OUTPUTS.length; m++) {
                    stored[g][m] = ProductsEqualTheScalarOracleTest.randomWeights(type, OUTPUTS[m], COLUMNS, random, arena);
                    weights[g][m] = PackedWeights.pack(type, stored[g][m], OUTPUTS[m], COLUMNS, arena, pool);
                }
            }
            var activations = new Activations(8 * (rows / 8 + groups), COLUMNS);
            activations.setGroups(from, STRIDE, COLUMNS, of, begin, groups);
            float[][] actual = {new float[rows * OUTPUTS[0]], new float[rows * OUTPUTS[1]]};
            new MatMul(pool).multiplyGroups(activations, weights, actual);
            float[] row = new float[COLUMNS];
            for (int g = 0; g < groups; g++) {
                for (int r = begin[g]; r < begin[g + 1]; r++) {
                    System.arraycopy(from, (of == null ? r : of[r]) * STRIDE, row, 0, COLUMNS);
                    for (int m = 0; m < OUTPUTS.length; m++) {
                        float[] expected = new float[OUTPUTS[m]];
                        ScalarMatMul.multiply(row, 1, type, stored[g][m], OUTPUTS[m], COLUMNS, expected);
                        for (int o = 0; o < expected.length; o++) {
                            assertThat(Float.floatToIntBits(actual[m][r * OUTPUTS[m] + o])).as("group %d, row %d, matrix %d, output %d", g, r, m, o)
                                    .isEqualTo(Float.floatToIntBits(expected[o]));
                        }
                    }
                }
            }
        }
    }

    @Test
    void moreTilesThanThereIsRoomForAreRefused() {
        var activations = new Activations(16, COLUMNS);
        assertThatThrownBy(() -> activations.setGroups(new float[3 * STRIDE], STRIDE, COLUMNS, null, new int[] {0, 1, 2, 3}, 3)).hasMessageContaining("room for 2 tiles");
        assertThatThrownBy(() -> activations.setGroups(new float[3 * STRIDE], STRIDE, COLUMNS, new int[] {3}, new int[] {0, 1}, 1)).hasMessageContaining("row 3 of 3");
    }
}
