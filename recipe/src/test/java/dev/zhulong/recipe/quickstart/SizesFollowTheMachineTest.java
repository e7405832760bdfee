package dev.zhulong.recipe.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SizesFollowTheMachineTest {
    @ParameterizedTest
    @CsvSource({
        "130,     18, 128, 4096",
        "130,     60, 192, 4096",
        "130,    180, 192, 4096",
        "130,    300, 192, 4096",
        "130,    900, 256, 8192",
        "130,   3600, 384, 8192",
        "2000,    10, 192, 4096",
        "2000,   900, 512, 8192",
        "50000,  300, 768, 8192",
        "0.001, 0.01, 128, 4096",
    })
    void widthGrowsWithTheWorkThatFits(double gflops, double seconds, int hidden, int vocabulary) {
        Plan.Shape shape = Sizing.shape(gflops, seconds);
        assertThat(shape.hidden()).isEqualTo(hidden);
        assertThat(shape.vocabulary()).isEqualTo(vocabulary);
        assertThat(shape.hidden() % shape.heads()).isZero();
        assertThat(shape.hidden() / shape.heads() % 2).as("rotary needs an even head").isZero();
    }

    @ParameterizedTest
    @CsvSource({"180, 0.2, 810", "60, 0.1, 540", "18, 0.0625, 259", "1, 5, 1"})
    void stepsFillNineTenthsOfTheTime(double seconds, double secondsPerStep, long steps) {
        assertThat(Sizing.steps(seconds, secondsPerStep)).isEqualTo(steps);
    }

    @ParameterizedTest
    @CsvSource({"1000, 1024, 10000000, 1000", "1000, 1024, 32000, 500", "1000, 1024, 10, 1"})
    void noTextIsReadMoreThanSixteenTimes(long steps, long tokensPerStep, long tokens, long expected) {
        assertThat(Sizing.steps(steps, tokensPerStep, tokens)).isEqualTo(expected);
    }

    @Test
    void aShapeTooSlowForTheTimeGivesWayToASmallerOne() {
        Plan.Shape large = Sizing.shape(50_000, 300);
        assertThat(Sizing.tooLarge(large, 180, 2)).isTrue();
        assertThat(Sizing.tooLarge(large, 180, 0.5)).isFalse();
        assertThat(Sizing.smaller(large).parameters()).isLessThan(large.parameters());
        Plan.Shape smallest = Sizing.shape(1, 1);
        assertThat(Sizing.tooLarge(smallest, 1, 10)).as("nothing smaller is left").isFalse();
    }

    @Test
    void countedWeightsAreTheArchitecturesOwn() {
        Plan.Shape shape = Sizing.shape(130, 180);
        assertThat(shape.parameters()).isEqualTo(dev.zhulong.formats.Parameters.of(shape.spec(shape.vocabulary(), 0, 0)).count());
    }
}
