package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * LongRoPE turns all keys of a sequence by other factors once it is longer than the original context: however it was read, its logits are those of the
 * same tokens read at once, on either side of that length, beside sequences on the other side, and after it was cut back.
 */
class KeysOfALongSequenceAreTurnedAnewTest {
    private static final int ORIGINAL = 40;
    private static final int LENGTH = 90;
    private static final int[] IDS = TheCpuEngineAgreesWithTheTorchEngineTest.ids(LENGTH, 7);
    private static final Scaling SCALING = new Scaling.LongRope(List.of(1.0, 1.5, 2.0, 4.0), List.of(1.1, 3.0, 9.0, 20.0), ORIGINAL, 1.2);

    @TempDir
    Path directory;

    @Test
    void onBothEngines() {
        try (Decoder model = TinyDecoder.rotated(8, SCALING, 33, 128)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (LanguageModel torch = TorchEngine.load(directory)) {
            // libtorch adds up in another order for other numbers of rows
            holds(torch, 1e-5);
        }
        try (ModelDirectory files = ModelDirectory.open(directory);
                LanguageModel cpu = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2).withCache(KvPages.Format.F32));
                LanguageModel torch = TorchEngine.load(directory)) {
            holds(cpu, 1e-9);
            for (int length : new int[] {ORIGINAL, ORIGINAL + 1}) {
                assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(whole(torch, length), whole(cpu, length))).isLessThan(1e-5);
            }
        }
    }

    private static void holds(LanguageModel model, double tolerance) {
        for (int[] cut : new int[][] {{ORIGINAL, 1, 1}, {ORIGINAL - 1, 1, 1, 1, 9}, {10, 60, 5}, {ORIGINAL + 1, 1}, {70, 20}}) {
            try (KvCache cache = model.newCache(LENGTH); KvCache other = model.newCache(LENGTH)) {
                for (int n : cut) {
                    int from = cache.length();
                    Span beside = new Span(other, Arrays.copyOfRange(IDS, other.length(), other.length() + 3), Logits.LAST);
                    List<float[]> both = model.forward(List.of(beside, new Span(cache, Arrays.copyOfRange(IDS, from, from + n), Logits.ALL)));
                    float[] expected = whole(model, from + n);
                    assertThat(cache.length()).isEqualTo(from + n);
                    assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(
                            Arrays.copyOfRange(expected, from * model.spec().vocabSize(), expected.length), both.getLast()))
                            .as(Arrays.toString(cut) + " at " + from).isLessThanOrEqualTo(tolerance);
                    assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(last(whole(model, other.length()), model), both.getFirst()))
                            .isLessThanOrEqualTo(tolerance);
                }
                cache.truncate(20);
                float[] again = model.forward(List.of(new Span(cache, new int[] {IDS[20]}, Logits.LAST))).getFirst();
                assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(last(whole(model, 21), model), again)).as("cut back").isLessThanOrEqualTo(tolerance);
            }
        }
    }

    private static float[] last(float[] logits, LanguageModel model) {
        return Arrays.copyOfRange(logits, logits.length - model.spec().vocabSize(), logits.length);
    }

    private static float[] whole(LanguageModel model, int length) {
        try (KvCache cache = model.newCache(length)) {
            return model.forward(List.of(new Span(cache, Arrays.copyOf(IDS, length), Logits.ALL))).getFirst();
        }
    }
}
