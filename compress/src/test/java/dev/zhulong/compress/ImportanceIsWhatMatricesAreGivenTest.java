package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.ImatrixFile;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImportanceIsWhatMatricesAreGivenTest {
    @TempDir
    Path temporary;

    private static CalibrationTokens tokens() {
        Random random = new Random(4);
        List<int[]> chunks = new ArrayList<>();
        for (int length : new int[] {32, 32, 17}) {
            chunks.add(random.ints(length, 0, SmallModels.VOCAB).toArray());
        }
        return new CalibrationTokens(List.of("random"), chunks);
    }

    private Path model() throws IOException {
        return SmallModels.write(temporary.resolve("model"), SmallModels.spec(Family.of("llama"), 64, 96, false));
    }

    /** The first layer is given normed embeddings, which are computed here by hand in double precision. */
    @Test
    void theFirstLayersQueriesByHand() throws IOException {
        Path model = model();
        CalibrationTokens tokens = tokens();
        ImatrixFile.Entry entry = Importance.collect(model, tokens, Progress.SILENT).file().entries().get("blk.0.attn_q.weight");
        double[] expected = new double[64];
        try (ModelDirectory files = ModelDirectory.open(model)) {
            float[] embedding = files.tensor("model.embed_tokens.weight").toFloats();
            float[] norm = files.tensor("model.layers.0.input_layernorm.weight").toFloats();
            for (int[] chunk : tokens.chunks()) {
                for (int id : chunk) {
                    double squares = 0;
                    for (int i = 0; i < 64; i++) {
                        squares += Math.pow(embedding[id * 64 + i], 2);
                    }
                    for (int i = 0; i < 64; i++) {
                        expected[i] += Math.pow(embedding[id * 64 + i] * norm[i] / Math.sqrt(squares / 64 + 1e-5), 2);
                    }
                }
            }
        }
        assertThat(entry.counts()).containsExactly(81);
        for (int i = 0; i < 64; i++) {
            assertThat((double) entry.sums()[i]).isCloseTo(expected[i], org.assertj.core.data.Offset.offset(1e-4 * expected[i]));
        }
    }

    @Test
    void everyMatrixOfALayerAndTheHeadHasAnEntry() throws IOException {
        Importance importance = Importance.collect(model(), tokens(), Progress.SILENT);
        assertThat(importance.file().entries()).hasSize(2 * 7 + 1).containsKeys("blk.1.ffn_down.weight", "blk.1.attn_output.weight", "output.weight");
        assertThat(importance.file().entries().get("blk.1.ffn_down.weight").columns()).isEqualTo(96);
        assertThat(importance.partial()).isEmpty();
        Map<String, ImatrixFile.Entry> entries = importance.file().entries();
        assertThat(entries.get("blk.1.attn_k.weight").sums()).isEqualTo(entries.get("blk.1.attn_q.weight").sums());
        assertThat(entries.get("blk.1.attn_k.weight").sums()).isNotEqualTo(entries.get("blk.0.attn_q.weight").sums());
    }

    @Test
    void aGgufFileOfTheModelGivesTheSame() throws IOException {
        Path model = model();
        Path gguf = temporary.resolve("model.gguf");
        new Quantization(model, Precision.F32, gguf, false, 1, Progress.SILENT).run();
        Map<String, ImatrixFile.Entry> expected = Importance.collect(model, tokens(), Progress.SILENT).file().entries();
        Map<String, ImatrixFile.Entry> found = Importance.collect(gguf, tokens(), Progress.SILENT).file().entries();
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        found.forEach((name, entry) -> assertThat(entry.sums()).as(name).isEqualTo(expected.get(name).sums()));
    }

    /** A token is sent to two of eight experts: their counts add up to twice the tokens, and those never chosen are named. */
    @Test
    void expertsAreCountedOneByOne() throws IOException {
        Path model = SmallModels.write(temporary.resolve("mixture"), SmallModels.mixture(64, 96));
        Importance importance = Importance.collect(model, tokens(), Progress.SILENT);
        ImatrixFile.Entry entry = importance.file().entries().get("blk.0.ffn_down_exps.weight");
        assertThat(entry.counts()).hasSize(8);
        assertThat(entry.columns()).isEqualTo(96);
        double sum = 0;
        for (float count : entry.counts()) {
            sum += count;
        }
        assertThat(sum).isEqualTo(2 * 81);
        Importance few = Importance.collect(model, new CalibrationTokens(List.of("short"), List.of(new int[] {1})), Progress.SILENT);
        assertThat(few.partial()).contains("blk.0.ffn_down_exps.weight", "blk.1.ffn_gate_exps.weight").doesNotContain("blk.0.attn_q.weight");
        Quantization.Written written = new Quantization(model, Precision.Q4_0, temporary.resolve("few.gguf"), false, 1, Progress.SILENT).importance(few).run();
        assertThat(written.notices()).hasSize(1);
        assertThat(written.notices().getFirst()).contains("says nothing of", "exps.weight of expert");
    }

    @Test
    void quantizingWithItIsNotWithoutAndIsWrittenDown() throws IOException {
        Path model = model();
        Path plain = temporary.resolve("plain.gguf");
        Path weighed = temporary.resolve("weighed.gguf");
        Importance importance = Importance.collect(model, tokens(), Progress.SILENT);
        Path file = temporary.resolve("own.imatrix.gguf");
        importance.write(file);
        new Quantization(model, Precision.Q4_1, plain, false, 1, Progress.SILENT).run();
        assertThat(new Quantization(model, Precision.Q4_1, weighed, false, 2, Progress.SILENT).importance(Importance.read(file)).run().notices()).isEmpty();
        try (GgufFile whole = GgufFile.open(ofF32(model)); GgufFile one = GgufFile.open(plain); GgufFile other = GgufFile.open(weighed)) {
            assertThat(other.metadata().text("quantize.imatrix.file")).contains("own.imatrix.gguf");
            assertThat(other.metadata().text("quantize.imatrix.dataset")).contains("random");
            assertThat(other.metadata().values().get("quantize.imatrix.entries_count")).isEqualTo(GgufValue.of(15));
            assertThat(one.metadata().has("quantize.imatrix.file")).isFalse();
            for (String name : List.of("blk.0.attn_q.weight", "blk.1.ffn_down.weight", "blk.1.attn_output.weight")) {
                float[] means = importance.columns(name, 0, 1, (int) whole.tensor(name).shape()[1]).orElseThrow();
                assertThat(error(whole, other, name, means)).as(name).isLessThan(error(whole, one, name, means));
            }
        }
    }

    private Path ofF32(Path model) {
        Path gguf = temporary.resolve("f32.gguf");
        new Quantization(model, Precision.F32, gguf, false, 1, Progress.SILENT).run();
        return gguf;
    }

    private static double error(GgufFile whole, GgufFile file, String name, float[] means) {
        int columns = means.length;
        float[] exact = new float[columns];
        float[] rounded = new float[columns];
        double error = 0;
        for (int row = 0; row < whole.tensor(name).shape()[0]; row++) {
            WeightRows.decode(WeightType.F32, whole.tensor(name).data(), row, columns, exact);
            WeightRows.decode(WeightType.valueOf(file.tensor(name).type().name()), file.tensor(name).data(), row, columns, rounded);
            for (int i = 0; i < columns; i++) {
                error += means[i] * Math.pow((double) exact[i] - rounded[i], 2);
            }
        }
        return error;
    }

    /** Trap 7: types of two bits without importance are a surprise that others were left to find out. */
    @Test
    void twoBitsWithoutItAreWarnedOf() throws IOException {
        Path model = model();
        Path out = temporary.resolve("low.gguf");
        assertThat(new Quantization(model, Precision.Q2_K, out, false, 1, Progress.SILENT).run().notices()).singleElement().asString().contains("two bits", "0.0048", "--imatrix", "--calibrate");
        Files.delete(out);
        assertThat(new Quantization(model, Precision.Q2_K, out, false, 1, Progress.SILENT).importance(Importance.collect(model, tokens(), Progress.SILENT)).run().notices()).isEmpty();
        Files.delete(out);
        assertThat(new Quantization(model, Precision.Q3_K_M, out, false, 1, Progress.SILENT).run().notices()).isEmpty();
    }

    @Test
    void theImportanceOfAnotherModelIsRefusedAndAMissingEntryIsNamed() throws IOException {
        Path model = model();
        Map<String, ImatrixFile.Entry> entries = new HashMap<>(Importance.collect(model, tokens(), Progress.SILENT).file().entries());
        entries.remove("blk.1.ffn_up.weight");
        Path file = temporary.resolve("part.gguf");
        new ImatrixFile(List.of(), 1, 32, entries).write(file);
        Path out = temporary.resolve("out.gguf");
        assertThat(new Quantization(model, Precision.Q4_0, out, false, 1, Progress.SILENT).importance(Importance.read(file)).run().notices())
                .singleElement().asString().contains("part.gguf says nothing of 1 of the matrices (blk.1.ffn_up.weight)");
        Files.delete(out);
        entries.put("blk.1.ffn_up.weight", new ImatrixFile.Entry(new float[32], new float[] {1}));
        new ImatrixFile(List.of(), 1, 32, entries).write(file);
        assertThatThrownBy(() -> new Quantization(model, Precision.Q4_0, out, false, 1, Progress.SILENT).importance(Importance.read(file)).run())
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("another model").hasMessageContaining("blk.1.ffn_up.weight");
        assertThat(out).doesNotExist();
    }

    @Test
    void encodersAndStrangeTokensAreRefused() throws IOException {
        Path model = model();
        assertThatThrownBy(() -> Importance.collect(model, new CalibrationTokens(List.of("a"), List.of(new int[] {1, 999})), Progress.SILENT))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("999");
        assertThatThrownBy(() -> Importance.read(model.resolve("config.json"))).isInstanceOf(FormatException.class).hasMessageContaining("imatrix");
    }
}
