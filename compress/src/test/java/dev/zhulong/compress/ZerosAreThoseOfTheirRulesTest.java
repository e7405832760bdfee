package dev.zhulong.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.compress.ZeroedWeights.Pattern;
import dev.zhulong.compress.ZeroedWeights.Rule;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ZerosAreThoseOfTheirRulesTest {
    private static final Pattern HALF = new Pattern(0.5, 0, 0);
    private static final Pattern TWO_OF_FOUR = new Pattern(0.5, 2, 4);

    @TempDir
    static Path temporary;

    private static Path llama;
    private static Path gpt2;
    private static final List<int[]> TEXTS = new ArrayList<>();

    @BeforeAll
    static void write() throws IOException {
        llama = SmallModels.write(temporary.resolve("llama"), SmallModels.spec(Family.of("llama"), 64, 96, false));
        gpt2 = SmallModels.write(temporary.resolve("gpt2"), SmallModels.spec(Family.of("gpt2"), 64, 96, true));
        var random = new SplittableRandom(3);
        for (int i = 0; i < 12; i++) {
            // few different tokens, so that inputs go together
            TEXTS.add(random.ints(48, 0, 40).toArray());
        }
    }

    private static Decoder zeroed(Path path, Rule rule, Pattern pattern, int threads) {
        Decoder model = DecoderFiles.load(path);
        try (var pool = new ThreadPool(threads)) {
            ZeroedWeights.in(model, rule, pattern, TEXTS, pool, Progress.SILENT);
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
        return model;
    }

    /** Matrices of the layers and nothing else; of a GPT-2, whose matrices lie the other way, inputs are neighbours too. */
    @ParameterizedTest
    @CsvSource({"MAGNITUDE, llama", "WANDA, llama", "SPARSEGPT, llama", "MAGNITUDE, gpt2", "WANDA, gpt2", "SPARSEGPT, gpt2"})
    void asManyAsWereAskedFor(Rule rule, String family) {
        Path path = family.equals("llama") ? llama : gpt2;
        try (Decoder model = DecoderFiles.load(path); Decoder half = zeroed(path, rule, HALF, 1); Decoder groups = zeroed(path, rule, TWO_OF_FOUR, 2)) {
            int matrices = 0;
            for (var parameter : model.table()) {
                float[] before = model.parameters().get(parameter.name()).toFloats();
                if (!parameter.isProjection() || parameter.layer() < 0) {
                    assertThat(half.parameters().get(parameter.name()).toFloats()).as(parameter.name()).isEqualTo(before);
                    continue;
                }
                matrices++;
                assertThat(zeros(half.parameters().get(parameter.name()).toFloats())).as(parameter.name()).isEqualTo(before.length / 2);
                try (var scope = TensorScope.open()) {
                    Tensor of = groups.parameters().get(parameter.name()).detach();
                    float[] after = (parameter.layout() == Layout.TRANSPOSED ? of.transpose(0, 1).contiguous() : of).toFloats();
                    for (int i = 0; i < after.length; i += 4) {
                        assertThat((after[i] == 0 ? 1 : 0) + (after[i + 1] == 0 ? 1 : 0) + (after[i + 2] == 0 ? 1 : 0) + (after[i + 3] == 0 ? 1 : 0)).isEqualTo(2);
                    }
                }
            }
            assertThat(matrices).isEqualTo(family.equals("llama") ? 14 : 8);
        }
    }

    private static int zeros(float[] values) {
        int zeros = 0;
        for (float value : values) {
            zeros += value == 0 ? 1 : 0;
        }
        return zeros;
    }

    /** By magnitude whatever stays is as large as whatever goes, and unchanged. */
    @Test
    void theSmallestOfAMatrixGo() {
        String name = "model.layers.1.mlp.down_proj.weight";
        try (Decoder model = DecoderFiles.load(llama); Decoder half = zeroed(llama, Rule.MAGNITUDE, HALF, 1)) {
            float[] before = model.parameters().get(name).toFloats();
            float[] after = half.parameters().get(name).toFloats();
            float gone = 0;
            float least = Float.MAX_VALUE;
            for (int i = 0; i < before.length; i++) {
                assertThat(after[i]).isIn(0f, before[i]);
                gone = after[i] == 0 ? Math.max(gone, Math.abs(before[i])) : gone;
                least = after[i] == 0 ? least : Math.min(least, Math.abs(before[i]));
            }
            assertThat(gone).isLessThanOrEqualTo(least);
        }
    }

    /** What the layers give of the texts: those that know the inputs lose less, and least where the others make up for what goes. Threads change no bit. */
    @Test
    void knowingTheInputsLosesLess() {
        double magnitude = error(zeroed(llama, Rule.MAGNITUDE, HALF, 1));
        double wanda = error(zeroed(llama, Rule.WANDA, HALF, 1));
        double made = error(zeroed(llama, Rule.SPARSEGPT, HALF, 1));
        assertThat(wanda).isLessThan(magnitude);
        assertThat(made).isLessThan(0.9 * wanda).isEqualTo(error(zeroed(llama, Rule.SPARSEGPT, HALF, 2)));
        assertThat(error(zeroed(llama, Rule.SPARSEGPT, TWO_OF_FOUR, 1))).isGreaterThan(made).isLessThan(error(zeroed(llama, Rule.WANDA, TWO_OF_FOUR, 1)));
    }

    private static double error(Decoder zeroed) {
        double sum = 0;
        try (zeroed; Decoder model = DecoderFiles.load(llama); var scope = TensorScope.open(); var off = NoGrad.open()) {
            for (int[] text : TEXTS) {
                Tensor ids = Tensor.of(text, 1, text.length);
                sum += model.hidden(ids, model.causal(text.length)).sub(zeroed.hidden(ids, zeroed.causal(text.length))).square().sum().item();
            }
        }
        return sum;
    }

    @Test
    void whatCannotBeIsRefused() {
        assertThatThrownBy(() -> zeroed(llama, Rule.MAGNITUDE, new Pattern(0.6, 3, 5), 1)).hasMessageContaining("groups of 5").hasMessageContaining("50%");
        assertThatThrownBy(() -> new Pattern(1, 0, 0)).hasMessageContaining("2:4");
        assertThatThrownBy(() -> new Pattern(0.5, 4, 4)).hasMessageContaining("2:4");
    }
}
