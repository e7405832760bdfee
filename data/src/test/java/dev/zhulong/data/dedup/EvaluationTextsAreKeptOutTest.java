package dev.zhulong.data.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.document.CleaningStep.Decision;
import dev.zhulong.data.document.Document;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class EvaluationTextsAreKeptOutTest {
    private static final String QUESTION = "Which of the following planets has the greatest number of known moons in the solar system today?";

    private static boolean dropped(Decontaminate step, String text) {
        return step.apply(new Document("d", text)) instanceof Decision.Drop;
    }

    @Test
    void thirteenWordsInARowAreAnOverlapWhateverTheirCaseAndPunctuation() {
        var step = new Decontaminate(Stream.of(QUESTION), 13);
        assertThat(dropped(step, "Quiz! which -- OF the following, planets has the greatest number of known\nmoons: in short?")).isTrue();
        assertThat(dropped(step, "which of the following planets has the greatest number of known rings")).isFalse();
        assertThat(dropped(step, "the greatest number of known moons in the solar system today which of the following planets")).isFalse();
    }

    @Test
    void chineseIsMatchedByCharacters() {
        var step = new Decontaminate(Stream.of("下列哪一颗行星在太阳系中拥有最多的已知卫星？"), 13);
        assertThat(dropped(step, "题目：下列哪一颗行星在太阳系中拥有最多卫星")).isTrue();
        assertThat(dropped(step, "下列哪一颗行星离太阳最近，太阳系中拥有几颗行星")).isFalse();
    }

    @Test
    void shortEvaluationTextsMatchWholeOrAreCounted() {
        var step = new Decontaminate(Stream.of("one two three four five six seven eight nine", "too short"), 13);
        assertThat(dropped(step, "count: one two three four five six seven eight nine ten")).isTrue();
        assertThat(dropped(step, "one two three four five six seven eight ten too short")).isFalse();
        assertThat(step.texts()).isEqualTo(2);
        assertThat(step.tooShort()).isEqualTo(1);
    }
}
