package dev.zhulong.evaluate.text;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * A metric that scores a corpus as a whole, not as the mean of its segments' scores: BLEU, chrF, TER. All three agree with sacreBLEU 2.6.0
 * (Post 2018, "A Call for Clarity in Reporting BLEU Scores"), and print their settings as its signature does.
 *
 * <pre>{@code
 * var result = Bleu.DEFAULT.evaluate(Segment.align(hypotheses, List.of(references)), Bootstrap.DEFAULT);
 * result.estimate().value();       // 34.3
 * result.signature();              // nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:zhulong-2
 * }</pre>
 */
public sealed interface CorpusMetric permits Bleu, Chrf, Ter {
    /** Stands in signatures where sacreBLEU prints its own version; its number grows when a score of ours changes. */
    String VERSION = "zhulong-2";

    /** {@code BLEU}, {@code chrF2}, {@code chrF2++}, {@code TER}. */
    String name();

    /** Settings as in the signature, without the number of references and the version: {@code case:mixed|eff:no|tok:13a|smooth:exp}. */
    String settings();

    /** The counts of each segment. */
    SegmentStatistics statistics(List<Segment> segments);

    /** The score of summed counts, 0 to 100 (TER: 0 and up, less is better). */
    double score(double[] sums);

    /** What sacreBLEU prints behind the score; empty if nothing. */
    String verbose(double[] sums);

    /** Puts the parts of the score into a JSON object. */
    void describe(double[] sums, ObjectNode json);

    /** The same metric as it scores single segments (BLEU: by effective order). */
    default CorpusMetric forSentences() {
        return this;
    }

    default CorpusResult evaluate(List<Segment> segments, Bootstrap bootstrap) {
        SegmentStatistics statistics = statistics(segments);
        double[] sums = statistics.sum();
        Estimate estimate = bootstrap.estimate(score(sums), segments.size(), rows -> score(statistics.sum(rows)));
        return new CorpusResult(this, estimate, signature(segments, bootstrap), statistics);
    }

    /** The score of one segment alone. */
    default double sentence(Segment segment) {
        return score(statistics(List.of(segment)).sum());
    }

    private String signature(List<Segment> segments, Bootstrap bootstrap) {
        String resampling = bootstrap.asked() ? "|bs:" + bootstrap.resamples() + "|seed:" + bootstrap.seed() : "";
        return "nrefs:" + Segment.referenceCount(segments) + resampling + "|" + settings() + "|version:" + VERSION;
    }
}
