package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.train.schedule.Schedule;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Traps 5 and 10: NaN stops the run with step and weight named; rows that teach nothing are a loss of 0 and no update. */
class ARunStopsWhereNumbersEndTest {
    private static final String BROKEN = "model.layers.1.mlp.down_proj.weight";

    @TempDir
    Path run;

    @Test
    void aWeightThatIsNotANumberIsNamedAndTheCheckpointStaysGood() {
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            var trainer = new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), Tiny.options(10, 1, 1), run, new TrainListener() {
                @Override
                public void step(Step step) {
                    if (step.step() == 4) {
                        model.parameters().get(BROKEN).segment().setAtIndex(ValueLayout.JAVA_FLOAT, 5, Float.NaN);
                    }
                }
            });
            assertThatThrownBy(trainer::train).isInstanceOf(TrainingStopped.class).hasMessageContainingAll("step 5", "NaN", BROKEN)
                    .hasMessageNotContaining("\n");
        }
        var said = new ArrayList<String>();
        Path checkpoint = new Checkpoints(run.resolve("checkpoints"), 2).newest(said::add).orElseThrow();
        assertThat(Checkpoints.step(checkpoint)).isEqualTo(3);
        assertThat(said).isEmpty();
    }

    @Test
    void aStepWithoutTargetsIsCountedButMovesNothing() {
        Batch nothing = Tiny.rows(6, Tiny.document(1, 1), Tiny.document(1, 2));
        assertThat(nothing.supervised()).isZero();
        var losses = new ArrayList<Double>();
        float[] skipping;
        float[] straight;
        // the third batch is empty: the updates are those of a run that never had it, bias correction included
        var options = new TrainOptions(4, 1, flat(), 1, Tiny.ADAMW, false, 1, 0, 0, 0, 1);
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model),
                    new TrainData<>(n -> n == 2 ? nothing : Tiny.batch(n > 2 ? n - 1 : n), List.of()), options,
                    run.resolve("skipping"), new TrainListener() {
                        @Override
                        public void step(Step step) {
                            losses.add(step.loss());
                        }
                    }).train();
            skipping = model.parameters().get(BROKEN).toFloats();
        }
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(Tiny::batch, List.of()),
                    new TrainOptions(3, 1, flat(), 1, Tiny.ADAMW, false, 1, 0, 0, 0, 1), run.resolve("straight"), new TrainListener() {}).train();
            straight = model.parameters().get(BROKEN).toFloats();
        }
        assertThat(losses).hasSize(4);
        assertThat(losses.get(2)).isZero();
        assertThat(skipping).isEqualTo(straight);
    }

    private static Schedule flat() {
        return Schedule.of(Schedule.Kind.CONSTANT, 1e-2, 1e-2, 0, 0, 4);
    }
}
