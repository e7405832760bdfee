package dev.zhulong.infer;

import dev.zhulong.formats.Family;
import org.junit.jupiter.api.Nested;

/** Alone, and as the model under a shorter context. */
class TheTorchEngineKeepsTheContractTest {
    private static TorchEngine torch(Family family) {
        return new TorchEngine(TinyDecoder.random(family, 7));
    }

    /** libtorch adds in another order for other numbers of rows. */
    private static final float ROUNDING = 1e-4f;

    @Nested
    class WithRotaryPositions extends LanguageModelContract<TorchEngine> {
        @Override
        protected TorchEngine model() {
            return torch(Family.of("qwen2"));
        }

        @Override
        protected float rounding() {
            return ROUNDING;
        }
    }

    @Nested
    class WithLearnedPositions extends LanguageModelContract<TorchEngine> {
        @Override
        protected TorchEngine model() {
            return torch(Family.of("gpt2"));
        }

        @Override
        protected float rounding() {
            return ROUNDING;
        }
    }

    @Nested
    class OfAMixture extends LanguageModelContract<TorchEngine> {
        @Override
        protected TorchEngine model() {
            return torch(Family.of("mixtral"));
        }

        @Override
        protected float rounding() {
            return ROUNDING;
        }
    }

    @Nested
    class WithAShorterContext extends LanguageModelContract<LimitedContext> {
        @Override
        protected LimitedContext model() {
            return (LimitedContext) LimitedContext.of(torch(Family.of("llama")), 50);
        }

        @Override
        protected float rounding() {
            return ROUNDING;
        }
    }

    @Nested
    class ItsCache extends KvCacheContract<TorchEngine.Cache> {
        @Override
        protected LanguageModel model() {
            return torch(Family.of("llama"));
        }

        @Override
        protected TorchEngine.Cache newCache(LanguageModel model, int capacity) {
            return (TorchEngine.Cache) model.newCache(capacity);
        }
    }
}
