package dev.zhulong.infer;

import org.junit.jupiter.api.Nested;

/** The engine that tests above this module rest on is held to what the real ones are. */
class TheFakeKeepsTheContractTest extends LanguageModelContract<FakeModel> {
    @Override
    protected FakeModel model() {
        return FakeModel.hashed(258, 64);
    }

    @Nested
    class ItsCache extends KvCacheContract<FakeModel.Cache> {
        @Override
        protected LanguageModel model() {
            return FakeModel.hashed(258, 64);
        }

        @Override
        protected FakeModel.Cache newCache(LanguageModel model, int capacity) {
            return (FakeModel.Cache) model.newCache(capacity);
        }
    }
}
