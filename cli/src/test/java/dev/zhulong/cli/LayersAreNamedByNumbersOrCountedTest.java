package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LayersAreNamedByNumbersOrCountedTest {
    @Test
    void aNumberAloneCounts() {
        assertThat(LayerNumbers.parse(" 4 ")).isEqualTo(new LayerNumbers(Optional.of(4), List.of()));
    }

    @Test
    void listsAndRangesName() {
        assertThat(LayerNumbers.parse("0,1, 4,5").these()).containsExactly(0, 1, 4, 5);
        assertThat(LayerNumbers.parse("0-0")).isEqualTo(new LayerNumbers(Optional.empty(), List.of(0)));
        assertThat(LayerNumbers.parse("0-3,11").these()).containsExactly(0, 1, 2, 3, 11);
        assertThat(LayerNumbers.parse("3,").these()).containsExactly(3);
    }

    @ValueSource(strings = {"", ",", "a", "-1", "1-", "5-2", "0;1", "0,,1", "1.5", "12345678"})
    @ParameterizedTest
    void anythingElseIsRefusedWithWhatIsExpected(String text) {
        assertThatThrownBy(() -> LayerNumbers.parse(text)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("0-0").hasMessageContaining("'" + text + "'");
    }
}
