package dev.zhulong.compress;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import static org.assertj.core.api.Assertions.assertThat;

class WhatIsWrittenIsTheModelTest {
    @TempDir
    Path temporary;

    private static Quantization.Written quantise(Path model, Precision precision, Path out) {
        return new Quantization(model, precision, out, false, 2, Progress.SILENT).run();
    }

    private static String greedy(CpuEngine engine, Tokenizer tokenizer) {
        var generator = new Generator(engine, tokenizer);
        return generator.generate(generator.sequence("The lamp number "), GenerateOptions.of(40, SamplerOptions.GREEDY), _ -> { }).text();
    }

    @ParameterizedTest
    @CsvSource({"llama, true", "llama, false", "mistral, false", "qwen2, false", "qwen3, true", "gpt2, true"})
    void floatsWriteTheSameText(Family family, boolean tied) throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(family, 64, 96, tied));
        Path file = temporary.resolve("model.gguf");
        quantise(model, Precision.F32, file);
        String expected;
        try (ModelDirectory directory = ModelDirectory.open(model);
                CpuEngine engine = CpuEngine.load(directory, Optional.empty(), CpuOptions.of(1));
                Tokenizer tokenizer = HuggingFaceTokenizer.load(model)) {
            expected = greedy(engine, tokenizer);
        }
        try (GgufModel gguf = GgufModel.open(file);
                CpuEngine engine = CpuEngine.load(gguf, CpuOptions.of(1));
                Tokenizer tokenizer = GgufTokenizer.load(gguf.file().metadata())) {
            assertThat(greedy(engine, tokenizer)).isEqualTo(expected).isNotBlank();
            assertThat(tokenizer.encode(SmallModels.text(25))).isEqualTo(HuggingFaceTokenizer.load(model).encode(SmallModels.text(25)));
        }
    }

    /** Whatever the type, each weight is what the rules of its type make of the directory's. */
    @ParameterizedTest
    @EnumSource(names = "Q4|Q4_SYM|W4A16", mode = EnumSource.Mode.MATCH_NONE)
    void eachWeightIsNearTheDirectorys(Precision precision) throws IOException {
        DecoderSpec spec = SmallModels.spec(Family.of("llama"), 256, 512, true);
        Path model = SmallModels.write(temporary.resolve("model"), spec);
        Path file = temporary.resolve("model.gguf");
        Quantization.Written written = quantise(model, precision, file);
        assertThat(written.bytesAfter()).isEqualTo(Files.size(file));
        try (ModelDirectory directory = ModelDirectory.open(model);
                GgufModel gguf = GgufModel.open(file)) {
            var mix = new TensorMix(precision, spec, false, false);
            for (GgufWeight weight : GgufWeight.of(spec)) {
                GgufTensor tensor = gguf.file().tensor(weight.gguf());
                WeightType type = WeightType.valueOf(tensor.type().name());
                assertThat(type).isEqualTo(mix.type(weight.gguf(), weight.shape()));
                float[] expected = weight.fromHuggingFace(directory.tensor(weight.huggingFace())).toArray(ValueLayout.JAVA_FLOAT);
                assertThat(relativeError(expected, floats(tensor, type))).as("%s as %s", weight.gguf(), type).isLessThan(bound(type));
            }
        }
    }

    /** Twice the error of a uniform grid of as many levels over three deviations to either side. */
    private static double bound(WeightType type) {
        return switch (type) {
            case F32 -> 1e-9;
            case F16 -> 0x1p-11;
            case BF16 -> 0x1p-8;
            default -> 2 * 6 / Math.sqrt(12) / (1 << bits(type));
        };
    }

    private static int bits(WeightType type) {
        return Integer.parseInt(type.name().replaceFirst("I?Q(\\d).*", "$1"));
    }

    private static double relativeError(float[] expected, float[] actual) {
        assertThat(actual).hasSameSizeAs(expected);
        double error = 0;
        double all = 0;
        for (int i = 0; i < expected.length; i++) {
            error += Math.pow((double) expected[i] - actual[i], 2);
            all += (double) expected[i] * expected[i];
        }
        return Math.sqrt(error / all);
    }

    private static float[] floats(GgufTensor tensor, WeightType type) {
        int columns = (int) tensor.shape()[tensor.shape().length - 1];
        float[] all = new float[(int) tensor.elements()];
        float[] row = new float[columns];
        for (int r = 0; r < all.length / columns; r++) {
            WeightRows.decode(type, tensor.data(), r, columns, row);
            System.arraycopy(row, 0, all, r * columns, columns);
        }
        return all;
    }

    @Test
    void itSaysWhatItIs() throws IOException {
        Path model = SmallModels.write(temporary.resolve("my-model"), SmallModels.spec(Family.of("llama"), 64, 96, true));
        Path file = temporary.resolve("model.gguf");
        quantise(model, Precision.Q4_K_M, file);
        try (GgufModel gguf = GgufModel.open(file)) {
            var metadata = gguf.file().metadata().values();
            assertThat(metadata.get("general.name")).isEqualTo(GgufValue.of("my-model"));
            assertThat(metadata.get("general.file_type")).isEqualTo(GgufValue.of(15));
            assertThat(metadata.get("general.quantization_version")).isEqualTo(GgufValue.of(2));
            assertThat(metadata.get("tokenizer.chat_template")).isEqualTo(GgufValue.of(SmallModels.TEMPLATE));
            assertThat(gguf.spec().eosIds()).containsExactly(0);
            assertThat(gguf.spec().contextLength()).isEqualTo(SmallModels.CONTEXT);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_K_M", "Q4"})
    void theBytesDoNotDependOnThreads(Precision precision) throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 256, 512, false));
        Path one = temporary.resolve("one");
        Path three = temporary.resolve("three");
        new Quantization(model, precision, one, false, 1, Progress.SILENT).run();
        new Quantization(model, precision, three, false, 3, Progress.SILENT).run();
        String weights = precision.isDirectory() ? ModelDirectory.WEIGHTS : "";
        assertThat(Files.mismatch(one.resolve(weights), three.resolve(weights))).isEqualTo(-1);
    }

    /** A GGUF file quantised is the directory quantised: same tensors, whose rows only lie in another order on the way. */
    @Test
    void fromAGgufFileItIsTheSameFile() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 256, 512, false));
        Path floats = temporary.resolve("model.F32.gguf");
        Path direct = temporary.resolve("direct.gguf");
        Path twoSteps = temporary.resolve("two-steps.gguf");
        quantise(model, Precision.F32, floats);
        quantise(model, Precision.Q4_K_S, direct);
        quantise(floats, Precision.Q4_K_S, twoSteps);
        try (GgufModel expected = GgufModel.open(direct);
                GgufModel actual = GgufModel.open(twoSteps);
                Arena arena = Arena.ofConfined()) {
            assertThat(actual.file().metadata().values()).containsExactlyInAnyOrderEntriesOf(expected.file().metadata().values());
            assertThat(actual.file().tensors().keySet()).isEqualTo(expected.file().tensors().keySet());
            for (GgufTensor tensor : expected.file().tensors().values()) {
                MemorySegment other = actual.file().tensor(tensor.name()).data();
                assertThat(tensor.data().mismatch(other)).as(tensor.name()).isEqualTo(-1);
            }
        }
    }
}
