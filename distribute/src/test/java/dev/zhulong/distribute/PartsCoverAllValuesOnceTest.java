package dev.zhulong.distribute;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PartsCoverAllValuesOnceTest {
    @ParameterizedTest
    @CsvSource({"0,4", "1,4", "57,2", "64,2", "65,2", "100003,3", "4611686018427387904,3"})
    void andBeginAtMultiplesOfSixtyFour(long values, int ranks) {
        var parts = new Parts(values, ranks);
        assertThat(parts.begin(0)).isZero();
        assertThat(parts.begin(ranks)).isEqualTo(values);
        long longest = 0;
        long shortest = Long.MAX_VALUE;
        for (int rank = 0; rank < ranks; rank++) {
            assertThat(parts.length(rank)).isNotNegative();
            assertThat(parts.begin(rank) % 64 == 0 || parts.begin(rank) == values).isTrue();
            longest = Math.max(longest, parts.length(rank));
            shortest = Math.min(shortest, parts.length(rank));
        }
        assertThat(longest - shortest).isLessThan(128);
    }
}
