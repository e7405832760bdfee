package dev.zhulong.evaluate.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;

/** Trap 70: ROUGE-L and ROUGE-Lsum are two numbers. */
class RougeEqualsRougeScoreTest {
    @Test
    void everyScoreIsRougeScores() {
        for (JsonNode one : Fixture.METRICS.get("rouge")) {
            Segment segment = Segment.of(one.get("hypothesis").asText(), one.get("reference").asText());
            for (boolean stemmer : new boolean[] {false, true}) {
                for (Rouge.Kind kind : Rouge.Kind.values()) {
                    JsonNode wanted = one.get(stemmer ? "stemmed" : "plain").get(kind.id());
                    var score = new Rouge(Rouge.Tokens.ENGLISH, stemmer).score(kind, segment);
                    assertThat(new double[] {score.precision(), score.recall(), score.f1()}).as("%s of %s, stemmer %s", kind.id(), one, stemmer)
                            .containsExactly(new double[] {wanted.get(0).asDouble(), wanted.get(1).asDouble(), wanted.get(2).asDouble()},
                                    within(1e-12));
                }
            }
        }
    }

    @Test
    void stemsAreNltks() {
        for (var stem : Fixture.METRICS.get("stems").properties()) {
            assertThat(PorterStemmer.stem(stem.getKey())).as(stem.getKey()).isEqualTo(stem.getValue().asText());
        }
    }

    @Test
    void linesAreSentencesForLsumAlone() {
        Segment swapped = Segment.of("the boats come in\nthe keeper lights the lamp", "the keeper lights the lamp\nthe boats come in");
        assertThat(Rouge.DEFAULT.score(Rouge.Kind.ROUGE_LSUM, swapped).f1()).isEqualTo(1);
        assertThat(Rouge.DEFAULT.score(Rouge.Kind.ROUGE_L, swapped).f1()).isCloseTo(5.0 / 9, within(1e-12));
    }

    @Test
    void theBestReferenceCounts() {
        assertThat(Rouge.DEFAULT.score(Rouge.Kind.ROUGE_1, Segment.of("a lamp", "boats", "a lamp")).f1()).isEqualTo(1);
    }

    @Test
    void chineseIsReadCharacterByCharacter() {
        var rouge = new Rouge(Rouge.Tokens.CHINESE, false);
        assertThat(rouge.tokens("守灯人，GPT-4。")).containsExactly("守", "灯", "人", "gpt", "4");
        assertThat(rouge.score(Rouge.Kind.ROUGE_1, Segment.of("守灯人点灯", "守灯人看海")).f1()).isCloseTo(0.6, within(1e-12));
        assertThat(Rouge.DEFAULT.tokens("守灯人")).isEmpty();
        assertThat(rouge.signature()).isNotEqualTo(Rouge.DEFAULT.signature());
        assertThatThrownBy(() -> new Rouge(Rouge.Tokens.CHINESE, true)).hasMessageContaining("stemmer");
    }
}
