package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Trap 42: an adapter leaves embeddings as they are. */
class UntrainedControlTokensAreToldTest {
    @Test
    void rowsOfZerosAndRowsThatAreCopies() {
        var spec = new DecoderSpec(Family.of("llama"), 40, 16, 1, 2, 2, 8, 32, 32, DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU, true,
                new DecoderSpec.Rope(10_000, 8, new DecoderSpec.Scaling.None()), true, false, false, false, false, List.of(0), 0, List.of(0));
        try (Decoder model = Decoder.random(spec, 3); var off = NoGrad.open()) {
            var embedding = model.parameters().get("model.embed_tokens.weight");
            embedding.select(0, 5).zero_();
            embedding.select(0, 7).copy_(embedding.select(0, 8));
            assertThat(UntrainedTokens.among(new TreeSet<>(List.of(3, 5, 7)), model)).containsExactly(5, 7);
            assertThat(UntrainedTokens.among(new TreeSet<>(List.of(3, 4)), model)).isEmpty();
            assertThat(UntrainedTokens.among(new TreeSet<>(), model)).isEmpty();
        }
    }
}
