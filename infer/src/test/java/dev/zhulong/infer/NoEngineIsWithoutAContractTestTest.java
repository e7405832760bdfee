package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.text.ContractTests;
import org.junit.jupiter.api.Test;

class NoEngineIsWithoutAContractTestTest {
    @Test
    void norIsACache() {
        assertThat(ContractTests.implementations(LanguageModel.class, LanguageModel.class)).contains(TorchEngine.class, LimitedContext.class);
        assertThat(ContractTests.missing(LanguageModel.class, getClass(), LanguageModel.class, LanguageModelContract.class)).isEmpty();
        assertThat(ContractTests.missing(LanguageModel.class, getClass(), KvCache.class, KvCacheContract.class)).isEmpty();
        assertThat(ContractTests.missing(LanguageModel.class, getClass(), Encoder.class, EncoderContract.class)).isEmpty();
    }

    @Test
    void whatHasNoneIsNamed() {
        assertThat(ContractTests.missing(LanguageModel.class, getClass(), LanguageModel.Adapter.class, LanguageModelContract.class))
                .extracting(Class::getSimpleName).containsExactly("CpuAdapter");
    }
}
