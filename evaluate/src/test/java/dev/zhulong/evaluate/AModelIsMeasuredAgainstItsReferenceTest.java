package dev.zhulong.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.FakeModel;
import dev.zhulong.infer.Generator;
import dev.zhulong.text.ByteTokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AModelIsMeasuredAgainstItsReferenceTest {
    private static final ByteTokenizer TOKENIZER = new ByteTokenizer(0, 20, OptionalInt.of(19), OptionalInt.empty(), true);
    private static final PerplexityOptions OPTIONS = new PerplexityOptions(8, 5, true);

    private static List<TokenDocument> documents(long seed, int count) {
        var random = new SplittableRandom(seed);
        List<TokenDocument> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int[] ids = random.ints(10 + random.nextInt(30), 0, 19).toArray();
            all.add(new TokenDocument(ids, ids.length));
        }
        return all;
    }

    private static Divergence between(FakeModel reference, FakeModel model, List<TokenDocument> documents) {
        return Divergence.of(reference, model, TOKENIZER, documents, OPTIONS, Progress.SILENT);
    }

    /** Rows that depend on the last id alone, so that contexts need not be rebuilt here. */
    private static float[] row(int last, int width, double temperature) {
        float[] row = FakeModel.row(List.of(last), width);
        for (int i = 0; i < width; i++) {
            row[i] /= (float) temperature;
        }
        return row;
    }

    private static double[] probabilities(float[] logits, int count) {
        double[] p = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) {
            p[i] = Math.exp(logits[i]);
            sum += p[i];
        }
        for (int i = 0; i < count; i++) {
            p[i] /= sum;
        }
        return p;
    }

    @Test
    void byTheDefinition() {
        List<TokenDocument> documents = documents(3, 6);
        // the reference's head has rows that stand for no id
        var reference = new FakeModel(24, 8, List.of(), ids -> {
            float[] row = Arrays.copyOf(row(ids.getLast(), 20, 1), 24);
            Arrays.fill(row, 20, 24, 50);
            return row;
        });
        var model = new FakeModel(20, 8, List.of(), ids -> ids.getLast() % 3 == 0 ? row(ids.getLast() + 100, 20, 1) : row(ids.getLast(), 20, 2));
        double kl = 0;
        double same = 0;
        double rise = 0;
        int tokens = 0;
        double most = 0;
        for (TokenDocument document : documents) {
            int count = document.ids().length;
            for (int i = 0; i < count; i++) {
                // the first input of a window is BOS in the place of what stands there
                int start = 0;
                while (start + 8 < i + 1) {
                    start += 5;
                }
                int last = i == start ? 19 : document.ids()[i - 1];
                double[] p = probabilities(row(last, 20, 1), 20);
                double[] q = probabilities(last % 3 == 0 ? row(last + 100, 20, 1) : row(last, 20, 2), 20);
                double token = 0;
                for (int id = 0; id < 20; id++) {
                    token += p[id] * Math.log(p[id] / q[id]);
                }
                kl += token;
                most = Math.max(most, token);
                same += last % 3 == 0 && top(p) != top(q) ? 0 : 1;
                rise += Math.log(p[document.ids()[i]] / q[document.ids()[i]]);
                tokens++;
            }
        }
        Divergence found = between(reference, model, documents);
        assertThat(found.model().tokens()).isEqualTo(tokens);
        assertThat(found.kl().value()).isCloseTo(kl / tokens, within(1e-6));
        assertThat(found.most()).isCloseTo(most, within(1e-6));
        assertThat(found.sameTop().value()).isCloseTo(same / tokens, within(1e-12)).isLessThan(1);
        assertThat(found.rise().value()).isCloseTo(rise / tokens, within(1e-6));
        assertThat(found.quotient().value()).isCloseTo(found.model().perplexity() / found.reference().perplexity(), within(1e-9));
        assertThat(found.kl().low()).isLessThan(found.kl().value());
        assertThat(found.kl().high()).isGreaterThan(found.kl().value());
        assertThat(found.median()).isLessThanOrEqualTo(found.percentile99()).isGreaterThanOrEqualTo(0);
        assertThat(found.model().nll()).isCloseTo(Perplexity.evaluate(model, TOKENIZER, documents, OPTIONS, Progress.SILENT).loss().nll(), within(1e-9));
        assertThat(reference.open + model.open).isZero();
        assertThat(found.text()).contains("KL divergence", "(95 %:", "the same likeliest token");
        assertThat(found.json().path("kl").path("low").asDouble()).isEqualTo(found.kl().low());
    }

    private static int top(double[] p) {
        int top = 0;
        for (int i = 1; i < p.length; i++) {
            top = p[i] > p[top] ? i : top;
        }
        return top;
    }

    @Test
    void ofItselfItIsNothing() {
        Divergence found = between(FakeModel.hashed(20, 8), FakeModel.hashed(20, 8), documents(4, 5));
        assertThat(found.kl().value()).isZero();
        assertThat(found.most()).isZero();
        assertThat(found.sameTop().value()).isEqualTo(1);
        assertThat(found.quotient().value()).isEqualTo(1);
    }

    /** Intervals of many samples hold the value of all of them about as often as they say. */
    @Test
    void theIntervalHoldsWhatALongTextGives() {
        var reference = FakeModel.hashed(20, 8);
        var model = new FakeModel(20, 8, List.of(), ids -> {
            float[] row = FakeModel.row(ids, 20);
            row[ids.getLast() % 20] += 2;
            return row;
        });
        double all = between(reference, model, documents(1, 400)).kl().value();
        int held = 0;
        for (int sample = 0; sample < 40; sample++) {
            var kl = between(reference, model, documents(1000 + sample, 12)).kl();
            held += kl.low() <= all && all <= kl.high() ? 1 : 0;
        }
        assertThat(held).isBetween(33, 40);
    }

    @Test
    void whoTurnsInCirclesOrDoesNotEndIsFoundByItsWriting() {
        var circling = FakeModel.scripted(20, 200, java.util.stream.IntStream.range(0, 200).map(i -> i % 3).toArray());
        var counting = new FakeModel(20, 200, List.of(), ids -> {
            float[] row = new float[20];
            row[ids.size() < 12 ? ids.size() : 7] = 10;
            return row;
        });
        Generator circles = new Generator(circling, TOKENIZER);
        List<int[]> beginnings = Writing.beginnings(documents(8, 3), 5, 4, circles);
        assertThat(beginnings).hasSize(5).allSatisfy(ids -> assertThat(ids).hasSize(5).startsWith(19));
        Writing writing = Writing.of(circles, beginnings, 30, List.of());
        // three runs are new, the other 24 of 27 repeat them
        assertThat(writing.repetition()).isCloseTo(24 / 27.0, within(1e-12));
        assertThat(writing.ended()).isZero();
        Writing ends = Writing.of(new Generator(counting, TOKENIZER), beginnings, 30, List.of(7));
        assertThat(ends.ended()).isEqualTo(1);
        assertThat(ends.repetition()).isZero();
    }
}
