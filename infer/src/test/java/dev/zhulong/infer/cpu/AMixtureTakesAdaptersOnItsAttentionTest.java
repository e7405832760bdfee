package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.LoraMerge;
import dev.zhulong.model.NetworkFiles;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sequences of a mixture may have adapters of their own on the attention; one that adapts experts is merged into the model first. */
class AMixtureTakesAdaptersOnItsAttentionTest {
    private static final int[] IDS = TheCpuEngineAgreesWithTheTorchEngineTest.ids(12, 4);

    @TempDir
    Path directory;

    private void model() throws IOException {
        Files.createDirectories(directory.resolve("model"));
        try (Decoder model = TinyDecoder.random(Family.of("mixtral"), 3)) {
            NetworkFiles.save(model, directory.resolve("model"), StorageType.F32);
        }
    }

    private Path adapter(String name, int seed, String... targets) throws IOException {
        Path path = Files.createDirectories(directory.resolve(name));
        try (Decoder model = DecoderFiles.load(directory.resolve("model"));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, targets), seed)) {
            var random = new SplittableRandom(seed);
            adapter.parameters().forEach((tensorName, tensor) -> {
                for (long i = 0; tensorName.contains("lora_B") && i < tensor.elements(); i++) {
                    tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.1 * random.nextGaussian()));
                }
            });
            adapter.save(path, StorageType.F32);
        }
        return path;
    }

    private CpuEngine engine(String model) {
        try (ModelDirectory files = ModelDirectory.open(directory.resolve(model))) {
            return CpuEngine.load(files, Optional.empty(), CpuOptions.of(2).withCache(KvPages.Format.F32));
        }
    }

    private static float[] logits(LanguageModel model, LanguageModel.Adapter adapter) {
        try (var cache = model.newCache(IDS.length, adapter)) {
            return model.forward(List.of(new Span(cache, IDS)), true).getFirst();
        }
    }

    private float[] torch(Path adapter) {
        Decoder decoder = DecoderFiles.load(directory.resolve("model"));
        decoder.attach(LoraAdapter.load(adapter, decoder));
        try (var engine = new TorchEngine(decoder)) {
            return logits(engine, null);
        }
    }

    @Test
    void onTheAttentionEachSequenceHasItsOwn() throws IOException {
        model();
        Path first = adapter("first", 1, "q_proj", "k_proj", "v_proj", "o_proj");
        Path second = adapter("second", 2, "q_proj", "v_proj");
        try (CpuEngine engine = engine("model")) {
            List<CpuAdapter> adapters = new ArrayList<>(List.of(CpuAdapter.load(first, engine.spec()), CpuAdapter.load(second, engine.spec())));
            adapters.add(1, null);
            assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(torch(first), logits(engine, adapters.getFirst()))).isLessThan(2e-3);
            List<Span> spans = adapters.stream().map(adapter -> new Span(engine.newCache(IDS.length, adapter), IDS)).toList();
            List<float[]> together = engine.forward(spans, true);
            for (int i = 0; i < adapters.size(); i++) {
                assertThat(together.get(i)).isEqualTo(logits(engine, adapters.get(i)));
                spans.get(i).cache().close();
            }
            assertThat(together.get(0)).isNotEqualTo(together.get(1)).isNotEqualTo(together.get(2));
        }
    }

    @Test
    void onExpertsItIsMerged() throws IOException {
        model();
        Path adapter = adapter("experts", 1, LoraConfig.ALL_LINEAR);
        try (CpuEngine engine = engine("model")) {
            assertThatThrownBy(() -> CpuAdapter.load(adapter, engine.spec())).isInstanceOf(FormatException.class)
                    .hasMessageContaining("adapts an expert, which cannot be done for single sequences: merge the adapter (zhulong merge)").hasMessageNotContaining("\n");
        }
        try (Decoder model = DecoderFiles.load(directory.resolve("model")); LoraAdapter loaded = LoraAdapter.load(adapter, model)) {
            // two layers of attention's four projections and of five experts' three; routers have none
            assertThat(loaded.modules()).hasSize(2 * (4 + 5 * 3)).noneMatch(name -> name.endsWith("gate"));
            Files.createDirectories(directory.resolve("merged"));
            LoraMerge.fold(model, loaded, StorageType.F32);
            NetworkFiles.save(model, directory.resolve("merged"), StorageType.F32);
        }
        try (CpuEngine merged = engine("merged"); CpuEngine plain = engine("model")) {
            float[] expected = torch(adapter);
            assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, logits(merged, null))).isLessThan(2e-3);
            assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, logits(plain, null))).isGreaterThan(0.05);
        }
    }

    /** Of the same widths, but with one MLP for all tokens: what an adapter adds there has no place among experts. */
    @Test
    void oneReadForADenseModelIsRefused() throws IOException {
        model();
        Files.createDirectories(directory.resolve("dense"));
        try (Decoder dense = TinyDecoder.random(Family.of("llama"), 3)) {
            NetworkFiles.save(dense, directory.resolve("dense"), StorageType.F32);
        }
        Path path = adapter("attention", 1, "q_proj");
        try (CpuEngine mixture = engine("model"); CpuEngine dense = engine("dense")) {
            CpuAdapter ofDense = CpuAdapter.load(path, dense.spec());
            assertThatThrownBy(() -> mixture.newCache(10, ofDense)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("another model")
                    .hasMessageEndingWith(mixture.spec().stack().experts().orElseThrow().count() + " experts");
        }
    }
}
