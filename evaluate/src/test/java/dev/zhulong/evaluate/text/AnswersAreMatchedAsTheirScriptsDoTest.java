package dev.zhulong.evaluate.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

class AnswersAreMatchedAsTheirScriptsDoTest {
    @Test
    void squadsManner() {
        for (JsonNode one : Fixture.METRICS.get("squad")) {
            var segment = new Segment(one.get("answer").asText(), Fixture.strings(one.get("references")));
            assertThat(AnswerMatch.SQUAD.exactMatch(segment)).as(one.toString()).isEqualTo(one.get("em").asDouble());
            assertThat(AnswerMatch.SQUAD.f1(segment)).as(one.toString()).isCloseTo(one.get("f1").asDouble(), within(1e-12));
        }
    }

    @Test
    void cmrcsManner() {
        assertThat(AnswerMatch.CMRC.exactMatch(Segment.of("《红楼梦》。", "红楼梦"))).isEqualTo(1);
        // longest common run 红楼梦 of 4 and 3 tokens
        assertThat(AnswerMatch.CMRC.f1(Segment.of("是红楼梦", "红楼梦"))).isCloseTo(2 * 0.75 / 1.75, within(1e-12));
        // 1987 is one token beside 年
        assertThat(AnswerMatch.CMRC.f1(Segment.of("1987年", "1987"))).isCloseTo(2.0 / 3, within(1e-12));
        assertThat(AnswerMatch.CMRC.f1(Segment.of("", "红"))).isZero();
    }

    /** Chinese and other characters, punctuation of both kinds, numbers, clitics, and what Java and Python take for letters and spaces. */
    @Test
    void mixedTextsOfBothManners() {
        for (AnswerMatch manner : AnswerMatch.values()) {
            JsonNode all = Fixture.ANSWERS.get(manner.name().toLowerCase(Locale.ROOT));
            assertThat(all).hasSizeGreaterThanOrEqualTo(400);
            for (JsonNode one : all) {
                var segment = new Segment(one.get("answer").asText(), Fixture.strings(one.get("references")));
                assertThat(manner.exactMatch(segment)).as(manner + " " + one).isEqualTo(one.get("em").asDouble());
                assertThat(manner.f1(segment)).as(manner + " " + one).isCloseTo(one.get("f1").asDouble(), within(1e-12));
            }
        }
    }

    @Test
    void wordsAreNltks() {
        for (JsonNode one : Fixture.ANSWERS.get("words")) {
            assertThat(TreebankWords.of(one.get("text").asText())).as(one.toString()).isEqualTo(Fixture.strings(one.get("words")));
        }
    }

    @Test
    void classesByHand() {
        var result = Classification.of(List.of("a", "a", "b", "c", "b"), List.of("a", "b", "b", "b", "b"));
        assertThat(result.accuracy().value()).isCloseTo(0.6, within(1e-12));
        assertThat(result.classes().get("a").f1()).isCloseTo(2.0 / 3, within(1e-12));
        assertThat(result.classes().get("b").f1()).isCloseTo(2.0 / 3, within(1e-12));
        assertThat(result.classes().get("c").f1()).isZero();
        assertThat(result.macroF1()).isCloseTo(4.0 / 9, within(1e-12));
        assertThat(result.weighted()).isCloseTo(2.0 / 3, within(1e-12));
        // (3·5 − (2·1 + 2·4)) / √((25 − 9)(25 − 17))
        assertThat(result.matthews()).isCloseTo(5 / Math.sqrt(16 * 8), within(1e-12));
        assertThat(Classification.of(List.of("a"), List.of("a")).matthews()).isZero();
        assertThatThrownBy(() -> Classification.of(List.of("a"), List.of())).hasMessageContaining("1 hypotheses but 0 lines");
    }

    @Test
    void anEntityCountsWholeAndOfItsType() {
        List<List<String>> right = List.of(List.of("B-PER", "I-PER", "O", "B-LOC"), List.of("S-ORG", "O", "B-ORG", "E-ORG"));
        assertThat(Entities.of(right, right).micro().f1()).isEqualTo(1);
        var half = Entities.of(List.of(List.of("B-PER", "O", "O", "B-LOC"), List.of("S-ORG", "O", "B-LOC", "E-LOC")), right);
        assertThat(half.micro()).isEqualTo(new Classification.Class(4, 4, 2));
        assertThat(half.types().get("PER").f1()).isZero();
        assertThat(half.types().get("LOC")).isEqualTo(new Classification.Class(1, 2, 1));
        // as conlleval reads it, an I- without a B- begins an entity, and so does a change of type
        assertThat(Entities.of(List.of(List.of("I-PER", "I-LOC")), List.of(List.of("B-PER", "B-LOC"))).micro().f1()).isEqualTo(1);
        // two entities side by side are two
        assertThat(Entities.of(List.of(List.of("B-PER", "I-PER")), List.of(List.of("B-PER", "B-PER"))).micro().hits()).isZero();
        assertThatThrownBy(() -> Entities.of(List.of(List.of("O")), List.of(List.of("O", "O")))).hasMessageContaining("sentence 1 has 1 tags");
    }
}
