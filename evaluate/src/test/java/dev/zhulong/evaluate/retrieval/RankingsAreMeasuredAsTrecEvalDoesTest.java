package dev.zhulong.evaluate.retrieval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Against values computed by hand from trec_eval's definitions. */
class RankingsAreMeasuredAsTrecEvalDoesTest {
    private static final List<String> RANKED = List.of("a", "b", "c", "d", "e");
    /** x is relevant and was not found; c is worse than not relevant. */
    private static final Map<String, Integer> GRADES = Map.of("a", 0, "b", 2, "c", -1, "d", 1, "x", 3);

    @Test
    void reciprocalRankIsThatOfTheFirstRelevantOne() {
        assertThat(RankingMetrics.reciprocalRank(RANKED, GRADES, 10)).isEqualTo(0.5);
        assertThat(RankingMetrics.reciprocalRank(RANKED, GRADES, 2)).isEqualTo(0.5);
        assertThat(RankingMetrics.reciprocalRank(RANKED, GRADES, 1)).isZero();
        assertThat(RankingMetrics.reciprocalRank(List.of(), GRADES, 10)).isZero();
    }

    @Test
    void recallCountsWhatWasNotFoundToo() {
        assertThat(RankingMetrics.recall(RANKED, GRADES, 3)).isCloseTo(1 / 3.0, within(1e-12));
        assertThat(RankingMetrics.recall(RANKED, GRADES, 5)).isCloseTo(2 / 3.0, within(1e-12));
        assertThat(RankingMetrics.recall(RANKED, Map.of("a", 0), 5)).isZero();
    }

    /** Linear gains over log2(place + 1); the ideal order is over all that was judged: 3, 2, 1. */
    @Test
    void gainsAreDiscountedAndDividedByTheIdeal() {
        double second = 0.6309297535714574;
        double third = 0.5;
        double fourth = 0.43067655807339306;
        double ideal = 3 + 2 * second + third;
        assertThat(RankingMetrics.ndcg(RANKED, GRADES, 3)).isCloseTo(2 * second / ideal, within(1e-12));
        assertThat(RankingMetrics.ndcg(RANKED, GRADES, 5)).isCloseTo((2 * second + fourth) / ideal, within(1e-12));
        // cut at one, the ideal is too
        assertThat(RankingMetrics.ndcg(List.of("d"), GRADES, 1)).isCloseTo(1 / 3.0, within(1e-12));
        assertThat(RankingMetrics.ndcg(List.of("x", "b", "d", "a"), GRADES, 10)).isCloseTo(1, within(1e-12));
        assertThat(RankingMetrics.ndcg(RANKED, Map.of("a", 0), 5)).isZero();
    }

    @Test
    void nearIsWhatTheModelsFilesSay() {
        float[] a = {1, 2};
        float[] b = {3, -1};
        assertThat(RetrievalEvaluation.similarity("dot", a, b)).isEqualTo(1);
        assertThat(RetrievalEvaluation.similarity("cosine", a, b)).isCloseTo(1 / Math.sqrt(50), within(1e-12));
        assertThat(RetrievalEvaluation.similarity("euclidean", a, b)).isCloseTo(-Math.sqrt(13), within(1e-12));
        assertThat(RetrievalEvaluation.similarity("manhattan", a, b)).isEqualTo(-5);
        assertThat(RetrievalEvaluation.similarity("cosine", a, new float[2])).isZero();
    }
}
