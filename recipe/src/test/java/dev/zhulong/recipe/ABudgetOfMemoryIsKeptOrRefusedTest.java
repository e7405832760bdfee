package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.tensor.Libtorch;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ABudgetOfMemoryIsKeptOrRefusedTest {
    @AfterEach
    void started() {
        System.clearProperty(Libtorch.BUDGET);
    }

    /** 274 million weights, whose weights, gradients and moments are 4.4 GB. */
    private static TrainingMemory memory(long rows) {
        var spec = new DecoderSpec(Family.of("llama"), 8192, 1024, 20, 16, 16, 64, 2816, 256, DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU, true,
                new DecoderSpec.Rope(10_000, 64, new DecoderSpec.Scaling.None()), false, false, false, false, false, Collections.nCopies(20, 0), -1, List.of());
        return TrainingMemory.pretraining(spec, rows, 256, true, false);
    }

    private static Train train(String... fields) {
        return RecipeReader.defaults(PretrainRecipe.class, List.of(fields)).train();
    }

    private static void require(String budget, long rows, String device) {
        Train train = train("train.memory=" + budget);
        TrainingBudget.of(train).orElseThrow().require(memory(rows), train.optimizer(), device);
    }

    @Test
    void sizesAreOfTheSystemsUnits() {
        assertThat(TrainingBudget.parse("2g").bytes()).isEqualTo(2L << 30);
        assertThat(TrainingBudget.parse("900M").bytes()).isEqualTo(900L << 20);
        assertThat(TrainingBudget.parse("1048576").bytes()).isEqualTo(1 << 20);
        assertThat(TrainingBudget.of(train())).isEmpty();
        for (String wrong : List.of("0", "2 g", "2t", "-1g", "1.5g", "")) {
            assertThatThrownBy(() -> TrainingBudget.parse(wrong)).as(wrong).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("2g");
        }
    }

    /** The heap is the launcher's to size, and here that of a test. */
    @Test
    void whatCannotFitIsRefusedInOneLine() {
        System.setProperty(Libtorch.BUDGET, "1");
        String needed = (700 << 20) + Runtime.getRuntime().maxMemory() + (300L << 20) + "";
        require(needed, 4, "cpu");
        assertThatThrownBy(() -> require("400m", 4, "cpu")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("train.memory is 419 MB")
                .hasMessageContaining("embedding, head and norms with their gradients 135 MB").hasMessageContaining("raise train.memory").message().hasLineCount(1);
        assertThatThrownBy(() -> require(needed, 64, "cpu")).hasMessageContaining("train.batch");
    }

    @Test
    void whereItCannotBeKeptItIsRefused() {
        assertThatThrownBy(() -> require("2g", 4, "cpu")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("start ./zhulong with --memory 2048m");
        assertThatThrownBy(() -> require("2g", 4, "cuda")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("processor");
        assertThatThrownBy(() -> TrainingBudget.refuse(train("train.memory=2g"), "an adapter")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("not for an adapter");
        TrainingBudget.refuse(train(), "an adapter");
    }

    /** The figures of a run that was measured: VmHWM 909,588 kB, 7.3 GB in its directory, 9.5 GB a step. */
    @Test
    void aPlanSaysWhatTrainingFromTheDiskTakes() {
        TrainingMemory.FromDisk planned = memory(4).fromDisk().orElseThrow();
        assertThat(planned.memory()).isBetween(900_000_000L, 1L << 30);
        assertThat(planned.disk()).isBetween(7_300_000_000L, 7_800_000_000L);
        assertThat(planned.moved()).isBetween(9_400_000_000L, 9_900_000_000L);
        assertThat(memory(64).fromDisk().orElseThrow().memory()).isGreaterThan(2 * planned.memory());
        assertThat(memory(4).withMethod(FinetuneRecipe.Method.LORA, 1000).fromDisk()).isEmpty();
    }
}
