package dev.zhulong.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.infer.FakeModel;
import dev.zhulong.text.ByteTokenizer;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class UnigramBaselineScoresWhatAModelScoresTest {
    private static final ByteTokenizer TOKENIZER = new ByteTokenizer(0, 4, OptionalInt.of(3), OptionalInt.empty(), true);

    @Test
    void smoothedCountsGiveTheLossWrittenOutByHand() {
        var baseline = new UnigramBaseline(4, 1);
        baseline.add(new int[] {0, 0, 0});
        baseline.add(new int[] {1});
        // (3+1)/8, (1+1)/8, 1/8, 1/8
        assertThat(baseline.nll(0)).isCloseTo(Math.log(2), within(1e-12));
        assertThat(baseline.nll(1)).isCloseTo(Math.log(4), within(1e-12));
        assertThat(baseline.nll(2)).isCloseTo(Math.log(8), within(1e-12));
        var loss = baseline.evaluate(List.of(new TokenDocument(new int[] {0, 1}, 6), new TokenDocument(new int[] {2}, 3)), TOKENIZER, true);
        assertThat(loss.tokens()).isEqualTo(3);
        assertThat(loss.bitsPerByte()).isCloseTo((1 + 2 + 3) / 9.0, within(1e-12));
    }

    @Test
    void probabilitiesSumToOne() {
        var baseline = new UnigramBaseline(50, 0.3);
        for (int i = 0; i < 40; i++) {
            baseline.add(new int[] {i, i / 2, 0});
        }
        double sum = 0;
        for (int i = 0; i < 50; i++) {
            sum += Math.exp(-baseline.nll(i));
        }
        assertThat(sum).isCloseTo(1, within(1e-12));
    }

    @Test
    void scoresTheSameTokensAndBytesAsAModel() {
        var documents = List.of(
                TokenDocument.of(new int[] {0, 1, 2, 1, 3}, TOKENIZER), TokenDocument.of(new int[] {3, 2, 1}, TOKENIZER),
                TokenDocument.of(new int[0], TOKENIZER), TokenDocument.of(new int[] {1}, TOKENIZER));
        var model = FakeModel.hashed(4, 3);
        for (boolean bos : new boolean[] {true, false}) {
            var options = new PerplexityOptions(3, 2, bos);
            var ofModel = Perplexity.evaluate(model, TOKENIZER, documents, options, n -> {}).loss();
            var ofBaseline = new UnigramBaseline(4, 1).evaluate(documents, TOKENIZER, bos);
            assertThat(ofBaseline.tokens()).isEqualTo(ofModel.tokens());
            assertThat(ofBaseline.bytes()).isEqualTo(ofModel.bytes());
            // Nothing counted: every token costs ln 4.
            assertThat(ofBaseline.meanNll()).isCloseTo(Math.log(4), within(1e-12));
        }
    }

    @Test
    void badInputIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new UnigramBaseline(4, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new UnigramBaseline(4, Double.NaN));
        assertThatIllegalArgumentException().isThrownBy(() -> new UnigramBaseline(0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> new UnigramBaseline(4, 1).add(new int[] {4})).withMessageContaining("4");
        assertThatIllegalArgumentException().isThrownBy(() -> new UnigramBaseline(4, 1).evaluate(List.of(), TOKENIZER, true));
    }
}
