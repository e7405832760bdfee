package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.TinyEncoderDecoder;
import dev.zhulong.infer.search.CachedContinuation;
import dev.zhulong.infer.search.Continuation;
import dev.zhulong.infer.search.TorchContinuation;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.NetworkFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EncoderDecodersAgreeWithTheTorchEngineTest {
    private static final List<int[]> SOURCES = List.of(ids(5, 1), ids(90, 2), ids(33, 3), ids(1, 4));

    @TempDir
    Path directory;

    private static int[] ids(int n, long seed) {
        return new SplittableRandom(seed).ints(n, 2, TinyEncoderDecoder.VOCAB).toArray();
    }

    private CpuEncoderDecoder load(String family, Optional<WeightType> type, KvPages.Format cache) {
        TinyEncoderDecoder.write(family, 9, directory);
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEncoderDecoder.load(files, type, CpuOptions.of(2).withCache(cache));
        }
    }

    /** Logits of some steps after sources of unequal lengths. */
    private static List<float[]> steps(Continuation rows) {
        List<float[]> all = new ArrayList<>();
        try (rows) {
            for (int step = 0; step < 12; step++) {
                all.addAll(List.of(rows.append(ids(SOURCES.size(), 50 + step))));
            }
        }
        return all;
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5", "bart", "mbart", "marian", "m2m_100"})
    void inF32(String family) {
        try (EncoderDecoder torch = TinyEncoderDecoder.random(family, 9); CpuEncoderDecoder cpu = load(family, Optional.empty(), KvPages.Format.F32)) {
            List<float[]> expected = steps(new TorchContinuation(torch, SOURCES));
            assertThat(share(steps(new CachedContinuation(cpu, SOURCES)), expected)).isLessThan(1e-5);
            // what was compared is not all alike
            assertThat(share(expected.subList(0, 4), expected.subList(4, 8))).isGreaterThan(1e-3);
        }
    }

    /** The weights as they are stored are the weights. */
    @ParameterizedTest
    @CsvSource({"t5, F16", "marian, BF16"})
    void inSixteenBits(String family, StorageType type) {
        try (EncoderDecoder model = TinyEncoderDecoder.random(family, 9)) {
            NetworkFiles.save(model, directory, type);
        }
        try (EncoderDecoder torch = EncoderDecoder.load(directory); ModelDirectory files = ModelDirectory.open(directory);
                CpuEncoderDecoder cpu = CpuEncoderDecoder.load(files, Optional.empty(), CpuOptions.of(2).withCache(KvPages.Format.F32))) {
            assertThat(share(steps(new CachedContinuation(cpu, SOURCES)), steps(new TorchContinuation(torch, SOURCES)))).isLessThan(1e-5);
        }
    }

    /** Eight and four bits move the logits, by a share of their size, four more than eight. */
    @ParameterizedTest
    @ValueSource(strings = {"t5", "marian"})
    void inEightAndInFourBits(String family) {
        try (EncoderDecoder torch = TinyEncoderDecoder.random(family, 9); CpuEncoderDecoder eight = load(family, Optional.of(WeightType.Q8_0), KvPages.Format.F16);
                CpuEncoderDecoder four = load(family, Optional.of(WeightType.Q4_0), KvPages.Format.F16)) {
            List<float[]> expected = steps(new TorchContinuation(torch, SOURCES));
            double ofEight = share(steps(new CachedContinuation(eight, SOURCES)), expected);
            assertThat(ofEight).isBetween(1e-4, 0.3);
            assertThat(share(steps(new CachedContinuation(four, SOURCES)), expected)).isBetween(ofEight, 1.2);
        }
    }

    /** Root of the mean square of the difference, of that of what is expected. */
    private static double share(List<float[]> found, List<float[]> expected) {
        double difference = 0;
        double all = 0;
        for (int i = 0; i < expected.size(); i++) {
            for (int j = 0; j < expected.get(i).length; j++) {
                difference += Math.pow(found.get(i)[j] - expected.get(i)[j], 2);
                all += Math.pow(expected.get(i)[j], 2);
            }
        }
        return Math.sqrt(difference / all);
    }

    /** A source of two pages, read by four beams of one page each. */
    @Test
    void beamsShareTheKeysOfTheirSource() {
        try (CpuEncoderDecoder cpu = load("t5", Optional.empty(), KvPages.Format.F16)) {
            var rows = new CachedContinuation(cpu, List.of(ids(100, 1)));
            rows.choose(new int[] {0, 0, 0, 0});
            rows.append(new int[4]);
            assertThat(cpu.pagesUsed()).isEqualTo(2 + 4);
            rows.choose(new int[] {1, 1});
            assertThat(cpu.pagesUsed()).isEqualTo(2 + 1);
            rows.append(new int[] {3, 4});
            assertThat(cpu.pagesUsed()).isEqualTo(2 + 2);
            rows.close();
            assertThat(cpu.pagesUsed()).isZero();
        }
    }

    @Test
    void whatCannotBeReadIsRefusedByName() {
        try (CpuEncoderDecoder cpu = load("bart", Optional.empty(), KvPages.Format.F16)) {
            assertThatThrownBy(() -> cpu.newCache(4)).hasMessageContaining("writes of a source");
            assertThatThrownBy(() -> cpu.newCache(4, ids(TinyEncoderDecoder.CONTEXT + 1, 1))).hasMessageContaining("longer than this model can read: 128");
            assertThatThrownBy(() -> cpu.newCache(4, new int[] {TinyEncoderDecoder.VOCAB})).hasMessageContaining("outside the vocabulary of 272");
            try (KvCache cache = cpu.newCache(4, new int[] {3})) {
                assertThat(cache.length()).isZero();
            }
            assertThat(cpu.pagesUsed()).isZero();
        }
    }
}
