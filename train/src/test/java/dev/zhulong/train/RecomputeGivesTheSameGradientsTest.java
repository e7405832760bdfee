package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.Family;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Activations kept or computed again: the same loss and the same gradients, of every weight. */
class RecomputeGivesTheSameGradientsTest {
    @ParameterizedTest
    @CsvSource({"llama, true", "llama, false", "gpt2, true"})
    void ofEveryWeight(Family family, boolean tied) {
        try (var model = Tiny.decoder(family, tied)) {
            var batch = Tiny.packed(Tiny.document(7, 1), Tiny.document(11, 2));
            Tiny.Gradients kept = Tiny.gradients(model, false, batch, Tiny.batch(3));
            Tiny.Gradients recomputed = Tiny.gradients(model, true, batch, Tiny.batch(3));
            assertThat(recomputed.loss()).isEqualTo(kept.loss());
            assertThat(recomputed.byName().keySet()).isEqualTo(model.parameters().keySet());
            assertThat(recomputed.differenceFrom(kept)).isLessThan(1e-5);
        }
    }
}
