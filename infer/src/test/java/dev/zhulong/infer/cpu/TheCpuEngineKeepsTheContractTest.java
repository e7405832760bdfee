package dev.zhulong.infer.cpu;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.infer.KvCacheContract;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModelContract;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TinyEncoderDecoder;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Int8Linear;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.io.TempDir;

/** However the model is stored, multiplied and cached, and with an adapter on. */
class TheCpuEngineKeepsTheContractTest {
    private static final CpuOptions OPTIONS = CpuOptions.of(2);

    @TempDir
    Path directory;

    /** The engine over a model of this family, written anew. */
    private CpuEngine engine(Family family, Optional<WeightType> type, CpuOptions options) {
        try (Decoder model = TinyDecoder.random(family, 7)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEngine.load(files, type, options);
        }
    }

    @Nested
    class OfADirectory extends LanguageModelContract<CpuEngine> {
        @Override
        protected CpuEngine model() {
            return engine(Family.of("qwen2"), Optional.empty(), OPTIONS);
        }
    }

    @Nested
    class WithLearnedPositions extends LanguageModelContract<CpuEngine> {
        @Override
        protected CpuEngine model() {
            return engine(Family.of("gpt2"), Optional.of(WeightType.INT4), OPTIONS);
        }
    }

    @Nested
    class OfAMixture extends LanguageModelContract<CpuEngine> {
        @Override
        protected CpuEngine model() {
            return engine(Family.of("mixtral"), Optional.empty(), OPTIONS);
        }
    }

    @Nested
    class OfAGguf extends LanguageModelContract<CpuEngine> {
        @Override
        protected CpuEngine model() {
            engine(Family.of("llama"), Optional.empty(), OPTIONS).close();
            Path file = directory.resolve("model.gguf");
            try (ModelDirectory files = ModelDirectory.open(directory)) {
                GgufExport.write(file, files.spec().withEosIds(files.eosIds()), files::tensor, Map.of("tokenizer.ggml.model", GgufValue.of("no_vocab")), "m",
                        GgufType.F16);
            }
            try (GgufModel model = GgufModel.open(file)) {
                return CpuEngine.load(model, OPTIONS);
            }
        }
    }

    @Nested
    class OnTheThroughputRoute extends LanguageModelContract<CpuEngine> {
        @BeforeEach
        void onlyWhereThereAreInt8Products() {
            assumeTrue(Int8Linear.unavailable() == null, "int8 products are not to be had on this processor");
        }

        @Override
        protected CpuEngine model() {
            return engine(Family.of("qwen3"), Optional.empty(), OPTIONS.withRoute(Route.THROUGHPUT));
        }
    }

    @Nested
    class WithKeysAndValuesInInt8 extends LanguageModelContract<CpuEngine> {
        @Override
        protected CpuEngine model() {
            return engine(Family.of("mistral"), Optional.of(WeightType.Q8_0), OPTIONS.withCache(KvPages.Format.INT8));
        }
    }

    @Nested
    class WithAnAdapterOn extends LanguageModelContract<AdaptedModel> {
        @Override
        protected AdaptedModel model() {
            CpuEngine engine = engine(Family.of("llama"), Optional.empty(), OPTIONS);
            Path adapter = directory.resolve("adapter");
            adapter.toFile().mkdir();
            try (Decoder model = DecoderFiles.load(directory); LoraAdapter lora = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), 1)) {
                var random = new SplittableRandom(1);
                lora.parameters().forEach((name, tensor) -> {
                    for (long i = 0; name.contains("lora_B") && i < tensor.elements(); i++) {
                        tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.3 * random.nextGaussian()));
                    }
                });
                lora.save(adapter, StorageType.F32);
            }
            return new AdaptedModel(engine, CpuAdapter.load(adapter, engine.spec()));
        }
    }

    private static final int[] SOURCE = new SplittableRandom(3).ints(70, 0, 256).toArray();

    private CpuEncoderDecoder encoderDecoder(String family) {
        TinyEncoderDecoder.write(family, 7, directory);
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEncoderDecoder.load(files, Optional.empty(), OPTIONS);
        }
    }

    @Nested
    class OfAnEncoderDecoder extends LanguageModelContract<CpuEncoderDecoder> {
        @Override
        protected CpuEncoderDecoder model() {
            return encoderDecoder("t5");
        }

        @Override
        protected LanguageModel.KvCache newCache(CpuEncoderDecoder model, int capacity) {
            return model.newCache(capacity, SOURCE);
        }
    }

    @Nested
    class OfAnEncoderDecoderWithNormsAfter extends LanguageModelContract<CpuEncoderDecoder> {
        @Override
        protected CpuEncoderDecoder model() {
            return encoderDecoder("bart");
        }

        @Override
        protected LanguageModel.KvCache newCache(CpuEncoderDecoder model, int capacity) {
            return model.newCache(capacity, SOURCE);
        }
    }

    @Nested
    class ItsCacheBesideASource extends KvCacheContract<PagedCache> {
        @Override
        protected LanguageModel model() {
            return encoderDecoder("marian");
        }

        @Override
        protected PagedCache newCache(LanguageModel model, int capacity) {
            return (PagedCache) ((CpuEncoderDecoder) model).newCache(capacity, SOURCE);
        }
    }

    @Nested
    class ItsCache extends KvCacheContract<PagedCache> {
        @Override
        protected LanguageModel model() {
            return engine(Family.of("llama"), Optional.empty(), OPTIONS);
        }

        @Override
        protected PagedCache newCache(LanguageModel model, int capacity) {
            return (PagedCache) model.newCache(capacity);
        }
    }
}
