package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.RotaryFrequencies;
import dev.zhulong.model.reference.RotaryAngles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** An angle of 100,000 radians kept in F32 is off by 0.004, in BF16 by whole turns: the tables must not be made that way. */
class RotaryTablesHoldAtLongPositionsTest {
    static Stream<Rope> ropes() {
        return Stream.of(
                new Rope(10_000, 16, new Scaling.None()),
                new Rope(1_000_000, 128, new Scaling.None()),
                new Rope(10_000, 64, new Scaling.Linear(8)),
                new Rope(10_000, 64, new Scaling.Dynamic(2, 4096)),
                new Rope(500_000, 128, new Scaling.Llama3(8, 1, 4, 8192)),
                new Rope(500_000, 64, new Scaling.Llama3(32, 1, 4, 8192)),
                new Rope(1_000_000, 128, new Scaling.Yarn(4, 32_768, 32, 1, 1.138629436, true)),
                new Rope(10_000, 64, new Scaling.Yarn(16, 4096, 32, 1, 1.277258872, false)),
                // both ends of the ramp at pair 0
                new Rope(10_000, 64, new Scaling.Yarn(16, 6, 32, 1, 1, true)));
    }

    @ParameterizedTest
    @MethodSource("ropes")
    void toTheLastDigitsOfFloat(Rope rope) {
        int length = 100_001;
        RotaryAngles expected = RotaryAngles.of(rope, length);
        int half = rope.rotaryDims() / 2;
        try (var scope = TensorScope.open(); var off = NoGrad.open(); RotaryTable table = new RotaryTable(rope)) {
            Tensor cos = table.cos(length);
            Tensor sin = table.sin(length);
            for (int position : new int[] {0, 1, 2, 4095, 4096, 8193, 32_769, 99_999, 100_000}) {
                float[] c = cos.narrow(0, position, 1).toFloats();
                float[] s = sin.narrow(0, position, 1).toFloats();
                for (int i = 0; i < half; i++) {
                    double angle = position * expected.perPosition()[i];
                    for (int j : new int[] {i, half + i}) {
                        assertThat((double) c[j]).isCloseTo(expected.factor() * Math.cos(angle), within(2e-7));
                        assertThat((double) s[j]).isCloseTo((j == i ? -1 : 1) * expected.factor() * Math.sin(angle), within(2e-7));
                    }
                }
            }
        }
    }

    /** Worked by hand: theta 10,000 over 8 dimensions gives 1, 0.1, 0.01, 0.001 radians, wavelengths 6.28, 62.8, 628 and 6283. */
    @Test
    void asWorkedByHand() {
        var plain = new double[] {1, 0.1, 0.01, 0.001};
        assertThat(angles(new Scaling.None(), 8)).containsExactly(plain, within(1e-15));
        assertThat(angles(new Scaling.Linear(4), 8)).containsExactly(new double[] {0.25, 0.025, 0.0025, 0.00025}, within(1e-15));
        // original 1000: kept below a wavelength of 250, divided by 8 above 1000, a ramp at 628.3: (1000 / 628.3 - 1) / 3 = 0.197183
        double smooth = (10 / (2 * Math.PI) - 1) / 3;
        assertThat(angles(new Scaling.Llama3(8, 1, 4, 1000), 8))
                .containsExactly(new double[] {1, 0.1, 0.01 * (smooth + (1 - smooth) / 8), 0.000125}, within(1e-15));
        // 32 turns in 1000 tokens at pair 0.697, 1 turn at 2.202: ramp from 0 to 3
        assertThat(angles(new Scaling.Yarn(4, 1000, 32, 1, 1, true), 8))
                .containsExactly(new double[] {1, 0.1 * (2 / 3. + 1 / 12.), 0.01 * (1 / 3. + 2 / 12.), 0.00025}, within(1e-15));
        // twice the context, factor 2: base times 3 ^ (8 / 6)
        double base = 10_000 * Math.pow(3, 8 / 6.);
        assertThat(angles(new Scaling.Dynamic(2, 500), 1000))
                .containsExactly(new double[] {1, Math.pow(base, -0.25), Math.pow(base, -0.5), Math.pow(base, -0.75)}, within(1e-15));
        assertThat(angles(new Scaling.Dynamic(2, 500), 500)).containsExactly(plain, within(1e-15));
        // a divisor for each pair, others past 500 tokens
        var longRope = new Scaling.LongRope(List.of(1.0, 2.0, 4.0, 5.0), List.of(2.0, 10.0, 20.0, 50.0), 500, 1.2);
        assertThat(angles(longRope, 500)).containsExactly(new double[] {1, 0.05, 0.0025, 0.0002}, within(1e-15));
        assertThat(angles(longRope, 501)).containsExactly(new double[] {0.5, 0.01, 0.0005, 0.00002}, within(1e-15));
        assertThat(RotaryFrequencies.scale(new Rope(10_000, 8, longRope))).isEqualTo(1.2);
    }

    private static double[] angles(Scaling scaling, int length) {
        double[] product = RotaryFrequencies.of(new Rope(10_000, 8, scaling), length);
        assertThat(RotaryAngles.of(new Rope(10_000, 8, scaling), length).perPosition()).containsExactly(product, within(1e-15));
        return product;
    }

    @Test
    void growingDoesNotChangeWhatWasThere() {
        Rope rope = new Rope(10_000, 16, new Scaling.None());
        try (var scope = TensorScope.open(); RotaryTable table = new RotaryTable(rope); RotaryTable whole = new RotaryTable(rope)) {
            float[] early = table.cos(7).narrow(0, 0, 7).toFloats();
            float[] grown = table.cos(5000).narrow(0, 0, 5000).toFloats();
            assertThat(Arrays.copyOf(grown, early.length)).isEqualTo(early);
            assertThat(whole.cos(5000).narrow(0, 0, 5000).toFloats()).isEqualTo(grown);
        }
    }

    /** A short sequence after a long one has the angles of a short one. */
    @Test
    void dynamicScalingForgetsALongSequence() {
        var spec = SpecDraft.of(Family.of("llama")).context(8).rope(10_000, 8, new Scaling.Dynamic(2, 8)).build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 4)) {
            int[] ids = LoudDecoder.ids(spec, 20, 1);
            int[] first = Arrays.copyOf(ids, 6);
            float[] before = decoder.logits(first);
            decoder.logits(ids);
            assertThat(decoder.logits(first)).isEqualTo(before);
        }
    }

    /** LongRoPE has two tables, whichever was asked for before. */
    @Test
    void shortAndLongSequencesHaveTheirOwnFactors() {
        Rope rope = new Rope(10_000, 4, new Scaling.LongRope(List.of(1.0, 2.0), List.of(8.0, 9.0), 10, 1));
        try (var scope = TensorScope.open(); RotaryTable table = new RotaryTable(rope)) {
            for (int length : new int[] {10, 11, 4, 300, 10}) {
                Tensor last = Tensor.of(new long[] {length - 1}, 1);
                double factor = length <= 10 ? 2 : 9;
                float expected = (float) Math.cos((length - 1) * 0.01 / factor);
                assertThat(table.cos(length, last).toFloats()[1]).as("a row, " + length).isCloseTo(expected, within(1e-6f));
                assertThat(table.cos(length).narrow(0, length - 1, 1).toFloats()[1]).as("a table, " + length).isCloseTo(expected, within(1e-6f));
            }
        }
    }

    /** Past the original context each token has angles of its own: those of what is written are found row by row, and no table is remade for them. */
    @Test
    void aTokenPastTheOriginalContextCostsItsOwnRowAlone() {
        Rope rope = new Rope(10_000, 8, new Scaling.Dynamic(2, 16));
        try (var scope = TensorScope.open(); RotaryTable table = new RotaryTable(rope)) {
            Tensor read = table.cos(20);
            for (int length = 21; length < 40; length++) {
                Tensor last = Tensor.of(new long[] {length - 1}, 1);
                float[] cos = table.cos(length, last).toFloats();
                float[] sin = table.sin(length, last).toFloats();
                assertThat(table.cos(20)).as("the table of the prompt stays").isSameAs(read);
                try (RotaryTable whole = new RotaryTable(rope)) {
                    assertThat(cos).isEqualTo(whole.cos(length).narrow(0, length - 1, 1).toFloats());
                    assertThat(sin).isEqualTo(whole.sin(length).narrow(0, length - 1, 1).toFloats());
                }
            }
        }
    }

    /** Up to the original context the angles stay, and the table grows ahead of what is asked for. */
    @Test
    void withinTheOriginalContextTheTableIsNotMadeForEachToken() {
        try (var scope = TensorScope.open(); RotaryTable table = new RotaryTable(new Rope(10_000, 8, new Scaling.Dynamic(2, 200)))) {
            Tensor first = table.cos(5);
            for (int length = 6; length <= 200; length++) {
                assertThat(table.cos(length)).isSameAs(first);
            }
        }
    }
}
