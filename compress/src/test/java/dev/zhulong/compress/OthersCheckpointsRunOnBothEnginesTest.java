package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A Llama whose matrices were packed here in the layouts of others, beside the same with the matrices that those integers mean. */
class OthersCheckpointsRunOnBothEnginesTest {
    private static final int[] IDS = {0, 17, 250, 3, 91};

    @TempDir
    Path temporary;

    private record Packed(List<SafetensorsWriter.Entry> entries, float[] values) {}

    private Path packed(String method, int group, boolean symmetric) throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 128, 256, false));
        Path packed = temporary.resolve("packed");
        Path plain = temporary.resolve("plain");
        List<SafetensorsWriter.Entry> asPacked = new ArrayList<>();
        List<SafetensorsWriter.Entry> asPlain = new ArrayList<>();
        Random random = new Random(3);
        try (ModelDirectory directory = ModelDirectory.open(model)) {
            for (TensorView view : directory.tensors().values()) {
                if (!view.name().endsWith("proj.weight")) {
                    asPacked.add(SafetensorsWriter.Entry.of(view));
                    asPlain.add(SafetensorsWriter.Entry.of(view));
                    continue;
                }
                Packed matrix = matrix(view.name().replace(".weight", ""), method, (int) view.shape()[0], (int) view.shape()[1], group, symmetric, random);
                asPacked.addAll(matrix.entries);
                asPlain.add(SafetensorsWriter.Entry.of(view.name(), view.shape(), matrix.values));
            }
            for (Path to : List.of(packed, plain)) {
                Files.createDirectories(to);
                Files.copy(model.resolve("tokenizer.json"), to.resolve("tokenizer.json"));
                SafetensorsWriter.write(to.resolve(ModelDirectory.WEIGHTS), Map.of("format", "pt"), to == packed ? asPacked : asPlain);
            }
        }
        String config = Files.readString(model.resolve(ModelDirectory.CONFIG));
        Files.writeString(plain.resolve(ModelDirectory.CONFIG), config);
        Files.writeString(packed.resolve(ModelDirectory.CONFIG), config.replaceFirst("\\{", "{\"quantization_config\": {\"quant_method\": \"" + method + "\", \"bits\": 4, \"group_size\": "
                + group + ", \"version\": \"gemm\", \"checkpoint_format\": \"gptq\"},"));
        return packed;
    }

    private static Packed matrix(String module, String method, int outputs, int inputs, int group, boolean symmetric, Random random) {
        boolean awq = method.equals("awq");
        int groups = inputs / group;
        short[] scales = new short[groups * outputs];
        int[] zeros = new int[groups * outputs];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = Float.floatToFloat16((0.6f + random.nextFloat()) * 0.2f / (float) Math.sqrt(inputs));
            zeros[i] = symmetric ? 8 : random.nextInt(5, 12);
        }
        int[] codes = new int[inputs * outputs];
        float[] values = new float[codes.length];
        for (int o = 0; o < outputs; o++) {
            for (int i = 0; i < inputs; i++) {
                int q = random.nextInt(16);
                codes[i * outputs + o] = q;
                int g = i / group * outputs + o;
                values[o * inputs + i] = Float.float16ToFloat(Float.floatToFloat16(Float.float16ToFloat(scales[g]) * (q - zeros[g])));
            }
        }
        int[] order = {0, 2, 4, 6, 1, 3, 5, 7};
        int[] words = new int[codes.length / 8];
        int[] zeroWords = new int[zeros.length / 8];
        for (int n = 0; n < 8; n++) {
            for (int w = 0; w < words.length; w++) {
                int row = awq ? w / (outputs / 8) : w / outputs * 8 + n;
                int column = awq ? w % (outputs / 8) * 8 + order[n] : w % outputs;
                words[w] |= codes[row * outputs + column] << 4 * n;
            }
            for (int w = 0; w < zeroWords.length; w++) {
                int zero = zeros[w / (outputs / 8) * outputs + w % (outputs / 8) * 8 + (awq ? order[n] : n)];
                zeroWords[w] |= (awq ? zero : zero - 1 & 15) << 4 * n;
            }
        }
        long in = inputs;
        return new Packed(List.of(
                entry(module + ".qweight", StorageType.I32, MemorySegment.ofArray(words), awq ? in : in / 8, awq ? outputs / 8 : outputs),
                entry(module + ".qzeros", StorageType.I32, MemorySegment.ofArray(zeroWords), groups, outputs / 8),
                entry(module + ".scales", StorageType.F16, MemorySegment.ofArray(scales), groups, outputs)), values);
    }

    private static SafetensorsWriter.Entry entry(String name, StorageType type, MemorySegment data, long... shape) {
        return new SafetensorsWriter.Entry(name, type, shape, () -> data);
    }

    static float[] onTorch(Path model) {
        try (Decoder decoder = (Decoder) NetworkFiles.load(model); Tensor ids = Tensor.of(new long[] {0, 17, 250, 3, 91}, 1, 5); Tensor logits = decoder.logits(ids)) {
            return logits.toFloats();
        }
    }

    static float[] onTheCpuEngine(Path model) {
        try (ModelDirectory directory = ModelDirectory.open(model); CpuEngine engine = CpuEngine.load(directory, Optional.empty(), CpuOptions.of(1)); KvCache cache = engine.newCache(8)) {
            return engine.forward(List.of(new Span(cache, IDS)), true).getFirst();
        }
    }

    static double distance(float[] a, float[] b) {
        double error = 0;
        double all = 0;
        for (int i = 0; i < b.length; i++) {
            error += Math.pow((double) a[i] - b[i], 2);
            all += (double) b[i] * b[i];
        }
        return Math.sqrt(error / all);
    }

    @ParameterizedTest
    @CsvSource({"gptq, 128, true, INT4", "gptq, 32, true, Q4_0", "gptq, 64, false, Q4_1", "awq, 128, false, INT4_ASYM", "awq, 32, true, Q4_0"})
    void theSameLogits(String method, int group, boolean symmetric, String type) throws IOException {
        Path packed = packed(method, group, symmetric);
        Path plain = temporary.resolve("plain");
        assertThat(onTorch(packed)).isEqualTo(onTorch(plain));
        // activations are integers beside blocks
        assertThat(distance(onTheCpuEngine(packed), onTheCpuEngine(plain))).isLessThan(0.03);
        try (ModelDirectory directory = ModelDirectory.open(packed)) {
            assertThat(directory.quantization().orElseThrow().weights()).hasSize(14).containsValue(type);
            assertThat(directory.notice().isPresent()).isEqualTo(!symmetric);
        }
    }

    @Test
    void quantizingThemAgainIsAsked() throws IOException {
        Path packed = packed("gptq", 128, true);
        Path out = temporary.resolve("out.gguf");
        assertThatThrownBy(() -> new Quantization(packed, Precision.Q8_0, out, false, 1, Progress.SILENT)).hasMessageContaining("--requantize");
        new Quantization(packed, Precision.Q8_0, out, true, 1, Progress.SILENT).run();
        assertThat(out).isNotEmptyFile();
    }

    @Test
    void aMatrixOfAnotherShapeIsNamed() throws IOException {
        Path packed = packed("gptq", 32, true);
        Path config = packed.resolve(ModelDirectory.CONFIG);
        Files.writeString(config, Files.readString(config).replace("\"intermediate_size\": 256", "\"intermediate_size\": 128").replace("\"intermediate_size\":256", "\"intermediate_size\":128"));
        assertThatThrownBy(() -> onTheCpuEngine(packed)).hasMessageContaining("_proj.weight").hasMessageContaining("256");
    }

    /** Groups of 128 where they divide all rows, else of 32; what is read are the blocks that were made, and the torch engine has their numbers in F16. */
    @ParameterizedTest
    @CsvSource({"128, 256, INT4", "128, 224, Q4_0"})
    void whatIsWrittenForThemIsReadBack(int hidden, int intermediate, String type) throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), hidden, intermediate, false));
        Path out = temporary.resolve("w4a16");
        new Quantization(model, Precision.W4A16, out, false, 1, Progress.SILENT).run();
        WeightType blocks = WeightType.valueOf(type);
        try (ModelDirectory source = ModelDirectory.open(model); ModelDirectory written = ModelDirectory.open(out)) {
            assertThat(written.notice()).isEmpty();
            assertThat(written.quantization().orElseThrow().weights()).hasSize(14).containsValue(type).doesNotContainValue(type.equals("INT4") ? "Q4_0" : "INT4");
            written.quantization().orElseThrow().weights().keySet().forEach(name -> {
                int columns = (int) source.tensor(name).shape()[1];
                float[] all = source.tensor(name).toFloats();
                float[] plain = written.plain().tensor(name).toFloats();
                byte[] stored = written.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
                int bytes = (int) blocks.rowBytes(columns);
                for (int row = 0; row < all.length / columns; row++) {
                    byte[] expected = Quantiser.row(blocks, Arrays.copyOfRange(all, row * columns, (row + 1) * columns), Quantiser.Search.SCALES);
                    assertThat(Arrays.copyOfRange(stored, row * bytes, (row + 1) * bytes)).isEqualTo(expected);
                    float[] decoded = new float[columns];
                    WeightRows.decode(blocks, MemorySegment.ofArray(expected), 0, columns, decoded);
                    for (int i = 0; i < columns; i++) {
                        assertThat(plain[row * columns + i]).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(decoded[i])));
                    }
                }
            });
        }
        assertThat(onTheCpuEngine(out)).isNotEqualTo(onTheCpuEngine(model));
    }

    @Test
    void whatTheirProgramsWouldNotFindIsRefused() throws IOException {
        Path model = SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("gpt2"), 128, 256, true));
        assertThatThrownBy(() -> new Quantization(model, Precision.W4A16, temporary.resolve("out"), false, 1, Progress.SILENT).run()).hasMessageContaining("linear layers")
                .hasMessageContaining("q4_sym");
        assertThat(temporary.resolve("out")).doesNotExist();
    }
}
