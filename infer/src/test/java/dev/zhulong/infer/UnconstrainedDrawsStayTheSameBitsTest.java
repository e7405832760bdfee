package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Ids that were drawn before the chain had penalties of counts, typical, mirostat, bias and masks: the older steps draw them still. */
class UnconstrainedDrawsStayTheSameBitsTest {
    @Test
    void idsAreThoseOfTheFirstSampler() {
        var d = SamplerOptions.DEFAULT.withSeed(11);
        check(-497686994, d);
        check(713896447, d.withTemperature(0));
        check(-678588154, d.withTemperature(0.7).withTopK(40));
        check(2041992406, d.withTopP(0.9));
        check(1697088664, d.withTemperature(1.3).withTopK(200).withTopP(0.95).withMinP(0.02));
        check(373289210, d.withMinP(0.1).withRepetitionPenalty(1.3));
    }

    private static void check(int expected, SamplerOptions options) {
        var model = FakeModel.hashed(2000, 512);
        var sampler = new Sampler(options, 1900, 3);
        sampler.see(new int[] {5, 6, 7});
        int[] ids = new int[400];
        try (var cache = model.newCache(500)) {
            float[] logits = model.forward(List.of(new LanguageModel.Span(cache, new int[] {5, 6, 7})), false).getFirst();
            for (int i = 0; i < ids.length; i++) {
                ids[i] = sampler.next(logits);
                logits = model.forward(List.of(new LanguageModel.Span(cache, new int[] {ids[i]})), false).getFirst();
            }
        }
        assertThat(Arrays.hashCode(ids)).as(options.toString()).isEqualTo(expected);
    }
}
