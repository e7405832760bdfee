package dev.zhulong.data.dedup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class NearDuplicatesShareAClusterTest {
    private static List<String> words(Random random, int n) {
        var words = new ArrayList<String>();
        for (int i = 0; i < n; i++) {
            words.add("w" + random.nextInt(100_000));
        }
        return words;
    }

    /** Exact Jaccard similarity of shingles of five words, over the words themselves. */
    private static double jaccard(List<String> a, List<String> b) {
        Set<List<String>> left = shingles(a);
        Set<List<String>> right = shingles(b);
        var both = new HashSet<>(left);
        both.retainAll(right);
        left.addAll(right);
        return both.size() / (double) left.size();
    }

    private static Set<List<String>> shingles(List<String> words) {
        var all = new HashSet<List<String>>();
        for (int i = 0; i + 5 <= words.size(); i++) {
            all.add(words.subList(i, i + 5));
        }
        return all;
    }

    private static Clusters cluster(Clusters.Kind kind, String... texts) {
        var clusters = new Clusters(kind, MinHash.DEFAULT);
        for (String text : texts) {
            clusters.add(MinHash.DEFAULT.sign(text));
        }
        clusters.join();
        return clusters;
    }

    @Test
    void theEstimateIsUnbiased() {
        var random = new Random(1);
        double error = 0;
        double square = 0;
        int trials = 1500;
        for (int trial = 0; trial < trials; trial++) {
            List<String> a = words(random, 400);
            var b = new ArrayList<>(a);
            for (int change = random.nextInt(60); change > 0; change--) {
                b.set(random.nextInt(b.size()), "other" + random.nextInt(1 << 30));
            }
            double exact = jaccard(a, b);
            double estimate = cluster(Clusters.Kind.NEAR, String.join(" ", a), String.join(" ", b)).similarity(0, 1);
            error += estimate - exact;
            square += (estimate - exact) * (estimate - exact);
        }
        // 112 hashes: a standard error of at most sqrt(0.25 / 112) = 0.047 for one pair.
        assertThat(error / trials).isCloseTo(0, within(0.004));
        assertThat(Math.sqrt(square / trials)).isLessThan(0.052);
    }

    @Test
    void pairsAreFoundAsOftenAsTheFormulaSays() {
        var random = new Random(2);
        int found = 0;
        double expected = 0;
        int trials = 1500;
        var anyThreshold = new MinHash(5, 14, 8, 0);
        for (int trial = 0; trial < trials; trial++) {
            List<String> a = words(random, 300);
            var b = new ArrayList<>(a);
            for (int change = 0; change < 12; change++) {
                b.set(random.nextInt(b.size()), "other" + random.nextInt(1 << 30));
            }
            double s = jaccard(a, b);
            expected += 1 - Math.pow(1 - Math.pow(s, 8), 14);
            var clusters = new Clusters(Clusters.Kind.NEAR, anyThreshold);
            clusters.add(anyThreshold.sign(String.join(" ", a)));
            clusters.add(anyThreshold.sign(String.join(" ", b)));
            clusters.join();
            found += clusters.cluster(0) == clusters.cluster(1) ? 1 : 0;
        }
        assertThat(found / (double) trials).isCloseTo(expected / trials, within(0.04));
    }

    @Test
    void chineseIsComparedByCharacters() {
        String a = "烛龙衔烛照幽都，其瞑乃晦，其视乃明，不食不寝不息，风雨是谒，是烛九阴，是谓烛龙。西北海之外，赤水之北，有章尾山。有神，人面蛇身而赤。";
        var clusters = cluster(Clusters.Kind.NEAR, a, a.replace("，", "") + "直目正乘", "章回小说是中国古典长篇小说的主要形式，它的特点是将全书分为若干章节，称为回。");
        assertThat(clusters.cluster(1)).isEqualTo(clusters.cluster(0));
        assertThat(clusters.cluster(2)).isNotEqualTo(clusters.cluster(0));
    }

    @Test
    void clustersReachOverChainsAndKindsDoWhatTheySay() {
        var random = new Random(3);
        List<String> text = words(random, 600);
        var chain = new ArrayList<String>();
        for (int link = 0; link < 12; link++) {
            chain.add(String.join(" ", text));
            for (int i = 0; i < 4; i++) {
                text.set(random.nextInt(text.size()), "new" + random.nextInt(1 << 30));
            }
        }
        chain.add(chain.getFirst().toUpperCase(java.util.Locale.ROOT).replace(" ", "\n  "));
        chain.add("");
        chain.add("?!");
        String[] texts = chain.toArray(new String[0]);
        var near = cluster(Clusters.Kind.NEAR, texts);
        for (int i = 1; i < 13; i++) {
            assertThat(near.cluster(i)).isZero();
        }
        assertThat(List.of(near.cluster(13), near.cluster(14))).containsExactly(13, 14);
        var exact = cluster(Clusters.Kind.EXACT, texts);
        assertThat(exact.cluster(12)).isZero();
        assertThat(exact.cluster(1)).isEqualTo(1);
        assertThat(cluster(Clusters.Kind.NONE, texts).cluster(12)).isEqualTo(12);
    }

    @Test
    void shortTextsAreNotThrownTogether() {
        var texts = new String[2000];
        var random = new Random(4);
        for (int i = 0; i < texts.length; i++) {
            texts[i] = String.join(" ", words(random, 1 + i % 12));
        }
        var clusters = cluster(Clusters.Kind.NEAR, texts);
        var distinct = new HashSet<String>(List.of(texts));
        var roots = new HashSet<Integer>();
        for (int i = 0; i < texts.length; i++) {
            roots.add(clusters.cluster(i));
        }
        assertThat(roots.size()).isEqualTo(distinct.size());
    }
}
