package dev.zhulong.recipe.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.TrainingMemory;
import dev.zhulong.recipe.plan.Shapes;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What ranks share is cut at multiples of 64 values, and the largest part is what a rank needs. */
class PartsOfAPlanAreThoseOfTheRanksTest {
    @Test
    void smallTensorsAreNotCut() {
        assertThat(Formulas.largestShare(Map.of(57L, 1L), 2)).isEqualTo(57);
        assertThat(Formulas.largestShare(Map.of(1L, 1L), 4)).isEqualTo(1);
        assertThat(Formulas.largestShare(Map.of(0L, 1L), 4)).isZero();
        assertThat(Formulas.largestShare(Map.of(128L, 1L), 2)).isEqualTo(64);
        // three pieces of 64 for two
        assertThat(Formulas.largestShare(Map.of(192L, 1L), 2)).isEqualTo(128);
        assertThat(Formulas.largestShare(Map.of(129L, 1L), 2)).isEqualTo(65);
        assertThat(Formulas.largestShare(Map.of(1_000L, 1L, 12L, 2L), 1)).isEqualTo(1_024);
    }

    /** Of a real shape it is 1/N, with less than 64 values more for each tensor. */
    @Test
    void theLargestPartIsHardlyMoreThanOneOfN() {
        TrainingMemory whole = TrainingMemory.pretraining(Shapes.read("llama-2-7b").spec(), 1, 512, false, false);
        for (int ranks : new int[] {2, 3, 8, 64, 1024}) {
            TrainingMemory part = whole.with(new Sharing(Precision.FP32, 3, ranks));
            double values = 6_738_415_616.0 / ranks;
            int tensors = 3 + 9 * 32;
            assertThat((double) part.weights()).isBetween(4 * values, 4 * (values + 64.0 * tensors));
            assertThat(part.moments()).isEqualTo(2 * part.weights());
        }
    }

    /** Bytes a parameter and rank: ZeRO's table (Rajbhandari et al. 2020, figure 1), 7.5 billion parameters on 64 devices: 120, 31.4, 16.6 and 1.9 GB. */
    @Test
    void stagesAreThoseOfZero() {
        double parameters = 7.5e9;
        double[] published = {120, 31.4, 16.6, 1.9};
        for (int stage = 0; stage < 4; stage++) {
            Sharing sharing = new Sharing(Precision.MIXED_16, stage, 64);
            double bytes = 2 * parameters / sharing.parts(3) + 2 * parameters / sharing.parts(2) + 12 * parameters / sharing.parts(1);
            assertThat(bytes * 1e-9).isCloseTo(published[stage], within(0.05));
            TrainingMemory memory = TrainingMemory.pretraining(Shapes.read("llama-2-7b").spec(), 1, 512, false, false).with(sharing);
            double state = (double) memory.weights() + memory.gradients() + memory.masters() + memory.moments();
            assertThat(state / 6_738_415_616.0).isCloseTo(bytes / parameters, within(0.01));
        }
    }

    /** Stage 3 has two layers' weights and one layer's gradients whole besides, and of one rank nothing. */
    @Test
    void whatIsGatheredIsAddedFromStageTwoOn() {
        TrainingMemory whole = TrainingMemory.pretraining(Shapes.read("layers=3,hidden=256,heads=4,ffn=1024,vocab=1000,tied=true").spec(), 1, 64, false, false);
        long block = 4L * 256 * 256 + 3L * 256 * 1024 + 2 * 256;
        assertThat(whole.with(new Sharing(Precision.FP32, 3, 2)).gathered()).isEqualTo(2 * 4 * block + 4 * block);
        assertThat(whole.with(new Sharing(Precision.FP32, 2, 2)).gathered()).isEqualTo(4 * block);
        assertThat(whole.with(new Sharing(Precision.FP32, 1, 2)).gathered()).isZero();
        assertThat(whole.with(new Sharing(Precision.FP32, 3, 1)).gathered()).isZero();
    }

    /** Frozen weights have no gradients, masters or moments, in any stage; an adapter has its own. */
    @Test
    void anAdapterHasStateAndItsBaseHasNone() {
        TrainingMemory full = TrainingMemory.pretraining(Shapes.read("llama-2-7b").spec(), 1, 512, false, false).with(new Sharing(Precision.MIXED, 0, 1));
        TrainingMemory lora = full.withMethod(Method.LORA, 40_000_000);
        assertThat(lora.weights()).isEqualTo(full.weights());
        assertThat(lora.adapterWeights()).isEqualTo(160_000_000);
        assertThat(lora.gradients()).isEqualTo(160_000_000);
        assertThat(lora.moments()).isEqualTo(320_000_000);
        assertThat(lora.masters()).isZero();
        assertThat(full.masters()).isEqualTo(2 * full.weights());
    }

    /** What a rank sends: of 8 devices and F32, 2 or 3 times 7/8 of 4 bytes a parameter; of one device nothing. */
    @Test
    void trafficIsTwoOrThreeTimesTheSize() {
        double size = 4e9;
        for (int stage = 0; stage < 3; stage++) {
            assertThat(Formulas.traffic(new Sharing(Precision.FP32, stage, 8), size, size, size, 1)).isEqualTo(2 * 7 / 8.0 * size);
        }
        assertThat(Formulas.traffic(new Sharing(Precision.FP32, 3, 8), size, size, size, 1)).isEqualTo(3 * 7 / 8.0 * size);
        assertThat(Formulas.traffic(new Sharing(Precision.FP32, 3, 1), size, size, size, 1)).isZero();
        // micro-batches: gradients are added up at home in stage 0 and 1 alone
        assertThat(Formulas.traffic(new Sharing(Precision.FP32, 0, 8), size, size, size, 4)).isEqualTo(2 * 7 / 8.0 * size);
        assertThat(Formulas.traffic(new Sharing(Precision.FP32, 2, 8), size, size, size, 4)).isEqualTo(5 * 7 / 8.0 * size);
        assertThat(Formulas.traffic(new Sharing(Precision.FP32, 3, 8), size, size, size, 4)).isEqualTo(12 * 7 / 8.0 * size);
    }
}
