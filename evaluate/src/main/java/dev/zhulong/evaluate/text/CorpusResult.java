package dev.zhulong.evaluate.text;

/**
 * A corpus's score with all that repeats it.
 *
 * @param metric     that was asked for
 * @param estimate   the score, its error by bootstrap
 * @param signature  settings, as sacreBLEU prints them
 * @param statistics of each segment; {@code metric.score(statistics.row(i))} is the score of segment i alone
 */
public record CorpusResult(CorpusMetric metric, Estimate estimate, String signature, SegmentStatistics statistics) {
    /** What sacreBLEU prints behind the score (BLEU: precisions, brevity penalty and lengths). */
    public String verbose() {
        return metric.verbose(statistics.sum());
    }
}
