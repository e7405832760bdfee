package dev.zhulong.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.infer.FakeModel;
import dev.zhulong.text.ByteTokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PerplexityFollowsItsProtocolTest {
    private static final int BOS = 256;
    private static final ByteTokenizer TOKENIZER = new ByteTokenizer(0, 257, OptionalInt.of(BOS), OptionalInt.empty(), true);
    private static final ByteTokenizer SMALL = new ByteTokenizer(0, 20, OptionalInt.of(19), OptionalInt.empty(), true);

    @Test
    void knownProbabilitiesGiveTheLossWrittenOutByHand() {
        // a follows BOS with 1/2, b follows a with 1/4, a follows b with 1/8; the rest of each row shares what is left.
        var model = new FakeModel(257, 16, List.of(), ids -> {
            int last = ids.getLast();
            return switch (last) {
                case BOS -> row('a', 0.5);
                case 'a' -> row('b', 0.25);
                default -> row('a', 0.125);
            };
        });
        var result = Perplexity.evaluate(model, TOKENIZER, "aba", PerplexityOptions.of(model.spec(), TOKENIZER));
        double bits = 1 + 2 + 3;
        assertThat(result.loss().tokens()).isEqualTo(3);
        assertThat(result.loss().meanNll()).isCloseTo(bits * Math.log(2) / 3, within(1e-6));
        assertThat(result.loss().perplexity()).isCloseTo(4, within(1e-5));
        assertThat(result.loss().bitsPerByte()).isCloseTo(2, within(1e-6));
        assertThat(result.options()).isEqualTo(new PerplexityOptions(16, 16, true));
        // Windows of one position: each token after BOS alone.
        var cut = Perplexity.evaluate(model, TOKENIZER, "aa", new PerplexityOptions(1, 1, true));
        assertThat(cut.loss().meanNll()).isCloseTo(Math.log(2), within(1e-6));
        // Without BOS the first token has nothing to be predicted from, and its byte is not counted.
        var without = Perplexity.evaluate(model, TOKENIZER, "aba", new PerplexityOptions(16, 16, false));
        assertThat(without.loss().tokens()).isEqualTo(2);
        assertThat(without.loss().bytes()).isEqualTo(2);
        assertThat(without.loss().bitsPerByte()).isCloseTo(2.5, within(1e-6));
    }

    /** A token costs the same wherever it stands, each id another amount: a token scored twice or never shows in the sum. */
    @Property(tries = 500)
    void everyTokenIsScoredExactlyOnce(@ForAll long seed, @ForAll @IntRange(min = 1, max = 12) int window,
            @ForAll @IntRange(min = 1, max = 12) int step, @ForAll @IntRange(min = 2, max = 60) int length, @ForAll boolean bos) {
        float[] row = FakeModel.row(List.of(1), 20);
        var model = new FakeModel(20, 12, List.of(), ids -> row);
        int[] ids = ids(seed, length);
        var options = new PerplexityOptions(window, 1 + step % window, bos);
        var loss = Perplexity.evaluate(model, SMALL, List.of(new TokenDocument(ids, length)), options, n -> {}).loss();
        double expected = 0;
        for (int i = bos ? 0 : 1; i < length; i++) {
            expected += LogSoftmax.nll(row, 0, 20, ids[i]);
        }
        assertThat(loss.tokens()).isEqualTo(bos ? length : length - 1);
        assertThat(loss.bytes()).isEqualTo(loss.tokens());
        assertThat(loss.nll()).isCloseTo(expected, within(1e-9));
        assertThat(model.open).isZero();
    }

    /** Every token's context, found token by token from the words of the protocol, and whatever the batch and the chunks. */
    @Property(tries = 500)
    void everyTokenHasTheContextTheProtocolGivesIt(@ForAll long seed, @ForAll @IntRange(min = 1, max = 12) int window,
            @ForAll @IntRange(min = 1, max = 12) int step, @ForAll boolean bos, @ForAll @IntRange(min = 1, max = 2000) int logitsAtOnce) {
        int stride = 1 + step % window;
        var random = new SplittableRandom(seed);
        var documents = new ArrayList<TokenDocument>();
        double expected = 0;
        for (int d = 0; d < 4; d++) {
            int[] ids = ids(random.nextLong(), 2 + random.nextInt(30));
            documents.add(new TokenDocument(ids, ids.length));
            var stream = new ArrayList<Integer>();
            if (bos) {
                stream.add(19);
            }
            Arrays.stream(ids).forEach(stream::add);
            for (int target = 1; target < stream.size(); target++) {
                int start = 0;
                while (start + window < target) {
                    start += stride;
                }
                var context = new ArrayList<>(stream.subList(start, target));
                if (bos) {
                    context.set(0, 19);
                }
                expected += LogSoftmax.nll(FakeModel.row(context, 20), 0, 20, stream.get(target));
            }
        }
        var model = FakeModel.hashed(20, 12);
        var options = new PerplexityOptions(window, stride, bos);
        double nll = Perplexity.evaluate(model, SMALL, documents, options, n -> {}, logitsAtOnce).loss().nll();
        assertThat(nll).isCloseTo(expected, within(1e-9));
        assertThat(model.largestAnswer).isLessThanOrEqualTo(Math.max(20, logitsAtOnce));
        // To the bit, not only closely: one window and one row at a time against all at once.
        assertThat(Perplexity.evaluate(model, SMALL, documents, options, n -> {}, 1).loss().nll()).isEqualTo(nll);
    }

    @Test
    void bosIsNotPutTwice() {
        var model = FakeModel.hashed(20, 12);
        var options = new PerplexityOptions(12, 12, true);
        var with = Perplexity.evaluate(model, SMALL, List.of(new TokenDocument(new int[] {19, 1, 2}, 2)), options, n -> {});
        var without = Perplexity.evaluate(model, SMALL, List.of(new TokenDocument(new int[] {1, 2}, 2)), options, n -> {});
        assertThat(with).isEqualTo(without);
    }

    @Test
    void paddingRowsTakeNoPartInTheSoftmax() {
        var narrow = new FakeModel(20, 12, List.of(), ids -> FakeModel.row(ids, 20));
        var padded = new FakeModel(64, 12, List.of(), ids -> {
            float[] row = Arrays.copyOf(FakeModel.row(ids, 20), 64);
            Arrays.fill(row, 20, 64, 30f);
            return row;
        });
        var documents = List.of(new TokenDocument(ids(5, 40), 40));
        var options = new PerplexityOptions(12, 5, true);
        assertThat(Perplexity.evaluate(padded, SMALL, documents, options, n -> {}))
                .isEqualTo(Perplexity.evaluate(narrow, SMALL, documents, options, n -> {}));
    }

    @Test
    void bytesAreOfTheTextInUtf8() {
        var model = FakeModel.hashed(257, 64);
        var result = Perplexity.evaluate(model, TOKENIZER, "烛龙 é", new PerplexityOptions(64, 64, true));
        assertThat(result.loss().bytes()).isEqualTo(9);
        assertThat(result.loss().bitsPerByte()).isCloseTo(result.loss().nll() / Math.log(2) / 9, within(1e-12));
    }

    @Test
    void jsonHasTheFieldsAndTheirTypes() throws Exception {
        var model = FakeModel.hashed(257, 8);
        var result = Perplexity.evaluate(model, TOKENIZER, "hello, world", PerplexityOptions.of(model.spec(), TOKENIZER));
        JsonNode json = new ObjectMapper().readTree(result.json("models/a", "cpu q8_0", "data/b.txt"));
        var names = new ArrayList<String>();
        json.fieldNames().forEachRemaining(names::add);
        assertThat(names).containsExactly("mean_nll", "tokens", "perplexity", "bits_per_byte", "standard_errors", "window", "stride", "bos", "bytes", "model",
                "engine", "text", "protocol");
        assertThat(json.get("mean_nll").asDouble()).isEqualTo(result.loss().meanNll());
        assertThat(json.get("tokens").asInt()).isEqualTo(12);
        assertThat(json.get("perplexity").asDouble()).isEqualTo(Math.exp(result.loss().meanNll()));
        assertThat(json.get("window").asInt()).isEqualTo(8);
        assertThat(json.get("stride").asInt()).isEqualTo(8);
        assertThat(json.get("bos").isBoolean()).isTrue();
        assertThat(json.get("bytes").asInt()).isEqualTo(12);
        assertThat(json.get("engine").asText()).isEqualTo("cpu q8_0");
    }

    @Test
    void largeAndSmallLogitsStayFinite() {
        assertThat(LogSoftmax.nll(new float[] {3e38f, 0, -3e38f}, 0, 3, 0)).isZero();
        assertThat(LogSoftmax.nll(new float[] {1e4f, 1e4f}, 0, 2, 1)).isCloseTo(Math.log(2), within(1e-12));
        assertThat(LogSoftmax.nll(new float[] {9, 1, 2, 3}, 1, 3, 0))
                .isCloseTo(Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3)) - 1, within(1e-12));
    }

    @Test
    void whatCannotBeScoredIsRefused() {
        var model = FakeModel.hashed(20, 12);
        var options = new PerplexityOptions(12, 12, true);
        assertThatIllegalArgumentException().isThrownBy(() -> Perplexity.evaluate(model, SMALL, "", options))
                .withMessageContaining("empty");
        var oneToken = List.of(new TokenDocument(new int[] {3}, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Perplexity.evaluate(model, SMALL, oneToken, options.withBos(false), n -> {}));
        assertThatIllegalArgumentException().isThrownBy(() -> Perplexity.evaluate(model, SMALL, "\1", options.withWindow(13)))
                .withMessageContaining("context of 12");
        assertThatIllegalArgumentException().isThrownBy(() -> options.withStride(13)).withMessageContaining("unscored");
        assertThatIllegalArgumentException().isThrownBy(() -> options.withStride(0));
        assertThatIllegalArgumentException().isThrownBy(() -> options.withWindow(0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Perplexity.evaluate(model, new ByteTokenizer(0, 20, OptionalInt.empty(), OptionalInt.empty(), false), "\1", options))
                .withMessageContaining("BOS");
        var broken = new FakeModel(20, 12, List.of(), ids -> {
            float[] row = new float[20];
            row[4] = Float.NaN;
            return row;
        });
        assertThatIllegalStateException().isThrownBy(() -> Perplexity.evaluate(broken, SMALL, "\1\2", options))
                .withMessageContaining("NaN");
        assertThat(broken.open).isZero();
    }

    private static float[] row(int id, double probability) {
        float[] row = new float[257];
        Arrays.fill(row, (float) Math.log((1 - probability) / 256));
        row[id] = (float) Math.log(probability);
        return row;
    }

    private static int[] ids(long seed, int length) {
        return new SplittableRandom(seed).ints(length, 0, 19).toArray();
    }
}
