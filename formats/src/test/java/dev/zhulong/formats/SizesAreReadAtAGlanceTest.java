package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SizesAreReadAtAGlanceTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0 bytes", "1, 1 bytes", "999, 999 bytes", "1000, 1.0 kB", "1049, 1.0 kB", "99949, 99.9 kB", "99950, 100 kB", "999499, 999 kB", "999500, 1.0 MB",
        "150000000, 150 MB", "1500000000, 1.5 GB", "139000000000, 139 GB", "2000000000000, 2.0 TB", "9223372036854775807, 9223372 TB",
    })
    void inThreeDigitsAndTheUnitThatFits(long bytes, String expected) {
        assertThat(Sizes.of(bytes)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"0, 0.0 MB", "564000, 0.6 MB", "1500000, 1.5 MB", "24000000000, 24.0 GB"})
    void memoryIsInMegabytesAtLeast(long bytes, String expected) {
        assertThat(Sizes.memory(bytes)).isEqualTo(expected);
    }
}
