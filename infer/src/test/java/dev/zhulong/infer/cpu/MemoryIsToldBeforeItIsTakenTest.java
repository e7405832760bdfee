package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Int8Linear;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The estimate from the headers against what the loaded engine counted. */
class MemoryIsToldBeforeItIsTakenTest {
    private static final Path SHARED = Path.of(System.getProperty("zhulong.root", "..")).resolve("../shared").normalize();

    @TempDir
    Path directory;

    private static void agree(MemoryEstimate told, CpuEngine engine, long largest) {
        // vectors are not counted by the engine, what is held while loading is gone again
        assertThat(told.weights()).isBetween(engine.weightBytes(), engine.weightBytes() + engine.weightBytes() / 20 + largest);
        assertThat(told.cachePerToken()).isBetween(MemoryEstimate.cachePerToken(engine.spec(), 2),
                // values of heads that are not whole vectors take room for whole ones
                MemoryEstimate.cachePerToken(engine.spec(), 2) * 5);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q8_0", "Q4_0"})
    void ofAGgufFile(String type) {
        Path path = SHARED.resolve("assets/stories15M/stories15M." + type + ".gguf");
        assumeTrue(Files.exists(path), "../shared is absent: no GGUF file to estimate");
        try (GgufModel file = GgufModel.open(path);
                CpuEngine engine = CpuEngine.load(file, CpuOptions.of(2))) {
            agree(CpuMemory.of(file, CpuOptions.of(2)), engine, 288 * 288 * 2);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void ofADirectoryAsStored(Family family) {
        told(family, StorageType.BF16, Optional.empty());
    }

    @ParameterizedTest
    @EnumSource(value = WeightType.class, names = {"Q8_0", "Q4_0", "INT4", "INT4_ASYM"})
    void ofADirectoryQuantisedAsItIsLoaded(WeightType type) {
        told(Family.of("llama"), StorageType.F32, Optional.of(type));
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void onTheThroughputRouteItIsThatOfTheLargerOfBothRoutes(Family family) {
        assumeTrue(Int8Linear.unavailable() == null, "no int8 products on this processor");
        CpuOptions options = CpuOptions.of(2).withRoute(Route.THROUGHPUT);
        try (Decoder model = TinyDecoder.random(family, 3)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine throughput = CpuEngine.load(files, Optional.of(WeightType.Q4_0), options)) {
            long told = CpuMemory.of(files, Optional.of(WeightType.Q4_0), options).weights();
            long latency = CpuMemory.of(files, Optional.of(WeightType.Q4_0), CpuOptions.of(2)).weights();
            assertThat(told).isGreaterThanOrEqualTo(throughput.weightBytes()).isGreaterThanOrEqualTo(latency)
                    .isLessThan(throughput.weightBytes() + latency);
            // from F32, what is read first is the larger
            assertThat(CpuMemory.of(files, Optional.empty(), options).weights()).isEqualTo(CpuMemory.of(files, Optional.empty(), CpuOptions.of(2)).weights());
        }
    }

    private void told(Family family, StorageType stored, Optional<WeightType> type) {
        long largest;
        try (Decoder model = TinyDecoder.random(family, 3)) {
            NetworkFiles.save(model, directory, stored);
            largest = model.parameters().values().stream().mapToLong(t -> t.elements()).max().orElseThrow() * 12;
        }
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine engine = CpuEngine.load(files, type, CpuOptions.of(2))) {
            agree(CpuMemory.of(files, type, CpuOptions.of(2)), engine, largest);
        }
    }

    @Test
    void theCacheGrowsWithTheTokensAndTheRestStays() {
        var estimate = new MemoryEstimate(1_000, 10, 500);
        assertThat(estimate.total(0)).isEqualTo(1_500);
        assertThat(estimate.total(7)).isEqualTo(1_570);
        assertThat(estimate.tokens(1_577)).isEqualTo(7);
        assertThat(estimate.tokens(900)).isZero();
    }

    /** Matrices one by one, of experts as many as a token is given to. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mixtral"})
    void aTokenIsMultipliedWithItsExpertsAlone(Family family) {
        try (Decoder model = TinyDecoder.random(family, 3)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine engine = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2))) {
            int chosen = files.spec().stack().experts().map(mixture -> mixture.chosen()).orElse(0);
            long expected = 0;
            for (GgufWeight weight : GgufWeight.ofNetwork(files.spec())) {
                Parameter parameter = weight.parameter();
                boolean lookedUp = parameter.role() == Role.EMBED && !files.spec().tiedEmbeddings();
                if (weight.shape().length == 2 && parameter.expert() < chosen && !lookedUp) {
                    expected += PackedWeights.bytes(WeightType.F32, weight.shape()[0], weight.shape()[1]);
                }
            }
            assertThat(engine.bytesOfAToken()).isEqualTo(expected);
        }
    }
}
