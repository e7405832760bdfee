package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.SamplerOptions.Mirostat;
import dev.zhulong.infer.SamplerOptions.Penalties;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/**
 * Every step of the chain at once, against the same steps written out in float64 with whole sorts. The oracle gives each draw's distribution
 * from what was drawn before it; how often each token then came is compared with the sum of its probabilities.
 */
class TheChainEqualsAPlainOneTest {
    private static final int VOCAB = 12;
    private static final int DRAWS = 3000;
    private static final int[] PROMPT = {0, 3, 3};

    private double bound;

    @Property(tries = 60, seed = "42")
    void drawsFollowTheOracle(@ForAll long seed) {
        var random = new SplittableRandom(seed);
        SamplerOptions options = options(random);
        float[] logits = new float[VOCAB];
        for (int i = 0; i < VOCAB; i++) {
            logits[i] = (float) (random.nextDouble() * 6 - 3);
        }
        var sampler = new Sampler(options, VOCAB, 0);
        sampler.see(PROMPT);
        int[] history = new int[VOCAB];
        bound = 2 * options.mirostat().tau();
        double[] expected = new double[VOCAB];
        double[] variance = new double[VOCAB];
        for (int draw = 0; draw < DRAWS; draw++) {
            double[] scores = scores(options, logits, history);
            double[] p = options.mirostat().on() ? mirostat(scores) : filtered(options, scores);
            int id = sampler.next(logits);
            assertThat(p[id]).as("probability of the drawn token under %s", options).isPositive();
            if (options.mirostat().on()) {
                bound -= options.mirostat().eta() * (-log2(softmax(scores)[id]) - options.mirostat().tau());
            }
            for (int i = 0; i < VOCAB; i++) {
                expected[i] += p[i];
                variance[i] += p[i] * (1 - p[i]);
            }
            history[id]++;
        }
        for (int i = 0; i < VOCAB; i++) {
            // 5 standard deviations are passed once in two million; the seed is fixed
            assertThat(Math.abs(history[i] - expected[i])).as("token %d under %s", i, options).isLessThan(5 * Math.sqrt(variance[i]) + 1);
        }
    }

    private static SamplerOptions options(SplittableRandom random) {
        var options = SamplerOptions.DEFAULT.withTemperature(0.3 + random.nextDouble() * 2).withSeed(random.nextLong());
        if (random.nextInt(4) == 0) {
            options = options.withMirostat(new Mirostat(0.5 + random.nextDouble() * 3, 0.1));
        } else {
            options = options.withTopK(random.nextInt(VOCAB + 3)).withTopP(1 - random.nextInt(2) * random.nextDouble())
                    .withMinP(random.nextInt(2) * random.nextDouble() * 0.3).withTypicalP(1 - random.nextInt(2) * random.nextDouble());
        }
        // the penalties of counts grow: a little each, so that they matter from the first draw to the last
        options = options.withPenalties(new Penalties(random.nextInt(2) == 0 ? 1 : 0.7 + random.nextDouble(),
                random.nextInt(2) * (random.nextDouble() - 0.5) * 0.01, random.nextInt(2) * (random.nextDouble() - 0.5) * 3));
        var bias = new HashMap<Integer, Double>();
        for (int i = 0; i < random.nextInt(3); i++) {
            bias.put(random.nextInt(VOCAB), random.nextDouble() * 4 - 2);
        }
        return options.withLogitBias(Map.copyOf(bias));
    }

    private static double[] scores(SamplerOptions options, float[] logits, int[] history) {
        double[] scores = new double[VOCAB];
        Penalties penalties = options.penalties();
        for (int i = 0; i < VOCAB; i++) {
            int id = i;
            double score = logits[i] + options.logitBias().getOrDefault(i, 0.0);
            if (history[i] > 0 || Arrays.stream(PROMPT).anyMatch(seen -> seen == id)) {
                score = score > 0 ? score / penalties.repetition() : score * penalties.repetition();
            }
            scores[i] = (score - penalties.frequency() * history[i] - (history[i] > 0 ? penalties.presence() : 0)) / options.temperature();
        }
        return scores;
    }

    private static double[] filtered(SamplerOptions options, double[] scores) {
        List<Integer> kept = new ArrayList<>(IntStream.range(0, VOCAB).boxed().toList());
        kept.sort(Comparator.comparingDouble(i -> -scores[i]));
        if (options.topK() > 0) {
            kept = kept.subList(0, Math.min(VOCAB, options.topK()));
        }
        if (options.topP() < 1) {
            kept = smallest(kept, scores, options.topP());
        }
        double best = scores[kept.getFirst()];
        kept = kept.stream().filter(i -> Math.exp(scores[i] - best) >= options.minP()).toList();
        if (options.typicalP() < 1) {
            double[] p = normalised(kept, scores);
            double entropy = kept.stream().mapToDouble(i -> -p[i] * Math.log(p[i])).sum();
            kept = smallest(kept.stream().sorted(Comparator.comparingDouble(i -> Math.abs(-Math.log(p[i]) - entropy))).toList(), scores,
                    options.typicalP());
        }
        return normalised(kept, scores);
    }

    private double[] mirostat(double[] scores) {
        double[] p = softmax(scores);
        List<Integer> kept = IntStream.range(0, VOCAB).boxed().filter(i -> -log2(p[i]) <= bound).toList();
        return normalised(kept.isEmpty()
                ? List.of(IntStream.range(0, VOCAB).boxed().max(Comparator.comparingDouble(i -> p[i])).orElseThrow()) : kept, scores);
    }

    private static List<Integer> smallest(List<Integer> ordered, double[] scores, double mass) {
        double[] p = normalised(ordered, scores);
        double sum = 0;
        for (int n = 0; n < ordered.size(); n++) {
            sum += p[ordered.get(n)];
            if (sum >= mass) {
                return ordered.subList(0, n + 1);
            }
        }
        return ordered;
    }

    private static double[] softmax(double[] scores) {
        return normalised(IntStream.range(0, VOCAB).boxed().toList(), scores);
    }

    private static double[] normalised(List<Integer> kept, double[] scores) {
        double[] p = new double[VOCAB];
        kept.forEach(i -> p[i] = Math.exp(scores[i]));
        double total = Arrays.stream(p).sum();
        return Arrays.stream(p).map(x -> x / total).toArray();
    }

    private static double log2(double x) {
        return Math.log(x) / Math.log(2);
    }
}
