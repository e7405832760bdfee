package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackedDocumentsDoNotAttendToEachOtherTest {
    /** Lengths of the documents of two rows; some longer than Mistral's window of 6, some of one token. */
    private static final int[][] ROWS = {{9, 4, 11}, {1, 14, 1, 8}};
    private static final int SEQ = 24;

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void eachHasTheLogitsItHasAlone(Family family) {
        DecoderSpec spec = SpecDraft.of(family).build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 5)) {
            int[] ids = LoudDecoder.ids(spec, 2 * SEQ, 1);
            float[] packed = packed(decoder.model(), ids);
            int start = 0;
            for (int[] row : ROWS) {
                for (int length : row) {
                    float[] alone = decoder.logits(Arrays.copyOfRange(ids, start, start + length));
                    LogitsEqualTheFloat64ReferenceTest.assertClose(part(spec, packed, start, length), alone, 1e-4);
                    start += length;
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void changingOneLeavesTheBitsOfTheOthers(Family family) {
        DecoderSpec spec = SpecDraft.of(family).build();
        try (LoudDecoder decoder = LoudDecoder.of(spec, 5)) {
            int[] ids = LoudDecoder.ids(spec, 2 * SEQ, 1);
            float[] before = packed(decoder.model(), ids);
            int start = 0;
            for (int[] row : ROWS) {
                for (int length : row) {
                    int[] changed = ids.clone();
                    for (int t = start; t < start + length; t++) {
                        changed[t] = (ids[t] + 1 + t % 7) % spec.vocabSize();
                    }
                    float[] after = packed(decoder.model(), changed);
                    int end = start + length;
                    assertThat(part(spec, after, start, length)).as("itself").isNotEqualTo(part(spec, before, start, length));
                    assertThat(part(spec, after, 0, start)).as("before %d", start).isEqualTo(part(spec, before, 0, start));
                    assertThat(part(spec, after, end, 2 * SEQ - end)).as("after %d", end)
                            .isEqualTo(part(spec, before, end, 2 * SEQ - end));
                    start = end;
                }
            }
        }
    }

    private static float[] part(DecoderSpec spec, float[] logits, int from, int length) {
        return Arrays.copyOfRange(logits, from * spec.vocabSize(), (from + length) * spec.vocabSize());
    }

    private static float[] packed(Decoder model, int[] ids) {
        long[] positions = new long[2 * SEQ];
        long[] documents = new long[2 * SEQ];
        int at = 0;
        for (int[] row : ROWS) {
            for (int d = 0; d < row.length; d++) {
                for (int t = 0; t < row[d]; t++) {
                    positions[at] = t;
                    documents[at++] = d;
                }
            }
        }
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Pass context = model.packed(Tensor.of(positions, 2, SEQ), Tensor.of(documents, 2, SEQ));
            return model.head().logits(model.hidden(Tensor.of(ids, 2, SEQ), context)).toFloats();
        }
    }
}
