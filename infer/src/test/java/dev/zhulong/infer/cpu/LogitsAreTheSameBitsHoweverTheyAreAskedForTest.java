package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Int8Linear;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Traps 50, 51 and 58. */
class LogitsAreTheSameBitsHoweverTheyAreAskedForTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({"llama, F32, F16, LATENCY", "llama, F32, F32, LATENCY", "llama, Q8_0, F16, LATENCY", "llama, Q4_0, F16, LATENCY", "mistral, Q8_0, F16, LATENCY",
        "qwen2, F32, F16, LATENCY", "qwen3, Q4_0, F16, LATENCY", "gpt2, Q8_0, F16, LATENCY", "llama, Q8_0, INT8, LATENCY", "llama, Q8_0, INT4, LATENCY",
        "llama, F32, F16, THROUGHPUT", "qwen3, Q4_0, F16, THROUGHPUT", "gpt2, Q8_0, INT8, THROUGHPUT"})
    void aloneInABatchInPiecesAndAfterACut(Family family, WeightType type, KvPages.Format kept, Route route) {
        assumeTrue(route == Route.LATENCY || Int8Linear.unavailable() == null, "int8 products are not to be had on this processor");
        try (Decoder model = TinyDecoder.random(family, 5)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine engine = CpuEngine.load(files, Optional.of(type).filter(WeightType::quantised), CpuOptions.of(2).withCache(kept).withRoute(route));
                CpuEngine single = CpuEngine.load(files, Optional.of(type).filter(WeightType::quantised), CpuOptions.of(1).withCache(kept).withRoute(route))) {
            int[] ids = TheCpuEngineAgreesWithTheTorchEngineTest.ids(45, 7);
            float[] alone = whole(engine, ids);
            assertThat(whole(single, ids)).as("on one thread").isEqualTo(alone);
            for (int piece : new int[] {1, 7, 32, 512}) {
                assertThat(inPieces(engine, ids, piece)).as("in pieces of " + piece).isEqualTo(alone);
            }
            assertThat(amongEight(engine, ids)).as("among eight").isEqualTo(alone);
            // what another sequence left behind the cut must not be seen
            try (KvCache cache = engine.newCache(64)) {
                engine.forward(List.of(new Span(cache, Arrays.copyOf(ids, 20))), false);
                engine.forward(List.of(new Span(cache, TheCpuEngineAgreesWithTheTorchEngineTest.ids(30, 8))), false);
                cache.truncate(20);
                float[] rest = engine.forward(List.of(new Span(cache, Arrays.copyOfRange(ids, 20, ids.length))), true).getFirst();
                assertThat(rest).as("after a cut").isEqualTo(Arrays.copyOfRange(alone, alone.length - rest.length, alone.length));
            }
            int vocab = engine.spec().vocabSize();
            try (KvCache cache = engine.newCache(64)) {
                assertThat(engine.forward(List.of(new Span(cache, ids)), false).getFirst()).as("the last alone")
                        .isEqualTo(Arrays.copyOfRange(alone, alone.length - vocab, alone.length));
            }
        }
    }

    private static float[] whole(CpuEngine engine, int[] ids) {
        try (KvCache cache = engine.newCache(ids.length)) {
            return engine.forward(List.of(new Span(cache, ids)), true).getFirst();
        }
    }

    private static float[] inPieces(CpuEngine engine, int[] ids, int piece) {
        float[] all = new float[ids.length * engine.spec().vocabSize()];
        try (KvCache cache = engine.newCache(ids.length)) {
            for (int from = 0; from < ids.length; from += piece) {
                float[] logits = engine.forward(List.of(new Span(cache, Arrays.copyOfRange(ids, from, Math.min(ids.length, from + piece)))), true)
                        .getFirst();
                System.arraycopy(logits, 0, all, from * engine.spec().vocabSize(), logits.length);
            }
        }
        return all;
    }

    /** Each of the eight at another place, of another length; ours half read before. */
    private static float[] amongEight(CpuEngine engine, int[] ids) {
        List<KvCache> caches = new ArrayList<>();
        try {
            List<Span> spans = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                caches.add(engine.newCache(64));
                engine.forward(List.of(new Span(caches.get(i), i == 3 ? Arrays.copyOf(ids, 11) : TheCpuEngineAgreesWithTheTorchEngineTest.ids(i + 1, i))),
                        false);
                spans.add(new Span(caches.get(i), i == 3 ? Arrays.copyOfRange(ids, 11, ids.length)
                        : TheCpuEngineAgreesWithTheTorchEngineTest.ids(5 * i + 1, 20 + i)));
            }
            float[] rest = engine.forward(spans, true).get(3);
            float[] all = whole(engine, Arrays.copyOf(ids, 11));
            float[] joined = Arrays.copyOf(all, all.length + rest.length);
            System.arraycopy(rest, 0, joined, all.length, rest.length);
            return joined;
        } finally {
            caches.forEach(KvCache::close);
        }
    }
}
