package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Compression;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.ValueLayout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 23 of scaling out: a gradient that does not go with its step goes with a later one, whatever happens in between. */
class CompressedGradientsForgetNothingTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path directory;

    /** Runs a task as each of some ranks. */
    private static <T> List<T> together(int size, String compress, Function<DataParallel, T> task) throws Exception {
        try (var threads = Executors.newFixedThreadPool(size); var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            int port = rendezvous.port();
            List<Future<T>> runs = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                var group = new Group(i, size, 0, "127.0.0.1", port, "127.0.0.1", KEY, Duration.ofSeconds(20));
                Callable<T> one = () -> {
                    try (var ranks = new DataParallel(Collectives.join(group, refused -> {}))) {
                        Compression.parse(compress).ifPresent(ranks::compress);
                        return task.apply(ranks);
                    }
                };
                runs.add(threads.submit(one));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> run : runs) {
                results.add(run.get(2, TimeUnit.MINUTES));
            }
            return results;
        }
    }

    /** Steps of which every seventh batch has no target. */
    private static Batch batch(long number) {
        return number % 7 == 3 ? Tiny.rows(12, new int[] {1}) : Tiny.batch(number);
    }

    private record Run(List<Double> losses, Map<String, float[]> weights) {
        boolean hasTheBitsOf(Run other) {
            return losses.equals(other.losses) && weights.entrySet().stream().allMatch(e -> java.util.Arrays.equals(e.getValue(), other.weights.get(e.getKey())));
        }
    }

    private static Run train(Ranks ranks, int batches, int steps, Path run) {
        List<Double> losses = new ArrayList<>();
        TrainOptions o = Tiny.options(12, batches / ranks.size(), 1);
        var options = new TrainOptions(steps, o.accumulation(), o.schedule(), o.clip(), o.optimizer(), false, o.seed(), 0, 0, 3, 9);
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(number -> batch(number * ranks.size() + ranks.rank()), List.of()), ranks, options, run, new TrainListener() {
                @Override
                public void step(Step step) {
                    losses.add(step.loss());
                }
            }).train();
            Map<String, float[]> weights = new LinkedHashMap<>();
            model.parameters().forEach((weight, tensor) -> weights.put(weight, tensor.toFloats()));
            return new Run(losses, weights);
        }
    }

    /** And the residuals of all are in the checkpoint, so that what is started again ends in the bits of what was never stopped. */
    @ParameterizedTest
    @CsvSource({"2,topk:0.05:4", "3,topk:0.05:0", "2,int8", "3,bf16"})
    void allRanksEndInTheSameBitsStoppedOrNot(int size, String compress) throws Exception {
        Path unbroken = directory.resolve("unbroken");
        List<Run> all = together(size, compress, ranks -> train(ranks, size, 12, unbroken));
        assertThat(all).allMatch(each -> each.hasTheBitsOf(all.getFirst()));
        Path broken = directory.resolve("broken");
        together(size, compress, ranks -> train(ranks, size, 6, broken));
        for (Run each : together(size, compress, ranks -> train(ranks, size, 12, broken))) {
            assertThat(each.hasTheBitsOf(new Run(all.getFirst().losses.subList(6, 12), all.getFirst().weights))).isTrue();
        }
    }

    /** Residuals know no ranks: they lie in the checkpoint by the names of the weights. */
    @Test
    void otherRanksGoOnWithTheSameResiduals() throws Exception {
        Path run = directory.resolve("run");
        together(2, "topk:0.05:0", ranks -> train(ranks, 6, 3, run));
        Path checkpoint = run.resolve("checkpoints/step-00000003");
        Map<String, float[]> residuals = residuals(checkpoint);
        assertThat(residuals.keySet()).contains("residual.model.embed_tokens.weight", "residual.model.layers.1.mlp.up_proj.weight");
        assertThat(residuals.values().stream().mapToDouble(CompressedGradientsForgetNothingTest::largest).max().orElseThrow()).isGreaterThan(0);
        // three ranks take them, and give them back
        together(3, "topk:0.05:0", ranks -> {
            try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
                model.requiresGrad(true);
                new PartGradients(model, ranks, 2);
                ranks.load(checkpoint, model.trainable());
                ranks.settle();
                if (ranks.rank() == 0) {
                    ranks.save(directory, model.trainable());
                }
                ranks.barrier();
                return "done";
            }
        });
        Map<String, float[]> again = residuals(directory);
        assertThat(again.keySet()).isEqualTo(residuals.keySet());
        again.forEach((name, values) -> assertThat(values).as(name).isEqualTo(residuals.get(name)));
        // who does not compress owes nothing after a step: it moves the weights by what was owed and its own gradient
        copy(run, directory.resolve("alone"));
        Run three = together(3, "none", ranks -> train(ranks, 6, 4, run)).getFirst();
        Run alone = train(Ranks.ALONE, 6, 4, directory.resolve("alone"));
        Run without = withoutResiduals(run, alone.losses);
        three.weights.forEach((name, values) -> {
            for (int i = 0; i < values.length; i++) {
                assertThat(values[i]).isCloseTo(alone.weights.get(name)[i], within(1e-4f));
            }
        });
        assertThat(alone.hasTheBitsOf(without)).as("residuals matter").isFalse();
    }

    private Run withoutResiduals(Path run, List<Double> losses) throws Exception {
        Path fresh = directory.resolve("fresh");
        Path checkpoint = fresh.resolve("checkpoints/step-00000003");
        copy(run.resolve("checkpoints/step-00000003"), checkpoint);
        Files.delete(checkpoint.resolve(Residuals.FILE));
        Path sums = checkpoint.resolve("checksums.json");
        Files.writeString(sums, Files.readString(sums).replaceAll("(?m)^.*" + Residuals.FILE + ".*\\R", ""));
        return new Run(losses, train(Ranks.ALONE, 6, 4, fresh).weights);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.createDirectories(to.resolve(from.relativize(file)).getParent());
                Files.copy(file, to.resolve(from.relativize(file)));
            }
        }
    }

    private static Map<String, float[]> residuals(Path in) {
        Map<String, float[]> all = new LinkedHashMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(in.resolve(Residuals.FILE))) {
            file.tensors().forEach((name, view) -> all.put(name, view.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)));
        }
        return all;
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    /** What was summed in a step that moves nothing is not lost: gradients of whole numbers add up exactly to what was handed out and what is left. */
    @Test
    void whatIsSentAndWhatIsKeptAreGradientAndResidual() throws Exception {
        int steps = 5;
        int size = 3;
        List<Map<String, double[]>> handedOut = together(size, "topk:0.02:0", ranks -> {
            Map<String, double[]> sums = new LinkedHashMap<>();
            try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
                model.requiresGrad(true);
                new PartGradients(model, ranks, 1);
                for (int step = 1; step <= steps; step++) {
                    ranks.begin(step);
                    int s = step;
                    model.trainable().forEach((name, weight) -> weight.setGrad(Tensor.of(gradient(name, weight, ranks.rank(), s), weight.shape()).keep()));
                    ranks.sum(new Loss(1, 1, 0));
                    if (step != 3) {
                        try (var scope = TensorScope.open()) {
                            ranks.reduce(model.trainable().values());
                        }
                        model.trainable().forEach((name, weight) -> add(sums.computeIfAbsent(name, n -> new double[(int) weight.elements()]), weight.grad().toFloats()));
                    }
                    model.trainable().values().forEach(Tensor::clearGrad);
                }
                ranks.settle();
                if (ranks.rank() == 0) {
                    ranks.save(directory, model.trainable());
                    Map<String, float[]> residuals = residuals(directory);
                    sums.forEach((name, values) -> add(values, residuals.get("residual." + name)));
                }
                ranks.barrier();
                Map<String, double[]> given = new LinkedHashMap<>();
                model.trainable().forEach((name, weight) -> {
                    for (int rank = 0; rank < size; rank++) {
                        for (int step = 1; step <= steps; step++) {
                            add(given.computeIfAbsent(name, n -> new double[(int) weight.elements()]), gradient(name, weight, rank, step));
                        }
                    }
                });
                if (ranks.rank() == 0) {
                    given.forEach((name, values) -> assertThat(sums.get(name)).as(name).isEqualTo(values));
                }
                return sums;
            }
        });
        assertThat(handedOut).hasSize(size);
    }

    private static float[] gradient(String name, Tensor weight, int rank, int step) {
        var random = new java.util.SplittableRandom(name.hashCode() * 31L + 7 * rank + 1000 * step);
        float[] values = new float[(int) weight.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextInt(2001) - 1000;
        }
        return values;
    }

    private static void add(double[] to, float[] values) {
        for (int i = 0; i < to.length; i++) {
            to[i] += values[i];
        }
    }

    /** A loss of a rank that is not finite stops all, as without compression. */
    @ParameterizedTest
    @ValueSource(strings = {"bf16", "int8", "topk:0.01"})
    void whatIsNotFiniteStopsAllRanks(String compress) {
        assertThat(stopped(() -> together(2, compress, ranks -> {
            try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
                if (ranks.rank() == 1) {
                    model.parameters().get("model.norm.weight").fill_(Double.NaN);
                }
                TrainOptions o = Tiny.options(3, 1, 1);
                model.requiresGrad(true);
                new TrainStep<>(model, Tiny.nextToken(model), Tiny.data(), o,
                        o.optimizer().of(model.trainable(), model.decayed()), ranks).run(0, 0);
                return "trained";
            }
        }))).isInstanceOf(TrainingStopped.class);
    }

    private static Throwable stopped(Callable<?> task) {
        try {
            task.call();
            return null;
        } catch (ExecutionException e) {
            return e.getCause();
        } catch (Exception e) {
            return e;
        }
    }
}
