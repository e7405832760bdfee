package dev.zhulong.infer.speech;

import static dev.zhulong.infer.speech.TinySpeechModel.END;
import static dev.zhulong.infer.speech.TinySpeechModel.FIRST_TIME;
import static dev.zhulong.infer.speech.TinySpeechModel.NO_TIMES;
import static dev.zhulong.infer.speech.TinySpeechModel.POSITIONS;
import static dev.zhulong.infer.speech.TinySpeechModel.VOCAB;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Rules of times, and where windows are cut by them. */
class TimesComeInPairsAndRiseTest {
    private static final SpeechTokens TOKENS = new SpeechTokens(257, END, 262, 261, NO_TIMES, 264, 263, FIRST_TIME, POSITIONS + 1, Map.of("en", 258), List.of(1, 263), List.of(220, END),
            OptionalInt.of(10), List.of());

    private static int at(int time) {
        return FIRST_TIME + time;
    }

    /** Ids that are still possible, where each text token alone is likelier than all times together. */
    private static List<Integer> allowed(boolean withTimes, Integer... written) {
        float[] logits = new float[VOCAB];
        for (int id = 0; id < FIRST_TIME; id++) {
            logits[id] = 10;
        }
        new SpeechRules(TOKENS, withTimes).apply(logits, List.of(written));
        return IntStream.range(0, VOCAB).filter(id -> logits[id] > Float.NEGATIVE_INFINITY).boxed().toList();
    }

    @Test
    void theFirstIsATimeNearTheBeginning() {
        assertThat(allowed(true)).containsExactlyElementsOf(IntStream.rangeClosed(at(0), at(10)).boxed().toList());
    }

    @Test
    void textFollowsATimeThatBegins() {
        assertThat(allowed(true, at(3))).contains(0, 220, END).doesNotContain(1, 263, NO_TIMES).allMatch(id -> id < FIRST_TIME);
    }

    @Test
    void afterATimeThatEndsAnotherOrTheEndFollows() {
        assertThat(allowed(true, at(3), 65, at(9))).contains(END, at(9), at(POSITIONS)).doesNotContain(65, 0).noneMatch(id -> id >= FIRST_TIME && id < at(9));
    }

    @Test
    void timesRise() {
        assertThat(allowed(true, at(3), 65)).contains(66, END, at(4)).doesNotContain(at(3), at(2));
        assertThat(allowed(true, at(3), 65, at(9), at(9), 66)).contains(at(10)).doesNotContain(at(9));
    }

    @Test
    void aTimeComesWhereAllTogetherAreLikelierThanAnyText() {
        float[] logits = new float[VOCAB];
        logits[65] = 3;
        new SpeechRules(TOKENS, true).apply(logits, List.of(at(0), 65));
        // fifty times of logit 0 are e^3.9
        assertThat(logits[65]).isEqualTo(Float.NEGATIVE_INFINITY);
        logits = new float[VOCAB];
        logits[65] = 5;
        new SpeechRules(TOKENS, true).apply(logits, List.of(at(0), 65));
        assertThat(logits[65]).isEqualTo(5);
    }

    @Test
    void withoutTimesOnlyWhatIsSuppressedIsMissing() {
        assertThat(allowed(false)).hasSize(VOCAB - 4).doesNotContain(1, 263, 220, END);
        assertThat(allowed(false, 65)).hasSize(VOCAB - 2);
    }

    private static Cut cut(int length, Integer... ids) {
        return Cut.of(List.of(ids), TOKENS, length, true);
    }

    /** Frames are half as long as the steps of times. */
    @Test
    void aWindowIsCutWhereTwoTimesMeet() {
        Cut cut = cut(100, at(0), 65, at(10), at(12), 66, at(30), at(30), 67);
        assertThat(cut.pieces()).extracting(Cut.Piece::from).containsExactly(0, 24);
        assertThat(cut.pieces()).extracting(Cut.Piece::to).containsExactly(20, 60);
        // what is unfinished is heard again
        assertThat(cut.frames()).isEqualTo(60);
    }

    @Test
    void aSingleTimeAtTheEndEndsTheWindow() {
        Cut cut = cut(100, at(0), 65, at(10), at(12), 66, at(30));
        assertThat(cut.pieces()).hasSize(2);
        assertThat(cut.frames()).isEqualTo(100);
        assertThat(cut(100, at(1), 65, at(30)).pieces()).containsExactly(new Cut.Piece(2, 60, List.of(at(1), 65, at(30))));
    }

    @Test
    void withoutAPairAllIsOneSegment() {
        assertThat(cut(90, at(0), 65)).isEqualTo(new Cut(List.of(new Cut.Piece(0, 90, List.of(at(0), 65))), 90));
        assertThat(cut(90)).isEqualTo(new Cut(List.of(new Cut.Piece(0, 90, List.of())), 90));
    }

    /** A window must not be heard for ever: what ends where it began takes the whole of it. */
    @Test
    void windowsAlwaysGoOn() {
        assertThat(cut(100, at(0), 65, at(0), at(0), 66).frames()).isEqualTo(100);
        var random = new java.util.SplittableRandom(3);
        for (int i = 0; i < 2000; i++) {
            List<Integer> ids = new ArrayList<>();
            for (int j = random.nextInt(12); j > 0; j--) {
                ids.add(random.nextInt(3) == 0 ? 65 : at(random.nextInt(POSITIONS + 1)));
            }
            int length = 1 + random.nextInt(100);
            Cut cut = Cut.of(ids, TOKENS, length, true);
            assertThat(cut.frames()).isBetween(1, length);
            assertThat(cut.pieces()).allMatch(piece -> piece.to() <= length);
        }
    }
}
