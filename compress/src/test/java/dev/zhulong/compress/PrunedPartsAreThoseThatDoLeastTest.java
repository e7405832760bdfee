package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.compress.prune.DecoderPrune;
import dev.zhulong.compress.prune.PartImportance;
import dev.zhulong.compress.prune.Staying;
import dev.zhulong.compress.prune.Staying.Wanted;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Parts whose results are made nothing are those that go, and without them the model computes what it did. */
class PrunedPartsAreThoseThatDoLeastTest {
    private static final int[] IDS = IntStream.range(0, 40).map(i -> (i * 37 + 11) % 300).toArray();

    @TempDir
    Path temporary;

    private static float[] logits(Decoder model) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return model.logits(Tensor.of(IDS, 1, IDS.length)).toFloats();
        }
    }

    private static void same(float[] found, float[] expected) {
        same(found, expected, 1e-4f);
    }

    private static void same(float[] found, float[] expected, float tolerance) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.length; i++) {
            assertThat(found[i]).isCloseTo(expected[i], within(tolerance));
        }
    }

    private static PartImportance measured(Decoder model) {
        return PartImportance.of(model, List.of(IDS, Arrays.copyOf(IDS, 20)), Progress.SILENT);
    }

    private static Wanted wanted(Integer layers, Double width, Integer groups, Integer experts) {
        return new Wanted(Optional.ofNullable(layers), List.of(), Optional.ofNullable(width), Optional.ofNullable(groups), Optional.ofNullable(experts));
    }

    /** Makes what the parts of this role give nothing, but for columns that {@code stays} keeps. */
    private static void silence(Decoder model, Role role, int layer, IntPredicate stays) {
        for (Parameter p : model.table()) {
            if (p.role() == role && p.layer() == layer && !p.bias()) {
                boolean transposed = p.layout() == Parameter.Layout.TRANSPOSED;
                Tensor tensor = model.parameters().get(p.name());
                int inputs = (int) p.inputs();
                int outputs = (int) p.outputs();
                try (var scope = TensorScope.open(); var off = NoGrad.open()) {
                    float[] values = tensor.toFloats();
                    for (int out = 0; out < outputs; out++) {
                        for (int in = 0; in < inputs; in++) {
                            values[transposed ? in * outputs + out : out * inputs + in] *= stays.test(in) ? 1 : 0;
                        }
                    }
                    tensor.copy_(Tensor.of(values, tensor.shape()));
                }
            }
        }
    }

    private Path model(String family, int layers, boolean tied) throws IOException {
        DecoderSpec spec = SmallModels.spec(Family.of(family), 128, 256, layers, 4, family.equals("gpt2") || family.equals("gpt_neox") ? 4 : 2, SmallModels.VOCAB, tied);
        return SmallModels.write(temporary.resolve("model"), spec);
    }

    @ParameterizedTest
    @CsvSource({"llama", "qwen3", "qwen2", "mistral"})
    void layersChannelsAndHeads(String family) throws IOException {
        Path path = model(family, 4, true);
        try (Decoder model = DecoderFiles.load(path)) {
            for (int layer = 0; layer < 4; layer++) {
                int shift = layer * 17;
                silence(model, Role.DOWN, layer, channel -> (channel + shift) % 2 == 0);
            }
            silence(model, Role.DOWN, 2, channel -> false);
            silence(model, Role.OUT, 2, channel -> false);
            silence(model, Role.OUT, 0, channel -> channel < 64);
            silence(model, Role.OUT, 1, channel -> channel >= 64);
            silence(model, Role.OUT, 3, channel -> channel >= 64);
            PartImportance importance = measured(model);
            assertThat(importance.layers()[2]).isCloseTo(0, within(1e-5));
            Staying staying = Staying.choose(model.spec(), wanted(3, 0.5, 1, null), importance);
            assertThat(staying.layers()).containsExactly(0, 1, 3);
            assertThat(staying.groups().stream().map(groups -> groups[0])).containsExactly(0, 1, 1);
            assertThat(staying.channels().get(1)).hasSize(128).startsWith(1, 3, 5);
            float[] expected = logits(model);
            Path out = temporary.resolve("out");
            var written = DecoderPrune.write(path, model, staying, out);
            assertThat(written.bytesAfter()).isLessThan(written.bytesBefore());
            try (Decoder smaller = DecoderPrune.of(model, staying)) {
                same(logits(smaller), expected);
                try (Decoder read = DecoderFiles.load(out)) {
                    assertThat(read.spec()).isEqualTo(smaller.spec());
                    assertThat(read.spec().layers()).isEqualTo(3);
                    assertThat(logits(read)).isEqualTo(logits(smaller));
                }
            }
            try (ModelDirectory directory = ModelDirectory.open(out);
                    CpuEngine engine = CpuEngine.load(directory, Optional.empty(), CpuOptions.of(1).withCache(KvPages.Format.F32));
                    KvCache cache = engine.newCache(IDS.length)) {
                same(engine.forward(List.of(new Span(cache, IDS)), true).getFirst(), expected, 1e-3f);
            }
            assertThat(new Quantization(out, Precision.Q8_0, temporary.resolve("out.gguf"), false, 1, Progress.SILENT).run().bytesAfter()).isPositive();
        }
    }

    /** Its matrices lie as inputs by outputs, with queries, keys and values in one. */
    @Test
    void layersAndChannelsOfGpt2() throws IOException {
        Path path = model("gpt2", 3, true);
        try (Decoder model = DecoderFiles.load(path)) {
            silence(model, Role.DOWN, 0, channel -> channel % 2 == 1);
            silence(model, Role.DOWN, 2, channel -> channel % 2 == 0);
            Staying staying = Staying.choose(model.spec(), new Wanted(Optional.empty(), List.of(2, 0), Optional.of(0.5), Optional.empty(), Optional.empty()), measured(model));
            assertThat(staying.layers()).containsExactly(0, 2);
            try (Decoder layers = DecoderPrune.of(model, Staying.choose(model.spec(), Wanted.layers(List.of(0, 2)), null)); Decoder smaller = DecoderPrune.of(model, staying)) {
                same(logits(smaller), logits(layers));
            }
            // a head's width is what is left of the stream's: fewer heads cannot be said
            Staying heads = Staying.choose(model.spec(), wanted(null, null, 2, null), measured(model));
            assertThatThrownBy(() -> DecoderPrune.write(path, model, heads, temporary.resolve("none"))).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("gpt2");
            assertThat(temporary.resolve("none")).doesNotExist();
        }
    }

    @Test
    void experts() throws IOException {
        Path path = SmallModels.write(temporary.resolve("model"), SmallModels.mixture(128, 256), (name, values) -> {
            // expert 5 of layer 0 and 2 of layer 1 are chosen by nobody
            if (name.endsWith("gate.weight")) {
                int expert = name.contains("layers.0.") ? 5 : 2;
                Arrays.fill(values, expert * 128, (expert + 1) * 128, 0);
            }
        });
        try (Decoder model = DecoderFiles.load(path)) {
            PartImportance importance = measured(model);
            double[] first = importance.experts(0);
            assertThat(first).hasSize(8);
            Staying staying = Staying.choose(model.spec(), wanted(null, null, null, 5), importance);
            double least = Arrays.stream(staying.experts().getFirst()).mapToDouble(e -> first[e]).min().orElseThrow();
            assertThat(IntStream.range(0, 8).filter(e -> first[e] > least).allMatch(e -> Arrays.stream(staying.experts().getFirst()).anyMatch(s -> s == e))).isTrue();
            Path out = temporary.resolve("out");
            DecoderPrune.write(path, model, staying, out);
            try (Decoder read = DecoderFiles.load(out)) {
                assertThat(read.spec().stack().experts().orElseThrow().count()).isEqualTo(5);
                for (int e = 0; e < 5; e++) {
                    int was = staying.experts().get(1)[e];
                    assertThat(read.parameters().get("model.layers.1.block_sparse_moe.experts." + e + ".w2.weight").toFloats())
                            .isEqualTo(model.parameters().get("model.layers.1.block_sparse_moe.experts." + was + ".w2.weight").toFloats());
                    assertThat(Arrays.copyOfRange(read.parameters().get("model.layers.1.block_sparse_moe.gate.weight").toFloats(), e * 128, (e + 1) * 128))
                            .isEqualTo(Arrays.copyOfRange(model.parameters().get("model.layers.1.block_sparse_moe.gate.weight").toFloats(), was * 128, (was + 1) * 128));
                }
                assertThat(logits(read)).doesNotContain(Float.NaN);
            }
            assertThatThrownBy(() -> Staying.choose(model.spec(), wanted(null, null, null, 1), importance)).hasMessageContaining("at least as many");
            assertThatThrownBy(() -> Staying.choose(model.spec(), wanted(null, 0.5, null, null), importance)).hasMessageContaining("--experts");
        }
    }

    /** The length of what an expert gave times the router's weight, by hand for a model of one layer whose token is known. */
    @Test
    void anExpertsWorthIsItsWeightedResult() throws IOException {
        Path path = SmallModels.write(temporary.resolve("model"), SmallModels.mixture(128, 256));
        try (Decoder model = DecoderFiles.load(path)) {
            double[] once = PartImportance.of(model, List.of(new int[] {7}), Progress.SILENT).experts(0);
            assertThat(Arrays.stream(once).filter(worth -> worth > 0).count()).isEqualTo(2);
            // a second look at the same token is the same mean
            double[] twice = PartImportance.of(model, List.of(new int[] {7}, new int[] {7}), Progress.SILENT).experts(0);
            assertThat(twice).containsExactly(once, within(1e-6));
        }
    }

    @Test
    void whatCannotBeIsNamed() throws IOException {
        Path path = model("llama", 3, true);
        try (Decoder model = DecoderFiles.load(path)) {
            PartImportance importance = measured(model);
            assertThatThrownBy(() -> Staying.choose(model.spec(), wanted(4, null, null, null), importance)).hasMessageContaining("1 to 3");
            assertThatThrownBy(() -> Staying.choose(model.spec(), Wanted.layers(List.of(0, 3)), null)).hasMessageContaining("0 to 2");
            assertThatThrownBy(() -> Staying.choose(model.spec(), wanted(null, 300.0, null, null), importance)).hasMessageContaining("--ffn");
            assertThatThrownBy(() -> Staying.choose(model.spec(), wanted(null, null, 3, null), importance)).hasMessageContaining("--kv-groups");
            assertThatThrownBy(() -> Staying.choose(model.spec(), wanted(null, null, null, 2), importance)).hasMessageContaining("none");
            assertThat(Staying.choose(model.spec(), wanted(null, 100.0, null, null), importance).channels().getFirst()).as("a multiple of 32").hasSize(96);
            assertThat(Staying.choose(model.spec(), wanted(null, 0.9, null, null), importance).channels().getFirst()).hasSize(224);
            Path mine = Files.createDirectories(temporary.resolve("mine"));
            Files.writeString(mine.resolve("notes.txt"), "precious");
            Staying staying = Staying.choose(model.spec(), Wanted.layers(List.of(0)), null);
            assertThatThrownBy(() -> DecoderPrune.write(path, model, staying, mine)).hasMessageContaining("mine");
            assertThat(mine.resolve("notes.txt")).hasContent("precious");
        }
    }

    @Test
    void aStudentHasItsTeachersEnds() {
        assertThat(Staying.spread(2, 6)).containsExactly(0, 5);
        assertThat(Staying.spread(4, 6)).containsExactly(0, 2, 3, 5);
        assertThat(Staying.spread(1, 6)).containsExactly(0);
        assertThat(Staying.spread(6, 6)).containsExactly(0, 1, 2, 3, 4, 5);
        assertThatThrownBy(() -> Staying.spread(7, 6)).hasMessageContaining("1 to 6");
    }
}
