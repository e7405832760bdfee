package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.PrimitiveIterator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class EveryWaitForATokenIsTimedTest {
    /** One that answers at once; its clock says how long it took. */
    private static final class Instant implements LanguageModel {
        private boolean closed;

        @Override
        public DecoderSpec spec() {
            throw new UnsupportedOperationException();
        }

        @Override
        public KvCache newCache(int capacity) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<float[]> forward(List<Span> spans) {
            return List.of(new float[] {1});
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    @Test
    void thePromptIsNoWaitAndEachPassAfterItIsOne() {
        PrimitiveIterator.OfLong clock = LongStream.of(1_000_000_000_000L, 1_000_005_000_000L, 1_000_005_250_000L, 1_000_105_250_000L).iterator();
        List<Double> waits = new ArrayList<>();
        var model = new Instant();
        try (var timed = new TokenWaits(model, clock::nextLong, waits::add)) {
            for (int i = 0; i < 4; i++) {
                assertThat(timed.forward(List.of()).getFirst()).containsExactly(1);
            }
        }
        assertThat(waits).containsExactly(5.0, 0.25, 100.0);
        assertThat(model.closed).isTrue();
    }

    /** Being timed changes nothing. */
    @Nested
    class ATimedModel extends LanguageModelContract<TokenWaits> {
        @Override
        protected TokenWaits model() {
            return new TokenWaits(FakeModel.hashed(258, 64), System::nanoTime, wait -> { });
        }
    }
}
