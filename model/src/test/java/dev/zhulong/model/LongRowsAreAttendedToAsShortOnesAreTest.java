package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Reach;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Rows that are too long for a mask of all pairs give each document what it has alone, and a single document what the mask gives it. */
class LongRowsAreAttendedToAsShortOnesAreTest {
    private static final int SEQ = Pass.SHORT + 88;
    /** Of two rows; the longest fit a mask of all pairs. */
    private static final int[][] ROWS = {{250, 1, 93}, {64, 63, 100, 117}};

    static Stream<Arguments> decoders() {
        Stream<Arguments> windows = Stream.of("mistral", "qwen2", "gpt2", "llama").map(family -> SpecDraft.of(Family.of(family)).context(SEQ).build())
                .map(spec -> Arguments.of(spec.family() + " " + spec.windows(), spec));
        DecoderSpec llama = SpecDraft.of(Family.of("llama")).context(SEQ).build();
        Stream<Arguments> patterns = Stream.of(new Reach.Block(64), new Reach.Global(20, 3), new Reach.Window(300))
                .map(reach -> Arguments.of("llama " + reach, llama.withReach(reach)));
        return Stream.concat(windows, patterns);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("decoders")
    void packed(String name, DecoderSpec spec) {
        try (LoudDecoder decoder = LoudDecoder.of(spec, 5)) {
            int[] ids = LoudDecoder.ids(spec, 2 * SEQ, 1);
            long[] positions = new long[2 * SEQ];
            long[] documents = new long[2 * SEQ];
            int at = 0;
            for (int[] row : ROWS) {
                for (int document = 0; document < row.length; document++) {
                    for (int t = 0; t < row[document]; t++, at++) {
                        positions[at] = t;
                        documents[at] = document;
                    }
                }
            }
            float[] packed;
            try (var scope = TensorScope.open(); var off = NoGrad.open()) {
                Pass pass = decoder.model().packed(Tensor.of(positions, 2, SEQ), Tensor.of(documents, 2, SEQ));
                packed = decoder.model().head().logits(decoder.model().hidden(Tensor.of(ids, 2, SEQ), pass)).toFloats();
            }
            int start = 0;
            for (int[] row : ROWS) {
                for (int length : row) {
                    float[] alone = decoder.logits(Arrays.copyOfRange(ids, start, start + length));
                    float[] found = Arrays.copyOfRange(packed, start * spec.vocabSize(), (start + length) * spec.vocabSize());
                    LogitsEqualTheFloat64ReferenceTest.assertClose(found, alone, 1e-4);
                    start += length;
                }
            }
        }
    }

    /** The float64 reference knows windows. */
    @Test
    void alone() {
        DecoderSpec spec = SpecDraft.of(Family.of("mistral")).context(SEQ).build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 6)) {
            int[] ids = LoudDecoder.ids(spec, SEQ, 2);
            double[] expected = Arrays.stream(decoder.reference().logits(ids)).flatMapToDouble(Arrays::stream).toArray();
            float[] found = decoder.logits(ids);
            for (int i = 0; i < found.length; i++) {
                assertThat((double) found[i]).isCloseTo(expected[i], org.assertj.core.api.Assertions.within(1e-4 * Math.max(1, Math.abs(expected[i]))));
            }
        }
    }

    /** A mask of all pairs of these tokens would be 64 GiB. */
    @Test
    void memoryGrowsWithTheLengthAlone() {
        int tokens = 1 << 17;
        try (var scope = TensorScope.open()) {
            Tensor x = Tensor.randn(1, 1, tokens, 4).requiresGrad(true);
            long[] documents = new long[tokens];
            Arrays.setAll(documents, i -> i / 1000);
            for (Reach reach : new Reach[] {new Reach.Window(40), new Reach.Block(64), new Reach.Global(40, 2), Reach.WHOLE}) {
                Rows rows = reach instanceof Reach.Whole ? Rows.packed(1, tokens, documents) : Rows.whole(1, tokens);
                Tensor y = LocalAttention.of(reach, rows, true).attend(x, x, x, Scoring.PLAIN, null);
                y.sum().backward();
            }
            assertThat(x.grad().hasNonFinite()).isFalse();
        }
    }
}
