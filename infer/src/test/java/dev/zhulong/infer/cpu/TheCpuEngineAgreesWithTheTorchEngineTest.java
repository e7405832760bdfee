package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TheCpuEngineAgreesWithTheTorchEngineTest {
    @TempDir
    Path directory;

    private CpuEngine cpu(StorageType stored, Family family, Optional<WeightType> type) {
        try (Decoder model = TinyDecoder.random(family, 3)) {
            NetworkFiles.save(model, directory, stored);
        }
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEngine.load(files, type, CpuOptions.of(2));
        }
    }

    static int[] ids(int n, long seed) {
        return new SplittableRandom(seed).ints(n, 0, 256).toArray();
    }

    private static float[] logits(LanguageModel model, int[] ids) {
        try (var cache = model.newCache(ids.length)) {
            return model.forward(List.of(new Span(cache, ids)), true).getFirst();
        }
    }

    /** Root mean square of the difference, as a share of that of what was expected. */
    static double distance(float[] expected, float[] found) {
        double squares = 0;
        double all = 0;
        for (int i = 0; i < expected.length; i++) {
            squares += Math.pow(expected[i] - found[i], 2);
            all += Math.pow(expected[i], 2);
        }
        return Math.sqrt(squares / all);
    }

    /** Windows, biases, norms of heads, learned positions: one family has each. What is left is the rounding of keys and values to f16. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void inEveryFamily(Family family) {
        int[] ids = ids(40, 1);
        try (CpuEngine engine = cpu(StorageType.F32, family, Optional.empty());
                LanguageModel torch = TorchEngine.load(directory)) {
            float[] expected = logits(torch, ids);
            float[] found = logits(engine, ids);
            assertThat(distance(expected, found)).isLessThan(2e-3);
        }
    }

    @ParameterizedTest
    @EnumSource(value = StorageType.class, names = {"F32", "F16", "BF16"})
    void ofEveryStoredType(StorageType type) {
        int[] ids = ids(30, 2);
        try (CpuEngine engine = cpu(type, Family.of("llama"), Optional.empty());
                LanguageModel torch = TorchEngine.load(directory)) {
            float[] expected = logits(torch, ids);
            float[] found = logits(engine, ids);
            assertThat(distance(expected, found)).isLessThan(2e-3);
        }
    }

    /** Eight bits are near; four are further, which random weights (no two alike) make worse than trained ones. */
    @Test
    void quantisedWhileItIsLoadedItIsNear() {
        int[] ids = ids(30, 4);
        double eight = distance(WeightType.Q8_0, ids);
        double four = distance(WeightType.Q4_0, ids);
        assertThat(eight).isLessThan(0.05).isLessThan(four);
        assertThat(four).isLessThan(0.8);
    }

    private double distance(WeightType type, int[] ids) {
        try (CpuEngine engine = cpu(StorageType.F32, Family.of("llama"), Optional.of(type));
                LanguageModel torch = TorchEngine.load(directory)) {
            float[] expected = logits(torch, ids);
            float[] found = logits(engine, ids);
            return distance(expected, found);
        }
    }

    /** Trap 59: heads of all families but GPT-2 share keys and values, two of them each pair. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void keysAndValuesInEightBitsAreNear(Family family) {
        int[] ids = ids(family == Family.of("gpt2") ? 64 : 100, 6);
        try (Decoder model = TinyDecoder.random(family, 3)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine engine = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2).withCache(KvPages.Format.INT8));
                LanguageModel torch = TorchEngine.load(directory)) {
            assertThat(distance(logits(torch, ids), logits(engine, ids))).isGreaterThan(1e-4).isLessThan(0.03);
        }
    }

    @Test
    void aCacheOfAnotherModelIsRefused() {
        try (CpuEngine engine = cpu(StorageType.F32, Family.of("llama"), Optional.empty());
                CpuEngine other = cpu(StorageType.F32, Family.of("llama"), Optional.empty());
                var cache = other.newCache(8)) {
            assertThatThrownBy(() -> engine.forward(List.of(new Span(cache, new int[] {5})), false)).hasMessageContaining("another model");
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        try (CpuEngine engine = cpu(StorageType.F32, Family.of("gpt2"), Optional.empty());
                var cache = engine.newCache(8);
                var long_ = engine.newCache(100)) {
            assertThatThrownBy(() -> engine.forward(List.of(new Span(cache, new int[] {5, 272})), false)).hasMessageContaining("token id 272 is outside");
            assertThatThrownBy(() -> engine.forward(List.of(new Span(cache, ids(9, 1))), false)).hasMessageContaining("no room for 9 more");
            assertThatThrownBy(() -> engine.forward(List.of(new Span(long_, ids(65, 1))), false)).hasMessageContaining("context of 64");
            assertThat(cache.length()).isZero();
        }
    }
}
