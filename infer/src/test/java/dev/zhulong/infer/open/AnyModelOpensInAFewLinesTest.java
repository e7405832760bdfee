package dev.zhulong.infer.open;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice.Precision;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Device;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AnyModelOpensInAFewLinesTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();
    private static final EngineChoice TWO = EngineChoice.DEFAULT.withThreads(2);
    private static final int[] IDS = {5, 9, 33, 120, 7};

    @TempDir
    static Path temporary;

    private static Path model;
    private static Path adapter;

    @BeforeAll
    static void write() throws IOException {
        model = Files.createDirectories(temporary.resolve("model"));
        adapter = Files.createDirectories(temporary.resolve("adapter"));
        try (Decoder decoder = TinyDecoder.random(Family.of("llama"), 3)) {
            NetworkFiles.save(decoder, model, StorageType.F32);
            try (LoraAdapter lora = LoraAdapter.create(decoder, LoraConfig.of(4, 8, LoraConfig.ALL_LINEAR), 1)) {
                lora.parameters().forEach((name, tensor) -> {
                    for (long i = 0; name.contains("lora_B") && i < tensor.elements(); i++) {
                        tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.01f * (i % 7 - 3));
                    }
                });
                lora.save(adapter, StorageType.F32);
            }
        }
    }

    private static float[] logits(Path adapter, EngineChoice choice, String engine) {
        try (ModelFiles files = ModelFiles.open(model, adapter, choice, step -> { })) {
            assertThat(files.engine()).isEqualTo(engine);
            try (LanguageModel loaded = files.loadEngine(IDS.length); var cache = loaded.newCache(IDS.length)) {
                return loaded.forward(List.of(new Span(cache, IDS)), true).getFirst();
            }
        }
    }

    @Test
    void aDirectoryOnEitherEngine() {
        float[] torch = logits(null, TWO.withEngine(Engine.TORCH), "torch f32");
        assertThat(logits(null, TWO, "cpu f32")).containsExactly(torch, Offset.offset(0.02f));
        assertThat(logits(adapter, TWO, "cpu f32")).containsExactly(logits(adapter, TWO.withEngine(Engine.TORCH), "torch f32"), Offset.offset(0.02f))
                .isNotEqualTo(logits(null, TWO, "cpu f32"));
    }

    @Test
    void whatIsAskedForIsWhatRuns() {
        assertThat(logits(null, TWO.withWeights(WeightType.Q8_0), "cpu q8_0")).isEqualTo(logits(null, TWO.withPrecision(Precision.INT8), "cpu q8_0"))
                .isNotEqualTo(logits(null, TWO.withPrecision(Precision.FULL), "cpu f32"));
        assertThat(logits(null, TWO.withCache(KvPages.Format.INT8), "cpu f32")).isNotEqualTo(logits(null, TWO, "cpu f32"));
        try (ModelFiles files = ModelFiles.open(model, TWO.withContext(9)); LanguageModel loaded = files.loadEngine(9)) {
            assertThat(loaded.spec().contextLength()).isEqualTo(files.context()).isEqualTo(9);
        }
    }

    @Test
    void whatIsMeasuredIsSaidAndKept() {
        List<String> steps = new ArrayList<>();
        try (ModelFiles files = ModelFiles.open(model, null, TWO.withPrecision(Precision.AUTO), steps::add)) {
            assertThat(files.choice()).startsWith("for 256 tokens read and 128 written").contains("perplexity");
            assertThat(files.engine()).startsWith("cpu ");
            files.loadEngine(4).close();
        }
        assertThat(steps).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q8_0", "Q4_0"})
    void aGgufFileWritesText(String type) {
        Path gguf = SHARED.resolve("assets/stories15M/stories15M." + type + ".gguf");
        assumeTrue(Files.exists(gguf), "../shared is absent: no GGUF file to open");
        var text = new StringBuilder();
        try (ModelFiles files = ModelFiles.open(gguf, TWO); LoadedModel loaded = files.loadFitting(line -> { })) {
            assertThat(files.engine()).isEqualToIgnoringCase("cpu " + type);
            var generator = loaded.generator();
            generator.generate(generator.sequence("Once upon a time"), GenerateOptions.of(8, SamplerOptions.GREEDY), text::append);
        }
        assertThat(text).isNotBlank();
    }

    @Test
    void whatDoesNotGoTogetherIsRefused() {
        assertThatThrownBy(() -> TWO.withEngine(Engine.TORCH).withWeights(WeightType.Q8_0)).hasMessageContaining("only on the cpu engine");
        assertThatThrownBy(() -> TWO.withEngine(Engine.TORCH).withRoute(RouteWanted.THROUGHPUT)).hasMessageContaining("only on the cpu engine");
        assertThatThrownBy(() -> TWO.withWeights(WeightType.Q8_0).withPrecision(Precision.INT4)).hasMessageContaining("give one of them");
        assertThatThrownBy(() -> TWO.withDevice(Device.parse("cuda"))).hasMessageContaining("only the torch engine computes on cuda:0");
        assertThatThrownBy(() -> ModelFiles.open(model, TWO.withEngine(Engine.TORCH).withDevice(Device.parse("cuda:99"))))
                .hasMessageContaining("device cuda:99 cannot be used: ");
        assertThatThrownBy(() -> TWO.withContext(0)).hasMessageContaining("at least 1 token");
        assertThatThrownBy(() -> TWO.withQualityFloor(Double.NaN)).hasMessageContaining("quality floor");
        assertThatThrownBy(() -> ModelFiles.open(model, EngineChoice.DEFAULT.withThreads(0))).hasMessageContaining("thread");
        assertThatThrownBy(() -> ModelFiles.open(model, TWO.withContext(TinyDecoder.CONTEXT + 1))).hasMessageContaining(TinyDecoder.CONTEXT + " tokens");
        assertThatThrownBy(() -> ModelFiles.open(Path.of("no.gguf"), TWO.withWeights(WeightType.Q4_0))).hasMessageContaining("whose types are fixed");
        assertThatThrownBy(() -> ModelFiles.open(temporary.resolve("nothing"), TWO)).hasMessageContaining("nothing");
    }
}
