package dev.zhulong.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rotary rows interleaved (llama.cpp) and half-split (Hugging Face), grouped heads among them. */
class RotaryRowsKeepTheirMeaningTest {

    @TempDir
    Path directory;

    private static double[] project(float[] weight, double[] x) {
        double[] out = new double[weight.length / x.length];
        for (int row = 0; row < out.length; row++) {
            for (int i = 0; i < x.length; i++) {
                out[row] += (double) weight[row * x.length + i] * x[i];
            }
        }
        return out;
    }

    /** Rotates pairs of a head: neighbours, or i and i + half. */
    private static void rotate(double[] heads, int headDim, int position, boolean neighbours) {
        for (int head = 0; head < heads.length; head += headDim) {
            for (int i = 0; i < headDim / 2; i++) {
                double angle = position * Math.pow(10_000, -2.0 * i / headDim);
                int a = head + (neighbours ? 2 * i : i);
                int b = head + (neighbours ? 2 * i + 1 : i + headDim / 2);
                double x = heads[a];
                double y = heads[b];
                heads[a] = x * Math.cos(angle) - y * Math.sin(angle);
                heads[b] = x * Math.sin(angle) + y * Math.cos(angle);
            }
        }
    }

    /** Attention scores of every query head, at positions 11 and 4. */
    private static List<Double> scores(float[] query, float[] key, int headDim, boolean neighbours) {
        var random = new Random(5);
        double[] x = random.doubles(SmallModels.HIDDEN, -1, 1).toArray();
        double[] y = random.doubles(SmallModels.HIDDEN, -1, 1).toArray();
        double[] q = project(query, x);
        double[] k = project(key, y);
        rotate(q, headDim, 11, neighbours);
        rotate(k, headDim, 4, neighbours);
        var scores = new ArrayList<Double>();
        int group = q.length / k.length;
        for (int head = 0; head < q.length / headDim; head++) {
            double score = 0;
            for (int i = 0; i < headDim; i++) {
                score += q[head * headDim + i] * k[head / group * headDim + i];
            }
            scores.add(score);
        }
        return scores;
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3"})
    void scoresAreTheSameUnderEachLayoutsOwnRotation(Family family) {
        DecoderSpec spec = SmallModels.spec(family);
        Map<String, TensorView> original = SmallModels.weights(spec, 9);
        boolean neighbours = family == Family.of("llama") || family == Family.of("mistral");
        try (var model = GgufModel.open(SmallModels.write(directory.resolve("m.gguf"), spec, 9))) {
            String prefix = "model.layers.1.self_attn.";
            List<Double> half = scores(original.get(prefix + "q_proj.weight").toFloats(), original.get(prefix + "k_proj.weight").toFloats(),
                    spec.headDim(), false);
            float[] query = model.file().tensor("blk.1.attn_q.weight").plain().orElseThrow().toFloats();
            float[] key = model.file().tensor("blk.1.attn_k.weight").plain().orElseThrow().toFloats();
            List<Double> stored = scores(query, key, spec.headDim(), neighbours);
            List<Double> wrong = scores(query, key, spec.headDim(), !neighbours);
            for (int head = 0; head < half.size(); head++) {
                assertThat(stored.get(head)).isCloseTo(half.get(head), within(1e-9));
                assertThat(wrong.get(head)).isNotCloseTo(half.get(head), within(1e-3));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void everyWeightComesBack(Family family) {
        DecoderSpec spec = family == Family.of("llama") ? SmallModels.withBiases(SmallModels.spec(family)) : SmallModels.spec(family);
        Map<String, TensorView> original = SmallModels.weights(spec, 3);
        try (var model = GgufModel.open(SmallModels.write(directory.resolve("m.gguf"), spec, 3)); var arena = Arena.ofConfined()) {
            assertThat(model.weights().keySet()).containsExactlyElementsOf(original.keySet());
            original.forEach((name, view) -> {
                TensorView read = model.tensor(name, arena).plain().orElseThrow();
                float[] expected = view.toFloats();
                if (model.weights().get(name).layout() == Layout.TRANSPOSED) {
                    expected = transposed(expected, (int) view.shape()[0], (int) view.shape()[1]);
                }
                assertThat(read.toFloats()).as(name).isEqualTo(expected);
            });
        }
    }

    private static float[] transposed(float[] matrix, int rows, int columns) {
        float[] out = new float[matrix.length];
        for (int i = 0; i < matrix.length; i++) {
            out[i % columns * rows + i / columns] = matrix[i];
        }
        return out;
    }

    /** A row moves whole, so what a block holds does not matter. */
    @Test
    void rowsOfBlocksMoveWhole() {
        GgufWeight weight = GgufWeight.of(SmallModels.spec(Family.of("llama"))).stream().filter(each -> each.gguf().equals("blk.0.attn_k.weight"))
                .findFirst().orElseThrow();
        long rowBytes = GgufType.Q4_K.bytes(256);
        byte[] bytes = new byte[(int) (weight.shape()[0] * rowBytes)];
        new Random(4).nextBytes(bytes);
        var there = MemorySegment.ofArray(new byte[bytes.length]);
        var back = MemorySegment.ofArray(new byte[bytes.length]);
        weight.toGgufRows(MemorySegment.ofArray(bytes), there, rowBytes);
        assertThat(there.mismatch(MemorySegment.ofArray(bytes))).isNotEqualTo(-1);
        // Two heads of 16: the row after the first of a half comes two later.
        assertThat(there.asSlice(2 * rowBytes, rowBytes).mismatch(MemorySegment.ofArray(bytes).asSlice(rowBytes, rowBytes))).isEqualTo(-1);
        assertThat(there.asSlice(17 * rowBytes, rowBytes).mismatch(MemorySegment.ofArray(bytes).asSlice(24 * rowBytes, rowBytes)))
                .isEqualTo(-1);
        weight.toHuggingFaceRows(there, back, rowBytes);
        assertThat(back.mismatch(MemorySegment.ofArray(bytes))).isEqualTo(-1);
    }

    /** llama.cpp's Q8_0 of a model whose weights lie beside it: each is within half a step of its block, in its own row. */
    @Test
    void llamaCppsQuantisedRowsAreTheDirectorysRows() {
        Path shared = Samples.shared("assets/stories15M");
        try (var model = GgufModel.open(shared.resolve("stories15M.Q8_0.gguf")); var original = ModelDirectory.open(shared);
                var arena = Arena.ofConfined()) {
            assertThat(model.weights().keySet()).containsExactlyInAnyOrderElementsOf(original.tensors().keySet());
            for (String name : model.weights().keySet()) {
                GgufTensor tensor = model.tensor(name, arena);
                float[] expected = original.tensor(name).requireShape(tensor.shape()).toFloats();
                requireClose(name, tensor, expected);
            }
        }
    }

    /** The directory's weights are the file's origin rounded to F16, so each may be 2^-11 of itself away. */
    private static void requireClose(String name, GgufTensor tensor, float[] expected) {
        var shorts = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        float[] plain = tensor.plain().map(TensorView::toFloats).orElse(null);
        assertThat(tensor.type()).isEqualTo(plain == null ? GgufType.Q8_0 : GgufType.F32);
        for (int i = 0; i < expected.length; i++) {
            long block = i / 32 * 34L;
            float scale = plain == null ? Float.float16ToFloat(tensor.data().get(shorts, block)) : 0;
            float value = plain == null ? scale * tensor.data().get(ValueLayout.JAVA_BYTE, block + 2 + i % 32) : plain[i];
            // Half a step, and what rounding the scale to F16 adds over 127 steps.
            float bound = scale * 0.57f + Math.abs(expected[i]) * 0x1.0p-11f + 1e-7f;
            assertThat(Math.abs(value - expected[i])).as("%s at %d", name, i).isLessThanOrEqualTo(bound);
        }
    }

    @Test
    void anF16ExportHoldsTheDirectorysBits() {
        Path shared = Samples.shared("assets/stories15M");
        Path file = directory.resolve("f16.gguf");
        try (var original = ModelDirectory.open(shared); var arena = Arena.ofConfined()) {
            GgufExport.write(file, original.spec(), original::tensor, Map.of(), "stories15M", GgufType.F16);
            try (var model = GgufModel.open(file)) {
                for (String name : model.weights().keySet()) {
                    GgufTensor tensor = model.tensor(name, arena);
                    if (tensor.type() == GgufType.F16) {
                        assertThat(tensor.data().mismatch(original.tensor(name).data())).as(name).isEqualTo(-1);
                    } else {
                        assertThat(tensor.plain().orElseThrow().toFloats()).isEqualTo(original.tensor(name).toFloats());
                    }
                }
            }
        }
    }

    /** The result lies where the caller wants it, and is all that is allocated on the way: a copy of the largest matrix would be gigabytes. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2"})
    void aWeightIsMadeInTheCallersMemoryAlone(Family family) {
        DecoderSpec spec = SmallModels.spec(family);
        Map<String, TensorView> tensors = SmallModels.weights(spec, 9);
        for (GgufWeight weight : GgufWeight.of(spec)) {
            TensorView view = tensors.get(weight.huggingFace());
            try (Arena arena = Arena.ofConfined()) {
                var allocated = new AtomicLong();
                MemorySegment made = weight.fromHuggingFace(view, (bytes, alignment) -> {
                    allocated.addAndGet(bytes);
                    return arena.allocate(bytes, alignment);
                });
                assertThat(allocated).hasValue(made.byteSize());
                assertThat(made.byteSize()).isEqualTo(4 * view.elements());
                // the inverse, for those that have one
                if (weight.layout() == Layout.INTERLEAVED) {
                    MemorySegment back = arena.allocate(made.byteSize(), 4);
                    weight.toHuggingFaceRows(made, back, made.byteSize() / weight.shape()[0]);
                    assertThat(back.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(view.toFloats());
                } else if (weight.layout() == Layout.TRANSPOSED) {
                    float[] stored = view.toFloats();
                    int columns = (int) weight.shape()[1];
                    int rows = (int) weight.shape()[0];
                    for (int r = 0; r < rows; r++) {
                        for (int c = 0; c < columns; c++) {
                            assertThat(made.getAtIndex(ValueLayout.JAVA_FLOAT, (long) r * columns + c)).isEqualTo(stored[c * rows + r]);
                        }
                    }
                } else {
                    assertThat(made.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(view.toFloats());
                }
            }
        }
    }
}
