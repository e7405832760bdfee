package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class StopStringsNeverReachTheConsumerTest {
    @Test
    void aStopSplitOverManyPiecesIsCutOut() {
        var stops = new StopStrings(List.of("\nUser:"));
        assertThat(stops.push("Hi.\n")).isEqualTo("Hi.");
        assertThat(stops.push("Us")).isEmpty();
        assertThat(stops.push("er")).isEmpty();
        assertThat(stops.push(": more")).isEmpty();
        assertThat(stops.found()).isTrue();
        assertThat(stops.flush()).isEmpty();
    }

    @Test
    void whatOnlyLookedLikeAStopIsGivenBack() {
        var stops = new StopStrings(List.of("aab"));
        assertThat(stops.push("a")).isEmpty();
        assertThat(stops.push("a")).isEmpty();
        assertThat(stops.push("a")).isEqualTo("a"); // the last two may still begin "aab"
        assertThat(stops.push("c")).isEqualTo("aac");
        assertThat(stops.push("x a")).isEqualTo("x ");
        assertThat(stops.flush()).isEqualTo("a");
        assertThat(stops.found()).isFalse();
    }

    @Property(tries = 2000)
    void cutsAtTheFirstStopHoweverTheTextIsCut(@ForAll long seed) {
        var random = new SplittableRandom(seed);
        String text = word(random, random.nextInt(40));
        var list = List.of(word(random, 1 + random.nextInt(4)), word(random, 1 + random.nextInt(4)));
        var stops = new StopStrings(list);
        var out = new StringBuilder();
        for (int at = 0; at < text.length(); ) {
            int end = Math.min(text.length(), at + 1 + random.nextInt(5));
            out.append(stops.push(text.substring(at, end)));
            at = end;
        }
        out.append(stops.flush());
        String expected = text;
        search:
        for (int end = 1; end <= text.length(); end++) {
            for (int start = 0; start < end; start++) {
                if (list.contains(text.substring(start, end))) {
                    expected = text.substring(0, start);
                    break search;
                }
            }
        }
        assertThat(out.toString()).isEqualTo(expected);
        assertThat(stops.found()).isEqualTo(!expected.equals(text));
    }

    private static String word(SplittableRandom random, int length) {
        var word = new StringBuilder();
        for (int i = 0; i < length; i++) {
            word.append((char) ('a' + random.nextInt(3)));
        }
        return word.toString();
    }
}
