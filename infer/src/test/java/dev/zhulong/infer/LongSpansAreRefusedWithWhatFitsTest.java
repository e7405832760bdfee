package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.List;
import org.junit.jupiter.api.Test;

class LongSpansAreRefusedWithWhatFitsTest {
    @Test
    void asManyTokensAsAnArrayHoldsLogitsOf() {
        try (var model = new TorchEngine(TinyDecoder.random(Family.of("llama"), 1)); var cache = model.newCache(8)) {
            int vocab = model.spec().vocabSize();
            int most = (Integer.MAX_VALUE - 8) / vocab;
            assertThat(new Span(cache, new int[most], Logits.ALL).wanted(model.spec())).isEqualTo(most * vocab);
            var longer = new Span(cache, new int[most + 1], Logits.ALL);
            assertThatThrownBy(() -> longer.wanted(model.spec())).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("at most " + most + " tokens")
                    .hasMessageContaining(most + 1 + " tokens");
            assertThatThrownBy(() -> model.forward(List.of(longer))).hasMessageContaining("at most " + most + " tokens");
            // of hidden states, which are narrower, more fit
            assertThat(new Span(cache, new int[most + 1], Logits.HIDDEN).wanted(model.spec())).isEqualTo((most + 1) * model.spec().hiddenSize());
        }
    }
}
