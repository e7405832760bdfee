package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Chi-square of drawn counts against probabilities written out by hand for a distribution of six tokens. */
class SamplerDrawsTheStatedDistributionTest {
    /** 0.40 0.25 0.15 0.10 0.06 0.04, not in order of id. */
    private static final double[] P = {0.10, 0.40, 0.04, 0.25, 0.06, 0.15};
    private static final int DRAWS = 200_000;

    @Test
    void unfiltered() {
        check(SamplerOptions.DEFAULT, P);
    }

    @Test
    void temperatureSharpensAndFlattens() {
        check(SamplerOptions.DEFAULT.withTemperature(0.5), power(P, 2));
        check(SamplerOptions.DEFAULT.withTemperature(2), power(P, 0.5));
    }

    @Test
    void topKKeepsTheMostLikely() {
        check(SamplerOptions.DEFAULT.withTopK(3), 0, 0.40, 0, 0.25, 0, 0.15);
    }

    @Test
    void topPKeepsTheTokenThatCrossesIt() {
        check(SamplerOptions.DEFAULT.withTopP(0.7), 0, 0.40, 0, 0.25, 0, 0.15);
        check(SamplerOptions.DEFAULT.withTopP(0.64), 0, 0.40, 0, 0.25, 0, 0);
    }

    @Test
    void topPIsMeasuredAfterTopK() {
        // Of the three kept, 0.40 and 0.25 are 0.8125 of the mass; of all six they would be only 0.65.
        check(SamplerOptions.DEFAULT.withTopK(3).withTopP(0.8), 0, 0.40, 0, 0.25, 0, 0);
    }

    @Test
    void minPIsAShareOfTheMostLikely() {
        check(SamplerOptions.DEFAULT.withMinP(0.2), 0.10, 0.40, 0, 0.25, 0, 0.15);
    }

    @Test
    void minPComesAfterTopPAndTemperature() {
        // Squared: 0.16 0.0625 0.0225 ...; 0.9 of the mass needs three, min-p 0.2 leaves two of them.
        check(SamplerOptions.DEFAULT.withTemperature(0.5).withTopP(0.9).withMinP(0.2), 0, 0.16, 0, 0.0625, 0, 0);
    }

    @Test
    void typicalKeepsWhatIsNearestToTheEntropy() {
        // Entropy 1.538; distances from it: 0.40 0.62, 0.25 0.15, 0.15 0.36, 0.10 0.76, 0.06 1.27, 0.04 1.68.
        check(SamplerOptions.DEFAULT.withTypicalP(0.2), 0, 0, 0, 0.25, 0, 0);
        check(SamplerOptions.DEFAULT.withTypicalP(0.39), 0, 0, 0, 0.25, 0, 0.15);
        check(SamplerOptions.DEFAULT.withTypicalP(0.79), 0, 0.40, 0, 0.25, 0, 0.15);
        check(SamplerOptions.DEFAULT.withTypicalP(0), 0, 0, 0, 0.25, 0, 0);
    }

    @Test
    void logitBiasIsAddedToTheLogit() {
        check(SamplerOptions.DEFAULT.withLogitBias(Map.of(1, Math.log(0.5), 2, Math.log(5))), 0.10, 0.20, 0.20, 0.25, 0.06, 0.15);
        check(SamplerOptions.DEFAULT.withLogitBias(Map.of(1, -100.0)), 0.10, 0, 0.04, 0.25, 0.06, 0.15);
    }

    @Test
    void repetitionPenaltyActsOnLogitsOfBothSigns() {
        float[] logits = {1f, -1f, 0.5f};
        var options = SamplerOptions.DEFAULT.withRepetitionPenalty(2);
        double[] expected = {Math.exp(0.5), Math.exp(-2), Math.exp(0.5)};
        int[] counts = new int[3];
        for (int i = 0; i < DRAWS; i++) {
            var sampler = new Sampler(options, 3, i);
            sampler.see(new int[] {0, 1, 0, 0}); // once is enough: a token is penalised once however often it stands there
            counts[sampler.next(logits)]++;
        }
        assertFits(counts, expected);
    }

    @Test
    void aDrawnTokenIsPenalisedFromThenOn() {
        var sampler = new Sampler(SamplerOptions.GREEDY.withRepetitionPenalty(3), 3, 0);
        float[] logits = {2f, 1.5f, 1f};
        assertThat(new int[] {sampler.next(logits), sampler.next(logits), sampler.next(logits), sampler.next(logits)})
                .containsExactly(0, 1, 2, 0);
        assertThat(logits).containsExactly(2f, 1.5f, 1f);
    }

    private static void check(SamplerOptions options, double... expected) {
        float[] logits = new float[P.length];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) (Math.log(P[i]) + 3);
        }
        int[] counts = new int[P.length];
        var sampler = new Sampler(options.withSeed(7), P.length, 0);
        for (int i = 0; i < DRAWS; i++) {
            counts[sampler.next(logits)]++;
        }
        assertFits(counts, expected);
    }

    private static void assertFits(int[] counts, double[] expected) {
        double total = Arrays.stream(expected).sum();
        int draws = Arrays.stream(counts).sum();
        double chiSquare = 0;
        for (int i = 0; i < counts.length; i++) {
            double mean = draws * expected[i] / total;
            if (mean == 0) {
                assertThat(counts[i]).as("token %d is filtered out", i).isZero();
            } else {
                chiSquare += (counts[i] - mean) * (counts[i] - mean) / mean;
            }
        }
        // 25.7 is passed once in 10,000 with five degrees of freedom; fewer make it rarer. The seeds are fixed.
        assertThat(chiSquare).as(Arrays.toString(counts)).isLessThan(25.7);
    }

    private static double[] power(double[] p, double exponent) {
        return Arrays.stream(p).map(x -> Math.pow(x, exponent)).toArray();
    }
}
