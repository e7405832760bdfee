package dev.zhulong.recipe.scale;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TheLawOfALadderIsFoundAgainTest {
    private static final Law TRUE = new Law(1.69, 406.4, 0.34, 410.7, 0.28);

    private static List<Point> points(Law law, double noise, int seed) {
        var random = new Random(seed);
        List<Point> points = new ArrayList<>();
        for (long weights : new long[] {100_000, 400_000, 1_600_000, 6_400_000}) {
            for (long tokens : new long[] {500_000, 2_000_000, 8_000_000, 32_000_000}) {
                points.add(new Point(new Rung(32, 1, tokens), weights, tokens, law.loss(weights, tokens) * (1 + noise * random.nextGaussian()), 1));
            }
        }
        return points;
    }

    @Test
    void withoutNoiseExactly() {
        Law law = Law.fit(points(TRUE, 0, 1));
        assertThat(law.alpha()).isCloseTo(TRUE.alpha(), within(2e-3));
        assertThat(law.beta()).isCloseTo(TRUE.beta(), within(2e-3));
        assertThat(law.floor()).isCloseTo(TRUE.floor(), within(0.03));
        assertThat(law.loss(100e6, 1e9)).isCloseTo(TRUE.loss(100e6, 1e9), within(0.01));
    }

    /** Nine in ten, of ladders that differ in their noise alone; of five ladders, three is what chance leaves. */
    @Test
    void withNoiseItsIntervalsHoldTheTruth() {
        int[] held = new int[3];
        for (int seed = 0; seed < 5; seed++) {
            FittedLaw fitted = FittedLaw.of(points(TRUE, 0.003, seed));
            assertThat(fitted.spread()).isBetween(0.001, 0.006);
            held[0] += fitted.interval(Law::alpha).holds(TRUE.alpha()) ? 1 : 0;
            held[1] += fitted.interval(Law::beta).holds(TRUE.beta()) ? 1 : 0;
            Interval prediction = fitted.prediction(25e6, 100e6);
            held[2] += prediction.holds(TRUE.loss(25e6, 100e6)) ? 1 : 0;
            // and are no wider than they need be
            assertThat(prediction.high() - prediction.low()).isLessThan(0.5);
        }
        assertThat(Arrays.stream(held).min().getAsInt()).as(Arrays.toString(held)).isGreaterThanOrEqualTo(3);
    }

    @Test
    void noNumberOfItIsNegative() {
        // losses that do not depend on the weights at all
        Law law = Law.fit(points(new Law(2, 0, 0.3, 300, 0.3), 0, 1));
        assertThat(law.a()).isZero();
        assertThat(law.floor()).isCloseTo(2, within(0.02));
    }

    /** Sizes that make no difference tell no exponent, and the report does not pretend that they do. */
    @Test
    void whatALadderDoesNotTellIsSaid() {
        String open = "the exponent of N reaches the end";
        assertThat(lines(points(new Law(2, 0, 0.3, 300, 0.3), 0.003, 1))).contains(open).doesNotContain("the exponent of D reaches");
        assertThat(lines(points(TRUE, 0.003, 1))).doesNotContain("reaches the end");
    }

    private static String lines(List<Point> points) {
        Point last = points.removeLast();
        return String.join("\n", Report.lines(new Scale.Result(points, last, FittedLaw.of(points), 1e9), new Means(0, 0, 0, 0, 0)));
    }

    @Test
    void tooFewModelsAreRefused() {
        assertThatThrownBy(() -> Law.fit(points(TRUE, 0, 1).subList(0, 4))).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("there are 4");
        assertThatThrownBy(() -> Law.fit(points(TRUE, 0, 1).stream().filter(p -> p.weights() == 100_000 || p.tokens() < 0).toList())).isInstanceOf(IllegalArgumentException.class);
    }

    /** Hoffmann et al. 2022, equation 4: where the derivative along equal operations is 0. */
    @Test
    void whatABudgetBuysIsTheClosedFormsOptimum() {
        double rate = 1e12;
        Purchase best = Purchase.best(TRUE, 10, rate);
        double operations = 10 * 3600 * rate;
        double g = Math.pow(TRUE.alpha() * TRUE.a() / (TRUE.beta() * TRUE.b()), 1 / (TRUE.alpha() + TRUE.beta()));
        double weights = g * Math.pow(operations / 6, TRUE.beta() / (TRUE.alpha() + TRUE.beta()));
        assertThat(best.weights() / weights).isCloseTo(1, within(0.02));
        assertThat(6 * best.weights() * best.tokens()).isCloseTo(operations, within(operations * 1e-9));
        assertThat(Purchase.best(TRUE, 20, rate).loss()).isLessThan(best.loss());
    }

    @Test
    void theTightestOfSeveralLimitsCounts() {
        assertThat(new Means(10, 4, 0, 1, 0).allowed()).isEqualTo(4);
        assertThat(new Means(10, 0, 0.5, 0, 100).allowed()).isEqualTo(5);
        assertThatThrownBy(() -> new Means(0, 4, 0, 0, 0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("--price");
        assertThatThrownBy(() -> new Means(0, 0, 4, 0, 0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("--watts");
    }

    @Test
    void modelsAreWrittenAsTheyAreRead() {
        assertThat(Rung.parse("256x6@4M")).isEqualTo(new Rung(256, 6, 4_000_000));
        assertThat(Rung.parse(Rung.parse("64x2@1.5k").toString())).isEqualTo(new Rung(64, 2, 1500));
        for (String wrong : new String[] {"", "256", "256x6", "x@1", "256x6@", "256x6@-1", "256x6@4Q", "99999999999x1@1", "256x6@99999999999999999999"}) {
            assertThatThrownBy(() -> Rung.parse(wrong)).as(wrong).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("expected a");
        }
    }
}
