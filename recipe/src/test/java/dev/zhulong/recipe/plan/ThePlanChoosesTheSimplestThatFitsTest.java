package dev.zhulong.recipe.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.cost.Precision;
import dev.zhulong.recipe.plan.TrainingPlan.Option;
import dev.zhulong.recipe.plan.TrainingPlan.Request;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ThePlanChoosesTheSimplestThatFitsTest {
    private static Request request(String shape, int devices, Hardware device, long rows, Optional<Boolean> recompute) {
        return new Request(Shapes.read(shape), Method.FULL, 0, 512, 1e9, devices, device, List.of(Strategy.values()), Precision.MIXED, rows, 0, recompute, 0, 0, 1, 0);
    }

    /** A device that has room for {@code bytes} of state and activations. */
    private static Hardware room(double bytes) {
        return new Hardware("room", 20e12, 300e12, bytes, 0, 1e12, 0, 0, "made up");
    }

    /** The room shrinks, the stage rises; and each chosen one would fit into no less. */
    @Test
    void theStageRisesAsTheRoomShrinks() {
        int last = 0;
        for (double room : new double[] {200e9, 100e9, 50e9, 40e9, 20e9, 12e9}) {
            TrainingPlan plan = TrainingPlan.of(request("llama-2-7b", 64, room(room), 1, Optional.of(false)));
            Option chosen = plan.chosen().orElseThrow();
            assertThat(chosen.peak()).isLessThanOrEqualTo(room);
            assertThat(chosen.strategy().stage()).isGreaterThanOrEqualTo(last);
            // no simpler one fits
            assertThat(plan.options()).filteredOn(o -> o.strategy().stage() < chosen.strategy().stage()).allMatch(o -> o.peak() > room);
            last = chosen.strategy().stage();
        }
        assertThat(last).isEqualTo(3);
    }

    /** Blocks are run again only where it is that or a slower way. */
    @Test
    void blocksAreRunAgainWhereTheyMust() {
        assertThat(TrainingPlan.of(request("llama-2-7b", 1, room(300e9), 8, Optional.empty())).chosen().orElseThrow().memory().recompute()).isFalse();
        Option tight = TrainingPlan.of(request("llama-2-7b", 1, room(132e9), 8, Optional.empty())).chosen().orElseThrow();
        assertThat(tight.memory().recompute()).isTrue();
        // a second forward of three
        assertThat(tight.computeSeconds()).isCloseTo(4 / 3.0 * TrainingPlan.of(request("llama-2-7b", 1, room(300e9), 8, Optional.of(false))).chosen().orElseThrow().computeSeconds(),
                withinPercentage(2));
    }

    /** The micro-batch is the largest power of two that fits. */
    @Test
    void theMicroBatchFillsTheRoom() {
        TrainingPlan plan = TrainingPlan.of(request("llama-2-7b", 1, room(140e9), 0, Optional.of(true)));
        Option chosen = plan.chosen().orElseThrow();
        long rows = chosen.memory().rows();
        assertThat(Long.bitCount(rows)).isEqualTo(1);
        assertThat((double) chosen.memory().withRows(2 * rows).total()).isGreaterThan(140e9);
    }

    /** Devices that fit are named, and they do fit; one fewer halving does not. */
    @Test
    void whereNothingFitsItSaysHowManyDevicesWould() {
        TrainingPlan plan = TrainingPlan.of(request("gpt3-175b", 8, Hardware.read("a100-80gb"), 1, Optional.empty()));
        assertThat(plan.chosen()).isEmpty();
        assertThat(plan.remedy()).isEqualTo("with --strategy zero3, --recompute and --batch 1 it fits on 64 devices");
        assertThat(TrainingPlan.of(request("gpt3-175b", 64, Hardware.read("a100-80gb"), 1, Optional.of(true))).chosen()).isPresent();
        assertThat(TrainingPlan.of(request("gpt3-175b", 32, Hardware.read("a100-80gb"), 1, Optional.of(true))).chosen()).isEmpty();
        assertThat(TrainingPlan.of(request("gpt3-175b", 8, room(8e9), 1, Optional.empty())).remedy()).contains("no number of devices", "shorter --seq");
    }

    /** 2.8 and 3.15 TB for 175 billion parameters, and a 1,024th of each. */
    @Test
    void theKnownSumsStandInThePlan() {
        TrainingPlan plan = TrainingPlan.of(request("gpt3-175b", 1024, Hardware.read("a100-80gb"), 1, Optional.of(true)));
        assertThat(plan.state(Precision.MIXED_16)).isCloseTo(2.8e12, withinPercentage(0.5));
        assertThat(plan.state(Precision.MIXED)).isCloseTo(3.15e12, withinPercentage(0.5));
        assertThat(PlanText.lines(plan)).anyMatch(line -> line.contains("16 B a trained parameter: 2.79 TB, 1/1,024 of it 2.7 GB"))
                .anyMatch(line -> line.contains("18 B a trained parameter: 3.14 TB, 1/1,024 of it 3.1 GB"));
        Option chosen = plan.chosen().orElseThrow();
        assertThat(chosen.strategy()).isEqualTo(Strategy.ZERO3);
        double state = (double) chosen.memory().weights() + chosen.memory().gradients() + chosen.memory().masters() + chosen.memory().moments();
        assertThat(state).isCloseTo(3.15e12 / 1024, withinPercentage(0.5));
    }

    /** Without the grid's factor there is no CO2, without watts no energy, without a price no money; with them all three, and every assumption in words. */
    @Test
    void nothingIsAssumedAboutTheGrid() {
        Request without = request("llama-2-7b", 64, Hardware.read("a100-80gb"), 1, Optional.empty());
        assertThat(PlanText.lines(TrainingPlan.of(without))).noneMatch(line -> line.matches("  (CO2|price) {3,}.*")).anyMatch(line -> line.contains("CO2: not computed"));
        assertThat(PlanText.json(TrainingPlan.of(without)).path("chosen").has("co2_kg")).isFalse();
        Request with = new Request(without.shape(), Method.FULL, 0, 512, 1e9, 64, without.device(), without.strategies(), Precision.MIXED, 1, 0, Optional.empty(), 0.5, 2, 1.2, 400);
        TrainingPlan plan = TrainingPlan.of(with);
        Option chosen = plan.chosen().orElseThrow();
        double hours = plan.deviceHours(chosen);
        assertThat(plan.price(chosen)).hasValue(2 * hours);
        assertThat(plan.kilowattHours(chosen).orElseThrow()).isCloseTo(hours * 0.4 * 1.2, withinPercentage(1e-9));
        assertThat(plan.kilogramsOfCo2(chosen).orElseThrow()).isCloseTo(hours * 0.4 * 1.2 * 0.4, withinPercentage(1e-9));
        assertThat(PlanText.lines(plan)).anyMatch(line -> line.startsWith("  CO2  "));
        assertThat(TrainingPlan.of(request("llama-2-7b", 64, room(80e9), 1, Optional.empty())).kilowattHours(chosen)).isEmpty();
    }

    @Test
    void whatIsNotUnderstoodIsNamed() {
        assertThatThrownBy(() -> Shapes.read("gpt5")).hasMessageContainingAll("'gpt5' is no published shape", "llama-2-7b", "layers=12,hidden=768");
        assertThatThrownBy(() -> Shapes.read("layers=2,width=64")).hasMessageContainingAll("found 'width=64'", "hidden");
        assertThatThrownBy(() -> Shapes.read("layers=2")).hasMessageContaining("sizes need hidden");
        assertThatThrownBy(() -> Shapes.read("layers=2,hidden=wide")).hasMessageContaining("whole number for hidden");
        assertThatThrownBy(() -> Hardware.read("h900")).hasMessageContainingAll("'h900'", "a100-80gb", "flops=");
        assertThatThrownBy(() -> Hardware.read("flops=1e12")).hasMessageContaining("needs memory");
        assertThatThrownBy(() -> Hardware.read("flops=fast,memory=1e9")).hasMessageContaining("expected a number for flops");
        assertThatThrownBy(() -> Hardware.read("flops=-1,memory=1e9")).hasMessageContaining("must be positive");
    }
}
