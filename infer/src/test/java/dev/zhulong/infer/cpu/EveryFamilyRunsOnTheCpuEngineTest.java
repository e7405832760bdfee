package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Int8Linear;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@link SmallConfigs} with random weights: what the CPU engine makes of them is what libtorch does, whichever way it is asked. */
class EveryFamilyRunsOnTheCpuEngineTest {
    private static final int[] IDS = TheCpuEngineAgreesWithTheTorchEngineTest.ids(80, 5);
    private static final CpuOptions EXACT = CpuOptions.of(2).withCache(KvPages.Format.F32);

    @TempDir
    Path directory;

    private static Stream<String> configs() {
        return SmallConfigs.all();
    }

    private DecoderSpec save(String config) throws IOException {
        Path json = directory.resolve("given.json");
        Files.writeString(json, config);
        var spec = (DecoderSpec) HfConfig.read(json);
        Files.createDirectories(directory.resolve("model"));
        Files.createDirectories(directory.resolve("adapter"));
        try (Decoder model = TinyDecoder.random(spec, 3)) {
            NetworkFiles.save(model, directory.resolve("model"), StorageType.F32);
            try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), 1)) {
                var random = new SplittableRandom(1);
                adapter.parameters().forEach((name, tensor) -> {
                    for (long i = 0; name.contains("lora_B") && i < tensor.elements(); i++) {
                        tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.3 * random.nextGaussian()));
                    }
                });
                adapter.save(directory.resolve("adapter"), StorageType.F32);
            }
        }
        return spec;
    }

    private CpuEngine engine(Optional<WeightType> type, CpuOptions options) {
        try (ModelDirectory files = ModelDirectory.open(directory.resolve("model"))) {
            return CpuEngine.load(files, type, options);
        }
    }

    private static double apart(float[] a, float[] b) {
        return TheCpuEngineAgreesWithTheTorchEngineTest.distance(a, b);
    }

    private static float[] logits(LanguageModel model, LanguageModel.Adapter adapter) {
        try (KvCache cache = model.newCache(IDS.length, adapter)) {
            return model.forward(List.of(new Span(cache, IDS, Logits.ALL))).getFirst();
        }
    }

    private static float[] logits(LanguageModel model) {
        try (KvCache cache = model.newCache(IDS.length)) {
            return model.forward(List.of(new Span(cache, IDS, Logits.ALL))).getFirst();
        }
    }

    @ParameterizedTest
    @MethodSource("configs")
    void asOnLibtorch(String config) throws IOException {
        DecoderSpec spec = save(config);
        float[] expected;
        try (LanguageModel torch = TorchEngine.load(directory.resolve("model"))) {
            expected = logits(torch);
        }
        try (CpuEngine engine = engine(Optional.empty(), EXACT)) {
            assertThat(engine.spec().stack()).isEqualTo(spec.stack());
            float[] whole = logits(engine);
            assertThat(apart(expected, whole)).isLessThan(1e-5);
            isTheSameInPieces(engine, whole);
        }
        try (CpuEngine engine = engine(Optional.empty(), CpuOptions.of(2).withCache(KvPages.Format.F16))) {
            assertThat(apart(expected, logits(engine))).isLessThan(4e-3);
        }
        try (CpuEngine engine = engine(Optional.of(WeightType.Q8_0), CpuOptions.of(2).withCache(KvPages.Format.INT8))) {
            assertThat(apart(expected, logits(engine))).isGreaterThan(1e-4).isLessThan(0.2);
        }
        if (Int8Linear.unavailable() == null) {
            try (CpuEngine engine = engine(Optional.empty(), EXACT.withRoute(Route.THROUGHPUT))) {
                assertThat(apart(expected, logits(engine))).isGreaterThan(1e-4).isLessThan(0.2);
            }
        }
    }

    /** Id by id, and in one pass with other sequences, to the bit. */
    private static void isTheSameInPieces(CpuEngine engine, float[] whole) {
        int vocab = engine.spec().vocabSize();
        try (KvCache one = engine.newCache(IDS.length); KvCache other = engine.newCache(30)) {
            for (int i = 0; i < 20; i++) {
                List<Span> spans = new ArrayList<>(List.of(new Span(one, new int[] {IDS[i]}, Logits.LAST)));
                if (i % 3 == 0) {
                    spans.addFirst(new Span(other, new int[] {IDS[40 + i], 7}, Logits.LAST));
                }
                assertThat(engine.forward(spans).getLast()).isEqualTo(Arrays.copyOfRange(whole, i * vocab, (i + 1) * vocab));
            }
            float[] rest = engine.forward(List.of(new Span(one, Arrays.copyOfRange(IDS, 20, IDS.length), Logits.ALL))).getFirst();
            assertThat(rest).isEqualTo(Arrays.copyOfRange(whole, 20 * vocab, whole.length));
        }
    }

    @ParameterizedTest
    @MethodSource("configs")
    void withAnAdapterOnEveryProjection(String config) throws IOException {
        save(config);
        try (CpuEngine engine = engine(Optional.empty(), EXACT); ModelDirectory files = ModelDirectory.open(directory.resolve("model"))) {
            Decoder decoder = DecoderFiles.load(files);
            decoder.attach(LoraAdapter.load(directory.resolve("adapter"), decoder));
            try (var torch = new TorchEngine(decoder)) {
                float[] expected = logits(torch);
                assertThat(apart(expected, logits(engine, CpuAdapter.load(directory.resolve("adapter"), engine.spec())))).isLessThan(1e-5);
                assertThat(apart(expected, logits(engine, null))).isGreaterThan(0.02);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("configs")
    void fromGgufWhereGgufCanSayIt(String config) throws IOException {
        save(config);
        Path file = directory.resolve("model.gguf");
        float[] expected;
        try (ModelDirectory files = ModelDirectory.open(directory.resolve("model"))) {
            Map<String, TensorView> weights = files.weights();
            try {
                GgufExport.write(file, files.spec(), weights::get, Map.of(), "m", GgufType.F32);
            } catch (IllegalArgumentException e) {
                assertThat(e).hasMessageContaining("GGUF");
                return;
            }
            try (CpuEngine engine = CpuEngine.load(files, Optional.empty(), EXACT)) {
                expected = logits(engine);
            }
            try (GgufModel gguf = GgufModel.open(file); CpuEngine engine = CpuEngine.load(gguf, EXACT)) {
                assertThat(gguf.spec().tiedEmbeddings()).isEqualTo(files.spec().tiedEmbeddings());
                assertThat(apart(expected, logits(engine))).isLessThan(1e-6);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("configs")
    void inTheMemoryThatWasTold(String config) throws IOException {
        save(config);
        try (ModelDirectory files = ModelDirectory.open(directory.resolve("model"));
                CpuEngine engine = CpuEngine.load(files, Optional.of(WeightType.Q8_0), EXACT)) {
            long told = CpuMemory.of(files, Optional.of(WeightType.Q8_0), EXACT).weights();
            assertThat(told).isBetween(engine.weightBytes(), engine.weightBytes() * 3 / 2);
        }
    }
}
