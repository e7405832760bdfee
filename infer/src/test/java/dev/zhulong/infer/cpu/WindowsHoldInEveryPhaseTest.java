package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Trap 51 on the CPU engine: prompts and cached steps around the window's length and around the ends of the cache's pages. */
class WindowsHoldInEveryPhaseTest {
    @TempDir
    Path directory;

    private CpuEngine saved(Decoder model, KvPages.Format cache) {
        NetworkFiles.save(model, directory, StorageType.F32);
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEngine.load(files, Optional.empty(), CpuOptions.of(2).withCache(cache));
        }
    }

    /** Both layers have the window of 6, or the second alone. */
    @ParameterizedTest
    @CsvSource({"mistral, 5", "mistral, 6", "mistral, 7", "mistral, 8", "mistral, 13", "mistral, 64", "mistral, 65", "mistral, 70", "mistral, 130",
        "qwen2, 6", "qwen2, 7", "qwen2, 8", "qwen2, 70"})
    void cachedStepsAreAFullRecomputation(Family family, int length) {
        try (Decoder model = TinyDecoder.random(family, 21); CpuEngine engine = saved(model, KvPages.Format.F16)) {
            int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(length, length);
            float[] expected;
            try (var scope = TensorScope.open(); var off = NoGrad.open()) {
                float[] all = model.logits(Tensor.of(ids, 1, length)).toFloats();
                expected = Arrays.copyOfRange(all, all.length - engine.spec().vocabSize(), all.length);
            }
            float[] whole = last(engine, ids, length);
            double size = Math.sqrt(squares(expected, new float[expected.length]));
            assertThat(Math.sqrt(squares(expected, whole)) / size).isCloseTo(0, within(2e-3));
            for (int prompt : new int[] {1, length / 2, length - 1}) {
                assertThat(last(engine, ids, prompt)).as("a prompt of %d, then single steps", prompt).isEqualTo(whole);
            }
        }
    }

    private static double squares(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - (double) b[i]) * (a[i] - (double) b[i]);
        }
        return sum;
    }

    /** Two layers with a window of 6 reach 10 ids back: what stands before leaves the bits alone, the first of them does not. */
    @ParameterizedTest
    @EnumSource
    void nothingBeforeTheReachOfAllLayersIsSeen(KvPages.Format cache) {
        try (Decoder model = TinyDecoder.random(Family.of("mistral"), 22); CpuEngine engine = saved(model, cache)) {
            int reach = engine.spec().windows().stream().mapToInt(window -> window - 1).sum();
            assertThat(reach).isEqualTo(10);
            for (int length : new int[] {12, 20, 66, 74, 75, 140}) {
                int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(length, length);
                for (int prompt : new int[] {1, length / 2, length}) {
                    float[] logits = last(engine, ids, prompt);
                    assertThat(last(engine, changed(ids, length - 1 - reach), prompt)).isNotEqualTo(logits);
                    assertThat(last(engine, changed(ids, length - 2 - reach), prompt)).isEqualTo(logits);
                }
            }
        }
    }

    @Test
    void withoutAWindowTheFirstIdIsSeen() {
        try (Decoder model = TinyDecoder.random(Family.of("llama"), 23); CpuEngine engine = saved(model, KvPages.Format.F16)) {
            int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(140, 1);
            assertThat(last(engine, changed(ids, 0), 140)).isNotEqualTo(last(engine, ids, 140));
        }
    }

    private static int[] changed(int[] ids, int at) {
        int[] others = ids.clone();
        others[at] = (others[at] + 1) % 256;
        return others;
    }

    /** Logits after the last of {@code ids}, of which the first {@code prompt} are read together and the others one by one. */
    private static float[] last(CpuEngine engine, int[] ids, int prompt) {
        try (KvCache cache = engine.newCache(ids.length)) {
            float[] logits = engine.forward(List.of(new Span(cache, Arrays.copyOf(ids, prompt))), false).getFirst();
            for (int i = prompt; i < ids.length; i++) {
                logits = engine.forward(List.of(new Span(cache, new int[] {ids[i]})), false).getFirst();
            }
            return logits;
        }
    }
}
