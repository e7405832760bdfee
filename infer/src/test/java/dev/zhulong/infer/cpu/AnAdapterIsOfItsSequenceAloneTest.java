package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Job;
import dev.zhulong.infer.JobListener;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.Scheduler;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TokenLogProbs;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.ByteTokenizer;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AnAdapterIsOfItsSequenceAloneTest {
    @TempDir
    Path directory;

    private Path model(Family family, int context) throws IOException {
        for (String name : List.of("model", "adapter1", "adapter2")) {
            Files.createDirectories(directory.resolve(name));
        }
        try (Decoder model = TinyDecoder.random(family, 3, context)) {
            NetworkFiles.save(model, directory.resolve("model"), StorageType.F32);
            for (int seed = 1; seed <= 2; seed++) {
                try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), seed)) {
                    var random = new SplittableRandom(seed);
                    adapter.parameters().forEach((name, tensor) -> {
                        for (long i = 0; name.contains("lora_B") && i < tensor.elements(); i++) {
                            tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (0.3 * random.nextGaussian()));
                        }
                    });
                    adapter.save(directory.resolve("adapter" + seed), StorageType.F32);
                }
            }
        }
        return directory.resolve("model");
    }

    private static CpuEngine engine(Path path) {
        try (ModelDirectory files = ModelDirectory.open(path)) {
            return CpuEngine.load(files, Optional.empty(), CpuOptions.of(2));
        }
    }

    private CpuAdapter adapter(int number, LanguageModel model) {
        return CpuAdapter.load(directory.resolve("adapter" + number), model.spec());
    }

    private static float[] logits(LanguageModel model, int[] ids, LanguageModel.Adapter adapter) {
        try (var cache = model.newCache(ids.length, adapter)) {
            return model.forward(List.of(new Span(cache, ids)), true).getFirst();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void itAddsWhatTheTorchEngineAdds(Family family) throws IOException {
        Path path = model(family, TinyDecoder.CONTEXT);
        int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(20, 4);
        try (CpuEngine engine = engine(path); ModelDirectory files = ModelDirectory.open(path)) {
            Decoder decoder = DecoderFiles.load(files);
            decoder.attach(LoraAdapter.load(directory.resolve("adapter1"), decoder));
            try (var torch = new TorchEngine(decoder)) {
                float[] expected = logits(torch, ids, null);
                assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, logits(engine, ids, adapter(1, engine)))).isLessThan(2e-3);
                assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, logits(engine, ids, null))).isGreaterThan(0.05);
            }
        }
    }

    @Test
    void sequencesOfOneBatchHaveTheirOwnToTheBit() throws IOException {
        Path path = model(Family.of("llama"), TinyDecoder.CONTEXT);
        try (CpuEngine engine = engine(path)) {
            int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(9, 4);
            CpuAdapter[] adapters = {adapter(1, engine), null, adapter(2, engine), adapter(1, engine), null};
            List<Span> spans = new ArrayList<>();
            for (CpuAdapter adapter : adapters) {
                spans.add(new Span(engine.newCache(20, adapter), ids));
            }
            List<float[]> together = engine.forward(spans, true);
            for (int i = 0; i < adapters.length; i++) {
                assertThat(together.get(i)).isEqualTo(logits(engine, ids, adapters[i]));
                spans.get(i).cache().close();
            }
            assertThat(together.get(0)).isNotEqualTo(together.get(1)).isNotEqualTo(together.get(2));
        }
    }

    /** Trap 54. */
    @Test
    void whatWasReadWithOneIsNotReusedWithAnotherNorWithTheSameOneChanged() throws Exception {
        Path path = model(Family.of("llama"), 400);
        int[] prompt = TheCpuEngineAgreesWithTheTorchEngineTest.ids(200, 1);
        try (CpuEngine engine = engine(path); var scheduler = new Scheduler(engine, new ByteTokenizer(true, true), SchedulerOptions.of(4, 20_000))) {
            List<Generation> alone = new ArrayList<>();
            for (LanguageModel.Adapter adapter : Arrays.asList(null, adapter(1, engine), adapter(2, engine))) {
                alone.add(run(scheduler, prompt, adapter));
                assertThat(alone.getLast().cachedTokens()).isZero();
                Generation again = run(scheduler, prompt, adapter);
                assertThat(again.cachedTokens()).isEqualTo(199);
                assertThat(again.ids()).isEqualTo(alone.getLast().ids());
            }
            assertThat(adapter(1, engine).hash()).isEqualTo(adapter(1, engine).hash()).isNotEqualTo(adapter(2, engine).hash());
        }
    }

    private static Generation run(Scheduler scheduler, int[] prompt, LanguageModel.Adapter adapter) throws Exception {
        var done = new CompletableFuture<Generation>();
        scheduler.submit(new Job(prompt, GenerateOptions.of(12, SamplerOptions.GREEDY), 0, "", "", null, adapter), new JobListener() {
            @Override
            public void wrote(String text, List<TokenLogProbs> tokens) {}

            @Override
            public void finished(Generation generation) {
                done.complete(generation);
            }

            @Override
            public void failed(RuntimeException problem) {
                done.completeExceptionally(problem);
            }
        });
        return done.get(20, TimeUnit.SECONDS);
    }

    @Test
    void oneThatDoesNotFitOrDoesNothingIsRefused() throws IOException {
        Path path = model(Family.of("llama"), TinyDecoder.CONTEXT);
        try (CpuEngine engine = engine(path)) {
            CpuAdapter own = adapter(1, engine);
            model(Family.of("gpt2"), TinyDecoder.CONTEXT);
            assertThatThrownBy(() -> adapter(1, engine)).isInstanceOf(FormatException.class).hasMessageContaining("has no place in this model");
            assertThat(own.bytes()).isPositive();
            try (Decoder model = TinyDecoder.random(Family.of("llama"), 3); LoraAdapter untrained = LoraAdapter.create(model, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), 1)) {
                untrained.save(directory.resolve("adapter1"), StorageType.F32);
            }
            assertThatThrownBy(() -> adapter(1, engine)).hasMessageContaining("changes nothing");
        }
    }

    /** Of the same width and depth, but with other heads, or another MLP: rows of another length would be added to. */
    @ParameterizedTest
    @CsvSource({"4, 1, 8, 44", "4, 2, 8, 60", "2, 2, 8, 44", "4, 2, 16, 44"})
    void oneReadForAnotherShapeIsRefused(int heads, int kvHeads, int headDim, int inner) throws IOException {
        Path path = model(Family.of("llama"), TinyDecoder.CONTEXT);
        try (CpuEngine engine = engine(path)) {
            CpuAdapter adapter = adapter(1, engine);
            DecoderSpec s = engine.spec();
            var other = new DecoderSpec(s.family(), s.vocabSize(), s.hiddenSize(), s.layers(), heads, kvHeads, headDim, inner, s.contextLength(), s.norm(),
                    s.normEpsilon(), s.activation(), s.gatedMlp(), s.rope(), s.tiedEmbeddings(), s.qkvBias(), s.outputBias(), s.mlpBias(), s.qkNorm(),
                    s.windows(), s.bosId(), s.eosIds());
            Files.createDirectories(directory.resolve("other"));
            try (Decoder decoder = Decoder.random(other, 1)) {
                NetworkFiles.save(decoder, directory.resolve("other"), StorageType.F32);
            }
            try (CpuEngine wrong = engine(directory.resolve("other"))) {
                assertThatThrownBy(() -> wrong.newCache(10, adapter)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("another model")
                        .hasMessageContaining("keys 16").hasMessageContaining("keys " + kvHeads * headDim).hasMessageContaining("MLP " + inner);
            }
        }
    }
}
