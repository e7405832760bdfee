package dev.zhulong.evaluate.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LongSegmentsAreCountedWholeTest {
    /** Of n different words there are 4n - 6 different n-grams up to order 4: every number of them around each size of a table. */
    @ParameterizedTest
    @ValueSource(ints = {126, 127, 128, 129, 130, 131, 255, 256, 257, 258, 259, 511, 512, 513, 514, 2000})
    void whateverTheirNumberOfNgrams(int words) {
        var counts = new NgramCounts();
        int[] tokens = IntStream.range(0, words).toArray();
        for (int again = 0; again < 2; again++) {
            counts.clear();
            counts.reference(tokens, words, 4);
            assertThat(counts.matches(tokens, words, 4)).containsExactly(words, words - 1, words - 2, words - 3);
        }
        String text = IntStream.range(0, words).mapToObj(i -> "w" + i).collect(Collectors.joining(" "));
        assertThat(TextMetric.of("bleu", TextMetric.Settings.DEFAULT).sentence(Segment.of(text, text)).getFirst().estimate().value())
                .isCloseTo(100, within(1e-9));
    }

    /** Each prefix adds one n-gram at a time, so that a table is left full to the brim. */
    @ParameterizedTest
    @ValueSource(ints = {510, 511, 512, 513, 1023, 1024, 1025, 2048, 2049})
    void whateverTheirNumberOfWords(int words) {
        var counts = new NgramCounts();
        int[] tokens = IntStream.range(0, words).toArray();
        counts.reference(tokens, words, 1);
        assertThat(counts.matches(tokens, words, 1)).containsExactly(words);
        counts.clear();
        assertThat(counts.matches(tokens, words, 1)).containsExactly(0);
    }
}
