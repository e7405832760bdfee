package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class SizesAreReadAsPeopleWriteThemTest {
    @Test
    void inUnitsOfAThousand() {
        assertThat(Sizes.parse("800MB")).isEqualTo(800_000_000);
        assertThat(Sizes.parse("1.5 gb")).isEqualTo(1_500_000_000);
        assertThat(Sizes.parse("12.3k")).isEqualTo(12_300);
        assertThat(Sizes.parse("1200000")).isEqualTo(1_200_000);
        assertThat(Sizes.parse(Sizes.of(512))).isEqualTo(512);
        for (String wrong : List.of("", "MB", "-1MB", "1,5GB", "1e9", "5 PB", "1.MB")) {
            assertThatThrownBy(() -> Sizes.parse(wrong)).as(wrong).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("800MB");
        }
    }
}
