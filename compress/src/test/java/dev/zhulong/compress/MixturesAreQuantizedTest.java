package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.cpu.Route;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.Int8Linear;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A mixture of experts in every type: each expert is its own, the routers stay as they were, logits are those of the float model but for the type's error. */
class MixturesAreQuantizedTest {
    private static final DecoderSpec SPEC = SmallModels.mixture(256, 256);
    private static final int[] IDS = {0, 17, 250, 3, 91, 44, 8, 120};

    @TempDir
    static Path directory;
    private static Path model;
    private static float[] exact;

    @TempDir
    Path temporary;

    @BeforeAll
    static void write() throws IOException {
        model = SmallModels.write(directory.resolve("model"), SPEC);
        exact = logits(model, Optional.empty(), CpuOptions.of(2).withCache(KvPages.Format.F32));
    }

    private static Path quantized(Path from, Precision precision, Path out) {
        new Quantization(from, precision, out, false, 2, Progress.SILENT).run();
        return out;
    }

    private static float[] logits(CpuEngine engine) {
        try (KvCache cache = engine.newCache(IDS.length)) {
            return engine.forward(List.of(new Span(cache, IDS)), true).getFirst();
        }
    }

    private static float[] logits(Path directory, Optional<WeightType> type, CpuOptions options) {
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine engine = CpuEngine.load(files, type, options)) {
            MemoryEstimate told = CpuMemory.of(files, type, options);
            assertThat(told.weights()).isGreaterThanOrEqualTo(engine.weightBytes());
            return logits(engine);
        }
    }

    @ParameterizedTest
    @EnumSource(names = "Q4|Q4_SYM|W4A16", mode = EnumSource.Mode.MATCH_NONE)
    void asAGgufFile(Precision precision) {
        Path file = quantized(model, precision, temporary.resolve("model.gguf"));
        try (ModelDirectory directory = ModelDirectory.open(model);
                GgufModel gguf = GgufModel.open(file);
                CpuEngine engine = CpuEngine.load(gguf, CpuOptions.of(2));
                Arena arena = Arena.ofConfined()) {
            var mix = new TensorMix(precision, SPEC, true, false);
            for (Parameter p : Parameters.of(SPEC)) {
                GgufTensor tensor = gguf.tensor(p.name(), arena);
                WeightType type = WeightType.valueOf(tensor.type().name());
                assertThat(type).as(p.name()).isEqualTo(mix.type(p.gguf(), p.shape()));
                float[] expected = directory.tensor(p.name()).toFloats();
                if (p.role() == Role.ROUTER) {
                    assertThat(floats(tensor)).as(p.name()).isEqualTo(expected);
                }
                assertThat(distance(floats(tensor), expected)).as("%s as %s", p.name(), type).isLessThan(error(type) + 1e-9);
            }
            assertThat(CpuMemory.of(gguf, CpuOptions.of(2)).weights()).isGreaterThanOrEqualTo(engine.weightBytes());
            near(logits(engine), error(precision.type()));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4", "Q4_SYM"})
    void asADirectoryOfOurOwn(Precision precision) {
        Path out = quantized(model, precision, temporary.resolve("out"));
        try (ModelDirectory written = ModelDirectory.open(out); ModelDirectory original = ModelDirectory.open(model)) {
            for (Parameter p : Parameters.of(SPEC)) {
                String type = written.quantization().orElseThrow().weights().get(p.name());
                assertThat(type != null).as(p.name()).isEqualTo(p.shape().length == 2 && p.role() != Role.ROUTER);
                if (p.role() == Role.ROUTER) {
                    assertThat(written.tensor(p.name()).toFloats()).isEqualTo(original.tensor(p.name()).toFloats());
                }
            }
        }
        near(logits(out, Optional.empty(), CpuOptions.of(2)), error(WeightType.Q4_0));
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "INT4", "INT4_ASYM"})
    void asItIsLoaded(WeightType type) {
        for (KvPages.Format cache : EnumSet.complementOf(EnumSet.of(KvPages.Format.INT4))) {
            near(logits(model, Optional.of(type), CpuOptions.of(2).withCache(cache)), error(type));
        }
    }

    @Test
    void onTheThroughputRoute() {
        assumeTrue(Int8Linear.unavailable() == null, "no int8 products on this processor");
        near(logits(model, Optional.of(WeightType.Q8_0), CpuOptions.of(2).withRoute(Route.THROUGHPUT)), error(WeightType.Q8_0));
    }

    @Test
    void fromAGgufFileItIsTheSameFile() {
        Path direct = quantized(model, Precision.Q4_K_M, temporary.resolve("direct.gguf"));
        Path twice = quantized(quantized(model, Precision.F32, temporary.resolve("f32.gguf")), Precision.Q4_K_M, temporary.resolve("twice.gguf"));
        try (GgufModel expected = GgufModel.open(direct); GgufModel actual = GgufModel.open(twice)) {
            expected.file().tensors().forEach((name, tensor) -> {
                assertThat(actual.file().tensor(name).type()).as(name).isEqualTo(tensor.type());
                assertThat(actual.file().tensor(name).data().mismatch(tensor.data())).as(name).isEqualTo(-1);
            });
        }
    }

    /** As {@code llama-quantize} has it for eight experts: attention is a small part of such a model, and so are its bits. */
    @ParameterizedTest
    @CsvSource({
        "Q2_K, Q8_0, Q5_K, Q3_K, Q2_K", "Q3_K_S, Q8_0, Q5_K, Q3_K, Q3_K", "Q3_K_M, Q8_0, Q5_K, Q4_K, Q3_K", "Q3_K_L, Q8_0, Q3_K, Q5_K, Q3_K",
        "Q4_0, Q8_0, Q4_0, Q4_0, Q4_0", "Q4_K_S, Q8_0, Q5_K, Q4_K, Q4_K", "Q5_K_S, Q8_0, Q5_K, Q5_K, Q5_K", "Q6_K, Q8_0, Q6_K, Q6_K, Q6_K",
        "Q8_0, Q8_0, Q8_0, Q8_0, Q8_0", "F16, F16, F16, F16, F16",
    })
    void eightExpertsHaveAMixOfTheirOwn(Precision precision, WeightType keysAndValues, WeightType output, WeightType down, WeightType others) {
        var mix = new TensorMix(precision, SPEC, true, false);
        long[] square = {256, 256};
        long[] stack = {8, 256, 256};
        assertThat(mix.type("blk.0.attn_k.weight", square)).isEqualTo(keysAndValues);
        assertThat(mix.type("blk.0.attn_v.weight", square)).isEqualTo(keysAndValues);
        assertThat(mix.type("blk.0.attn_output.weight", square)).isEqualTo(output);
        assertThat(mix.type("blk.0.ffn_down_exps.weight", stack)).isEqualTo(down);
        assertThat(mix.type("blk.0.ffn_gate_exps.weight", stack)).isEqualTo(others);
        assertThat(mix.type("blk.0.ffn_up_exps.weight", stack)).isEqualTo(others);
        assertThat(mix.type("blk.0.attn_q.weight", square)).isEqualTo(others);
        assertThat(mix.type("blk.0.ffn_gate_inp.weight", square)).isEqualTo(WeightType.F32);
    }

    /** Rounding may make another of two experts that are about equally good the better one: logits may be further off than the weights. */
    private static void near(float[] logits, double error) {
        assertThat(distance(logits, exact)).isLessThan(3 * error + 0.02);
    }

    /** Twice the error of a uniform grid of as many levels over three deviations to either side. */
    private static double error(WeightType type) {
        return switch (type) {
            case F32 -> 0;
            case F16 -> 0x1p-11;
            case BF16 -> 0x1p-8;
            default -> 2 * 6 / Math.sqrt(12) / (1 << Integer.parseInt(type.name().replaceFirst("I?(?:Q|NT)(\\d).*", "$1")));
        };
    }

    private static float[] floats(GgufTensor tensor) {
        int columns = (int) tensor.shape()[tensor.shape().length - 1];
        float[] all = new float[(int) tensor.elements()];
        float[] row = new float[columns];
        for (int r = 0; r < all.length / columns; r++) {
            WeightRows.decode(WeightType.valueOf(tensor.type().name()), tensor.data(), r, columns, row);
            System.arraycopy(row, 0, all, r * columns, columns);
        }
        return all;
    }

    /** Of their difference, relative to the second. */
    private static double distance(float[] actual, float[] expected) {
        double difference = 0;
        double all = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow((double) actual[i] - expected[i], 2);
            all += (double) expected[i] * expected[i];
        }
        assertThat(actual).hasSameSizeAs(expected);
        return Math.sqrt(difference / all);
    }
}
