package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Trap 33 on the CPU engine: every published scaling, heads that rotate in part, keys shared by two heads, and positions far beyond the original
 * context, from a directory (half-split) and, where GGUF can say it, from a file (neighbours) made of it.
 */
class RotationsAreThoseOfTheTorchEngineTest {
    private static final int CONTEXT = 256;
    private static final int[] IDS = TheCpuEngineAgreesWithTheTorchEngineTest.ids(200, 33);

    @TempDir
    Path directory;

    private static Stream<Arguments> rotations() {
        var yarn = new Scaling.Yarn(4, 16, 32, 1, 0.1 * Math.log(4) + 1, true);
        var longRope = new Scaling.LongRope(List.of(1.0, 1.5, 2.0, 4.0), List.of(1.1, 3.0, 9.0, 20.0), 64, 1.2);
        var stillShort = new Scaling.LongRope(longRope.shortFactors(), longRope.longFactors(), 200, 1.2);
        return Stream.of(Arguments.of(8, longRope), Arguments.of(8, stillShort), Arguments.of(8, new Scaling.None()), Arguments.of(8, new Scaling.Linear(2.5)),
                Arguments.of(8, new Scaling.Llama3(8, 1, 4, 64)), Arguments.of(8, yarn), Arguments.of(4, new Scaling.None()), Arguments.of(6, new Scaling.Llama3(8, 1, 4, 64)), Arguments.of(6, yarn));
    }

    @ParameterizedTest
    @MethodSource("rotations")
    void fromADirectoryAndFromAFile(int rotated, Scaling scaling) {
        float[] plain;
        try (LanguageModel torch = new TorchEngine(TinyDecoder.rotated(8, new Scaling.None(), 33, CONTEXT))) {
            plain = logits(torch);
        }
        float[] expected;
        try (Decoder model = TinyDecoder.rotated(rotated, scaling, 33, CONTEXT)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (LanguageModel torch = TorchEngine.load(directory)) {
            expected = logits(torch);
        }
        boolean changed = rotated < 8 || !(scaling instanceof Scaling.None);
        assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, plain) > 0.05).as("or the rotation does not matter").isEqualTo(changed);
        Path file = directory.resolve("model.gguf");
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            try (CpuEngine engine = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2))) {
                assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, logits(engine))).as("from a directory").isLessThan(2e-3);
            }
            if (rotated < 8 || scaling instanceof Scaling.Llama3) {
                // GGUF's llama rotates whole heads, and Llama 3.1's four numbers are not found again from the factors of four pairs
                return;
            }
            GgufExport.write(file, files.spec().withEosIds(files.eosIds()), files::tensor, Map.of("tokenizer.ggml.model", GgufValue.of("no_vocab")),
                    "m", GgufType.F32);
        }
        try (GgufModel gguf = GgufModel.open(file);
                CpuEngine engine = CpuEngine.load(gguf, CpuOptions.of(2))) {
            assertThat(TheCpuEngineAgreesWithTheTorchEngineTest.distance(expected, logits(engine))).as("from a GGUF file").isLessThan(2e-3);
        }
    }

    private static float[] logits(LanguageModel model) {
        try (var cache = model.newCache(IDS.length)) {
            return model.forward(List.of(new Span(cache, IDS)), true).getFirst();
        }
    }
}
