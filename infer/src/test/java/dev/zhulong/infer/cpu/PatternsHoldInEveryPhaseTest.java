package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Blocks, and windows with global tokens, mean the same in a whole pass, in a prompt and in single steps, on both engines, after saving and loading. */
class PatternsHoldInEveryPhaseTest {
    @TempDir
    Path directory;

    static Stream<Reach> patterns() {
        return Stream.of(new Reach.Block(64), new Reach.Block(7), new Reach.Global(6, 3), new Reach.Global(70, 1), new Reach.Global(3, 66), new Reach.Window(9));
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void cachedStepsAreAFullRecomputation(Reach reach) throws IOException {
        int length = 150;
        try (Decoder dense = TinyDecoder.random(Family.of("llama"), 31, 256)) {
            DecoderSpec spec = dense.spec().withReach(reach);
            int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(length, 5);
            NetworkFiles.save(dense, directory, StorageType.F32);
            Files.writeString(directory.resolve("config.json"), HfConfig.write(spec, StorageType.F32));
            float[] expected;
            TorchEngine torch = TorchEngine.load(directory);
            try (torch; ModelDirectory files = ModelDirectory.open(directory); CpuEngine cpu = CpuEngine.load(files, Optional.empty(),
                    CpuOptions.of(2).withCache(KvPages.Format.F32))) {
                assertThat(files.spec()).isEqualTo(spec);
                expected = last(torch, ids, length);
                assertThat(distance(expected, whole(dense, ids))).as("seen by a dense model").isGreaterThan(1e-3);
                for (int prompt : new int[] {1, 7, 63, 64, 65, length / 2, length - 1, length}) {
                    assertThat(distance(expected, last(torch, ids, prompt))).as("libtorch, a prompt of %d", prompt).isLessThan(1e-5);
                    assertThat(distance(expected, last(cpu, ids, prompt))).as("Java, a prompt of %d", prompt).isLessThan(1e-4);
                }
            }
        }
    }

    private static float[] whole(Decoder model, int[] ids) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            float[] all = model.logits(Tensor.of(ids, 1, ids.length)).toFloats();
            return Arrays.copyOfRange(all, all.length - model.spec().vocabSize(), all.length);
        }
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        double size = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - (double) b[i]) * (a[i] - (double) b[i]);
            size += (double) a[i] * a[i];
        }
        return Math.sqrt(sum / size);
    }

    /** Logits after the last of {@code ids}, of which the first {@code prompt} are read together, a quarter more after that, and the others one by one. */
    private static float[] last(LanguageModel engine, int[] ids, int prompt) {
        try (KvCache cache = engine.newCache(ids.length)) {
            float[] logits = engine.forward(List.of(new Span(cache, Arrays.copyOf(ids, prompt)))).getFirst();
            int then = Math.min(ids.length, prompt + ids.length / 4);
            if (then > prompt) {
                logits = engine.forward(List.of(new Span(cache, Arrays.copyOfRange(ids, prompt, then)))).getFirst();
            }
            for (int i = then; i < ids.length; i++) {
                logits = engine.forward(List.of(new Span(cache, new int[] {ids[i]}))).getFirst();
            }
            return logits;
        }
    }
}
