package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Reach;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model is pretrained with any reach, or goes on with another one than it had, and the directory that results says so. */
class ModelsAttendAsTheirRecipeSaysTest {
    @TempDir
    static Path temporary;
    private static Path texts;
    private static Path dense;

    @BeforeAll
    static void train() throws IOException {
        texts = TinyRun.texts(temporary.resolve("texts"), 20, 1);
        dense = temporary.resolve("dense");
        TinyRun.run(TinyRun.recipe(texts, "train.steps=3"), dense);
    }

    private static Reach reach(Path model) {
        return HfConfig.read(model.resolve("config.json")).layer(1).attention().reach();
    }

    /** Of the last of 32 tokens, after a change of the first. */
    private static boolean seesTheFirst(Path directory) {
        try (Decoder model = DecoderFiles.load(directory); var scope = TensorScope.open(); var off = NoGrad.open()) {
            int[] ids = new int[32];
            Arrays.setAll(ids, i -> (7 * i + 3) % 200);
            float[] before = model.logits(Tensor.of(ids, 1, 32)).narrow(1, 31, 1).toFloats();
            ids[0]++;
            return !Arrays.equals(before, model.logits(Tensor.of(ids, 1, 32)).narrow(1, 31, 1).toFloats());
        }
    }

    @Test
    void fromTheBeginning() throws IOException {
        Path run = temporary.resolve("block");
        TinyRun.Result result = TinyRun.run(TinyRun.recipe(texts, "model.attention={kind: block, window: 8}", "train.steps=3"), run);
        assertThat(reach(run)).isEqualTo(new Reach.Block(8));
        assertThat(Files.readString(run.resolve("config.json"))).contains("zhulong_attention");
        assertThat(result.evaluation()).isPresent();
        assertThat(seesTheFirst(run)).isFalse();
        assertThat(seesTheFirst(dense)).isTrue();

        // what goes on from it sees what it saw, unless it is told otherwise
        Path same = temporary.resolve("same");
        TinyRun.run(TinyRun.recipe(texts, "model.from=" + run, "train.steps=3"), same);
        assertThat(reach(same)).isEqualTo(new Reach.Block(8));
        Path again = temporary.resolve("again");
        TinyRun.run(TinyRun.recipe(texts, "model.from=" + run, "model.attention.kind=dense", "train.steps=3"), again);
        assertThat(reach(again)).isEqualTo(Reach.WHOLE);
        assertThat(seesTheFirst(again)).isTrue();
    }

    @Test
    void fromADenseModel() {
        Path global = temporary.resolve("global");
        TinyRun.run(TinyRun.recipe(texts, "model.from=" + dense, "model.attention={kind: global, window: 4, global: 2}", "train.steps=2"), global);
        assertThat(reach(global)).isEqualTo(new Reach.Global(4, 2));
        assertThat(seesTheFirst(global)).isTrue();
        // the same weights under another mask predict otherwise before they learn
        assertThat(FinalEvaluation.read(global.resolve(FinalEvaluation.BEFORE)).orElseThrow())
                .isNotEqualTo(FinalEvaluation.read(dense.resolve(FinalEvaluation.FILE)).orElseThrow());
        Path window = temporary.resolve("window");
        TinyRun.run(TinyRun.recipe(texts, "model.from=" + dense, "model.attention={kind: window, window: 4}", "train.steps=2"), window);
        assertThat(reach(window)).isEqualTo(new Reach.Window(4));
        assertThat(seesTheFirst(window)).isFalse();
    }

    @Test
    void aWindowIsAFieldOfTheFamilyWhereItHasOne() {
        assertThat(ModelShape.smallest(TinyRun.recipe(texts, "model.family=mistral", "model.attention={kind: window, window: 8}")).windows()).containsOnly(8);
        assertThat(ModelShape.smallest(TinyRun.recipe(texts, "model.attention={kind: window, window: 8}")).layer(0).attention().reach())
                .isEqualTo(new Reach.Window(8));
    }

    @Test
    void whatContradictsItIsRefused() {
        assertThatThrownBy(() -> TinyRun.recipe(texts, "model.family=mistral", "model.sliding_window=8", "model.attention.kind=block"))
                .hasMessageContaining("model.sliding_window");
        assertThatThrownBy(() -> TinyRun.recipe(texts, "model.from=" + dense, "adapter.rank=2", "model.attention.kind=block"))
                .hasMessageContaining("leave out model.attention");
        assertThatThrownBy(() -> TinyRun.recipe(texts, "model.attention={kind: block, window: 0}")).hasMessageContaining("at least 1");
    }
}
