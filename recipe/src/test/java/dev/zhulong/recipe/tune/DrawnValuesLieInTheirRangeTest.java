package dev.zhulong.recipe.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.yaml.RecipeException;
import dev.zhulong.formats.yaml.RecipeReader;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Scale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DrawnValuesLieInTheirRangeTest {
    private static Space read(String yaml) {
        return RecipeReader.read(yaml, "space", Space.class, List.of());
    }

    @Property(tries = 200)
    void neverOutside(@ForAll @Scale(8) @DoubleRange(min = 1e-6, max = 1e3) double from, @ForAll @DoubleRange(min = 1, max = 1e4) double factor,
            @ForAll boolean log, @ForAll long seed) {
        double to = from * factor;
        var range = new Space.Range(Optional.of(from), Optional.of(to), log, false, List.of());
        var random = new SplittableRandom(seed);
        for (int i = 0; i < 20; i++) {
            assertThat(Double.parseDouble(range.draw(random))).isBetween(from, to);
        }
    }

    @Test
    void aLogarithmicRangeHasItsMedianAtTheGeometricMean() {
        var range = new Space.Range(Optional.of(1e-4), Optional.of(1e-2), true, false, List.of());
        var random = new SplittableRandom(3);
        double[] drawn = DoubleStream.generate(() -> Double.parseDouble(range.draw(random))).limit(4001).sorted().toArray();
        assertThat(drawn[2000]).isBetween(0.85e-3, 1.18e-3);
    }

    @Test
    void wholeNumbersReachBothEnds() {
        var range = new Space.Range(Optional.of(2.0), Optional.of(5.0), false, true, List.of());
        var random = new SplittableRandom(3);
        Set<String> seen = new HashSet<>();
        for (int i = 0; i < 300; i++) {
            seen.add(range.draw(random));
        }
        assertThat(seen).containsExactlyInAnyOrder("2", "3", "4", "5");
    }

    @Test
    void theSameDrawGivesTheSameValues() {
        Space space = read("fields:\n  train.lr: {from: 1e-4, to: 1e-2, log: true}\n  train.batch: {of: [8, 16]}\n");
        assertThat(space.draw(7)).isEqualTo(space.draw(7)).isNotEqualTo(space.draw(8));
        assertThat(space.draw(7).get(1)).matches("train.batch=(8|16)");
    }

    @Test
    void roundsGrowByTheFactorAndTheLastIsWhole() {
        Space space = read("{}");
        assertThat(new long[] {space.steps(0, 900), space.steps(1, 900), space.steps(2, 900)}).containsExactly(100, 300, 900);
        assertThat(space.passing(9)).isEqualTo(3);
        assertThat(space.passing(2)).isEqualTo(1);
        assertThat(read("method: random").steps(0, 900)).isEqualTo(900);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {from: 1}                          | expected either from and to
            {}                                 | expected either from and to
            {from: 1, to: 2, of: [3]}          | expected either from and to
            {from: 2, to: 1}                   | above to
            {from: 0, to: 1, log: true}        | log needs from above 0
            {from: 1.2, to: 1.8, whole: true}  | no whole number
            {form: 1, to: 2}                   | did you mean from?
            """)
    void aRangeThatSaysNothingIsRefused(String range, String message) {
        assertThatThrownBy(() -> read("fields:\n  train.lr: " + range)).isInstanceOf(RecipeException.class).hasMessageContaining(message);
    }

    @Test
    void halvingDealsOutTheStepsItself() {
        assertThatThrownBy(() -> read("fields:\n  train.steps: {of: [10, 20]}")).hasMessageContaining("method: random");
    }
}
