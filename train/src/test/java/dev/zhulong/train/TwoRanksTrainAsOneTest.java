package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A step asks the other ranks between its gradients and their norm, and that is enough to share the batches of a step. */
class TwoRanksTrainAsOneTest {
    private static final int STEPS = 5;

    @TempDir
    Path directory;

    @Test
    void eachWithEverySecondBatch() throws Exception {
        Run alone = run("alone", Ranks.ALONE, 2, Tiny::batch);
        var meeting = new Meeting(2);
        var ranks = List.of(new Met(meeting, 0), new Met(meeting, 1));
        List<Run> both = new ArrayList<>();
        try (var threads = Executors.newFixedThreadPool(2)) {
            List<Future<Run>> runs = new ArrayList<>();
            for (Met rank : ranks) {
                runs.add(threads.submit(() -> run("rank-" + rank.rank, rank, 1, number -> Tiny.batch(2 * number + rank.rank))));
            }
            for (Future<Run> run : runs) {
                both.add(run.get(5, TimeUnit.MINUTES));
            }
        } catch (ExecutionException | TimeoutException e) {
            throw new AssertionError(e);
        }
        assertThat(both.get(0).weights).as("both ranks hold the same model").isEqualTo(both.get(1).weights);
        for (int step = 0; step < STEPS; step++) {
            TrainListener.Step expected = alone.steps.get(step);
            for (Run rank : both) {
                assertThat(rank.steps.get(step).loss()).isCloseTo(expected.loss(), within(1e-5));
                assertThat(rank.steps.get(step).bitsPerByte()).isCloseTo(expected.bitsPerByte(), within(1e-5));
                assertThat(rank.steps.get(step).gradNorm()).isCloseTo(expected.gradNorm(), within(1e-4));
            }
        }
        for (int i = 0; i < alone.weights.length; i++) {
            assertThat(both.get(0).weights[i]).isCloseTo(alone.weights[i], within(1e-3f));
        }
        for (Met rank : ranks) {
            assertThat(rank.asked).isEqualTo(java.util.Collections.nCopies(STEPS, List.of("sum", "reduce", "sumOfSquares")).stream()
                    .flatMap(List::stream).toList());
        }
    }

    private record Run(List<TrainListener.Step> steps, float[] weights) {}

    private Run run(String name, Ranks ranks, int accumulation, java.util.function.LongFunction<Batch> batches) {
        List<TrainListener.Step> steps = new ArrayList<>();
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(batches, List.of()), ranks, Tiny.options(STEPS, accumulation, 1),
                    directory.resolve(name), new TrainListener() {
                        @Override
                        public void step(Step step) {
                            steps.add(step);
                        }
                    }).train();
            return new Run(steps, model.parameters().get("model.embed_tokens.weight").toFloats());
        }
    }

    /** Where threads lay down what the others are to add. */
    private static final class Meeting {
        private final CyclicBarrier all;
        private final Object[] laid;

        Meeting(int size) {
            all = new CyclicBarrier(size);
            laid = new Object[size];
        }

        /** What each rank laid down, by rank. */
        List<Object> exchange(int rank, Object mine) {
            try {
                laid[rank] = mine;
                all.await(1, TimeUnit.MINUTES);
                List<Object> found = List.of(laid);
                all.await(1, TimeUnit.MINUTES);
                return found;
            } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static final class Met implements Ranks {
        private final Meeting meeting;
        private final int rank;
        private final List<String> asked = new ArrayList<>();

        Met(Meeting meeting, int rank) {
            this.meeting = meeting;
            this.rank = rank;
        }

        @Override
        public int rank() {
            return rank;
        }

        @Override
        public int size() {
            return meeting.laid.length;
        }

        @Override
        public Loss sum(Loss mine) {
            asked.add("sum");
            return meeting.exchange(rank, mine).stream().map(Loss.class::cast).reduce(Loss.NONE, Loss::plus);
        }

        @Override
        public void reduce(Collection<Tensor> weights) {
            asked.add("reduce");
            for (Tensor weight : weights) {
                float[] sum = new float[(int) weight.elements()];
                for (Object each : meeting.exchange(rank, weight.grad().toFloats())) {
                    for (int i = 0; i < sum.length; i++) {
                        sum[i] += ((float[]) each)[i];
                    }
                }
                try (Tensor gradient = Tensor.of(sum, weight.shape())) {
                    weight.grad().copy_(gradient);
                }
            }
        }

        /** Each rank keeps the whole gradient. */
        @Override
        public double sumOfSquares(double mine) {
            asked.add("sumOfSquares");
            return mine;
        }

        @Override
        public void barrier() {
            meeting.exchange(rank, rank);
        }

        @Override
        public void close() {}
    }
}
