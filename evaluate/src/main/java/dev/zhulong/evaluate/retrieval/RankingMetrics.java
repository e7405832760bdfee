package dev.zhulong.evaluate.retrieval;

import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Measures of one ranking, by trec_eval's definitions, as pytrec_eval and BEIR compute them. A document is relevant where its grade is above 0; one that was
 * not judged has grade 0.
 */
public final class RankingMetrics {
    private RankingMetrics() {}

    /**
     * One over the place of the first relevant document among the first {@code k}; 0 where there is none.
     *
     * @param ranked ids, the best first
     * @param grades by id
     */
    public static double reciprocalRank(List<String> ranked, Map<String, Integer> grades, int k) {
        for (int i = 0; i < Math.min(k, ranked.size()); i++) {
            if (grades.getOrDefault(ranked.get(i), 0) > 0) {
                return 1.0 / (i + 1);
            }
        }
        return 0;
    }

    /** Relevant documents among the first {@code k} over all that are relevant; 0 where none is. */
    public static double recall(List<String> ranked, Map<String, Integer> grades, int k) {
        long all = grades.values().stream().filter(grade -> grade > 0).count();
        long found = ranked.stream().limit(k).filter(id -> grades.getOrDefault(id, 0) > 0).count();
        return all == 0 ? 0 : (double) found / all;
    }

    /**
     * Discounted cumulative gain of the first {@code k} over that of the best possible order (Järvelin and Kekäläinen 2002); a document gains its grade, divided by
     * the binary logarithm of its place and one more. 0 where nothing is relevant.
     */
    public static double ndcg(List<String> ranked, Map<String, Integer> grades, int k) {
        double ideal = gain(grades.values().stream().sorted(Comparator.reverseOrder()).limit(k).toList());
        return ideal == 0 ? 0 : gain(ranked.stream().limit(k).map(id -> grades.getOrDefault(id, 0)).toList()) / ideal;
    }

    private static double gain(List<Integer> grades) {
        double gain = 0;
        for (int i = 0; i < grades.size(); i++) {
            gain += Math.max(0, grades.get(i)) * Math.log(2) / Math.log(i + 2);
        }
        return gain;
    }
}
