package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.model.Decoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Traps 1, 3, 4, 5, 6 and 15 of ZeRO: whatever part of the state ranks share, weights, moments, losses and norms are those of one process that reads all batches; checkpoints are files of
 * whole tensors that know no ranks.
 */
class SharedStatesHaveTheBitsOfWholeOnesTest {
    private static final int STEPS = 20;

    @TempDir
    Path directory;

    /** What a run wrote down and left. */
    private record Run(List<String> steps, Map<String, byte[]> files) {
        static Run of(Path run, long step, List<String> steps) {
            Map<String, byte[]> files = new TreeMap<>();
            try {
                for (String name : List.of("model.safetensors", "optimizer.safetensors", "trainer.json")) {
                    files.put(name, Files.readAllBytes(run.resolve("checkpoints/step-%08d".formatted(step)).resolve(name)));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return new Run(steps, files);
        }

        void assertSameAs(Run other) {
            assertThat(steps).isEqualTo(other.steps);
            files.forEach((name, bytes) -> assertThat(Arrays.equals(bytes, other.files.get(name))).as(name).isTrue());
        }
    }

    /** Some batches have more targets than others, and every seventh has none. */
    private static Batch batch(long number) {
        return number % 7 == 3 ? Tiny.rows(12, new int[] {1}) : Tiny.rows(12, Tiny.document(4 + (int) (number * 5 % 9), 2 * number), Tiny.document(9, 2 * number + 1));
    }

    private static TrainOptions options(long steps, int batches, boolean recompute) {
        TrainOptions o = Tiny.options(steps, batches, 1);
        return new TrainOptions(o.steps(), o.accumulation(), o.schedule(), o.clip(), o.optimizer(), recompute, o.seed(), 6, 0, 5, 9);
    }

    private static List<String> train(Decoder model, Ranks ranks, TrainOptions options, LongFunction<Batch> batches, Path run) {
        List<String> steps = new ArrayList<>();
        var data = new TrainData<>(number -> batches.apply(number * ranks.size() + ranks.rank()), List.of(Tiny.batch(1_000_000)));
        new Trainer<>(model, Tiny.nextToken(model), data, ranks, options.among(ranks.size()), run, new TrainListener() {
            @Override
            public void step(Step step) {
                steps.add(step.step() + " " + step.loss() + " " + step.gradNorm());
            }

            @Override
            public void evaluated(Evaluation evaluation) {
                steps.add(evaluation.toString());
            }
        }).train();
        return steps;
    }

    /** Of rank 0; the others have the same steps. */
    private Run together(String name, int size, Supplier<Decoder> maker, TrainOptions options, LongFunction<Batch> batches) {
        Path run = directory.resolve(name);
        List<List<String>> each = Together.run(size, ranks -> {
            try (Decoder model = maker.get()) {
                return train(model, ranks, options, batches, run);
            }
        });
        each.forEach(steps -> assertThat(steps).isEqualTo(each.getFirst().stream().filter(line -> !line.startsWith("Evaluation") || steps == each.getFirst()).toList()));
        return Run.of(run, options.steps(), each.getFirst());
    }

    private Run alone(Supplier<Decoder> maker, TrainOptions options, LongFunction<Batch> batches) {
        Path run = directory.resolve("alone");
        try (Decoder model = maker.get()) {
            return Run.of(run, options.steps(), train(model, Ranks.ALONE, options, batches, run));
        }
    }

    /** One batch a rank, and as many in one process; blocks run again or not. */
    @ParameterizedTest
    @CsvSource({"2,true", "2,false", "3,true", "3,false", "4,true"})
    void ofAsManyBatches(int size, boolean tied) {
        Supplier<Decoder> model = () -> Tiny.decoder(Family.of("llama"), tied);
        Run alone = alone(model, options(STEPS, size, false), SharedStatesHaveTheBitsOfWholeOnesTest::batch);
        for (int zero = 0; zero <= 3; zero++) {
            for (boolean recompute : zero == 3 ? new boolean[] {false} : new boolean[] {false, true}) {
                together("zero-" + zero + recompute, size, model, options(STEPS, size, recompute).sharing(zero), SharedStatesHaveTheBitsOfWholeOnesTest::batch).assertSameAs(alone);
            }
        }
    }

    /** Stage 1 adds up a rank's own batches first, as whole states do; later stages add batch by batch, as one process does. */
    @ParameterizedTest
    @CsvSource({"2,2,true", "2,3,false", "3,2,true"})
    void ofSeveralBatchesEach(int size, int each, boolean tied) {
        Supplier<Decoder> model = () -> Tiny.decoder(Family.of("llama"), tied);
        TrainOptions options = options(STEPS, size * each, false);
        Run alone = alone(model, options, SharedStatesHaveTheBitsOfWholeOnesTest::batch);
        Run whole = together("zero-0", size, model, options, SharedStatesHaveTheBitsOfWholeOnesTest::batch);
        together("zero-1", size, model, options.sharing(1), SharedStatesHaveTheBitsOfWholeOnesTest::batch).assertSameAs(whole);
        together("zero-2", size, model, options.sharing(2), SharedStatesHaveTheBitsOfWholeOnesTest::batch).assertSameAs(alone);
        together("zero-3", size, model, options.sharing(3), SharedStatesHaveTheBitsOfWholeOnesTest::batch).assertSameAs(alone);
    }

    /** Trap 5: the first, the second or the last batch is the only one that teaches anything. */
    @ParameterizedTest
    @ValueSource(ints = {0, 3, 5})
    void whereOneBatchOfSixHasTargets(int which) {
        LongFunction<Batch> batches = number -> number % 6 == which ? Tiny.batch(number) : Tiny.rows(12, new int[] {1});
        Supplier<Decoder> model = () -> Tiny.decoder(Family.of("llama"), true);
        Run alone = alone(model, options(3, 6, false), batches);
        assertThat(alone.steps.getFirst()).doesNotContain("NaN").doesNotEndWith(" 0.0");
        for (int zero = 1; zero <= 3; zero++) {
            together("zero-" + zero, 2, model, options(3, 6, false).sharing(zero), batches).assertSameAs(alone);
        }
    }

    /** A step that teaches nothing changes nothing, and the next is what it would have been. */
    @Test
    void whereAStepHasNoTargets() {
        LongFunction<Batch> batches = number -> number / 2 == 1 ? Tiny.rows(12, new int[] {1}) : Tiny.batch(number);
        Supplier<Decoder> model = () -> Tiny.decoder(Family.of("llama"), false);
        Run alone = alone(model, options(3, 2, false), batches);
        for (int zero = 1; zero <= 3; zero++) {
            together("zero-" + zero, 2, model, options(3, 2, false).sharing(zero), batches).assertSameAs(alone);
        }
    }

    /** An expert that no token of any rank is given to has no gradient and stays; one that those of one rank alone are given to has that rank's. */
    @ParameterizedTest
    @CsvSource({"2,1", "2,2", "3,1"})
    void ofAMixture(int size, int each) {
        LongFunction<Batch> batches = number -> Tiny.rows(4, Tiny.document(2 + (int) (number % 2), number));
        Supplier<Decoder> model = () -> Tiny.decoder(Tiny.mixture(0.1));
        TrainOptions options = options(6, size * each, false);
        Run alone = alone(model, options, batches);
        for (int zero = each == 1 ? 1 : 2; zero <= 3; zero++) {
            together("zero-" + zero, size, model, options.sharing(zero), batches).assertSameAs(alone);
        }
    }

    /** Learnt positions, biases, transposed matrices. */
    @Test
    void ofAGpt2() {
        Supplier<Decoder> model = () -> Tiny.decoder(Family.of("gpt2"), true);
        Run alone = alone(model, options(6, 2, false), Tiny::batch);
        for (int zero = 1; zero <= 3; zero++) {
            together("zero-" + zero, 2, model, options(6, 2, false).sharing(zero), Tiny::batch).assertSameAs(alone);
        }
    }

    /** What rank 0 does alone leaves it at the same window of layers as the others, however many layers there are. */
    @Test
    void ofAnOddNumberOfLayers() throws IOException {
        Path config = Files.writeString(directory.resolve("config.json"), """
                {"model_type":"llama","vocab_size":48,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":3,"num_attention_heads":2,"max_position_embeddings":32}""");
        Supplier<Decoder> model = () -> Tiny.decoder((DecoderSpec) HfConfig.network(config));
        Run alone = alone(model, options(STEPS, 2, false), Tiny::batch);
        together("zero-3", 2, model, options(STEPS, 2, false).sharing(3), Tiny::batch).assertSameAs(alone);
    }

    private static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** Saved by two ranks under stage i, gone on from by three, by two or by one under stage j. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aRunGoesOnAmongOthersAndSharedOtherwise(int first) throws IOException {
        Supplier<Decoder> model = () -> Tiny.decoder(Family.of("llama"), true);
        TrainOptions options = options(12, 6, false);
        Run alone = alone(model, options, SharedStatesHaveTheBitsOfWholeOnesTest::batch);
        Path begun = directory.resolve("begun");
        var stopped = new AtomicInteger();
        try {
            Together.run(2, ranks -> {
                try (Decoder own = model.get()) {
                    return train(own, ranks, options.sharing(first), number -> {
                        if (number >= 9 * 6) {
                            stopped.incrementAndGet();
                            throw new Stopped();
                        }
                        return batch(number);
                    }, begun);
                }
            });
        } catch (Stopped | dev.zhulong.distribute.RankFailure e) {
            assertThat(stopped.get()).isPositive();
        }
        Run unbroken = alone;
        for (int size : new int[] {1, 2, 3}) {
            for (int zero : size == 1 ? new int[] {0} : new int[] {2, 3}) {
                String name = "on-" + size + "-" + zero;
                dev.zhulong.formats.FileTree.delete(directory.resolve(name));
                copy(begun, directory.resolve(name));
                Run on = together(name, size, model, options.sharing(zero), SharedStatesHaveTheBitsOfWholeOnesTest::batch);
                // what two ranks have of three batches each under stage 1 is summed in another order
                unbroken = first == 1 && size == 1 ? on : unbroken;
                Map<String, byte[]> expected = unbroken.files;
                on.files.forEach((file, bytes) -> assertThat(Arrays.equals(bytes, expected.get(file))).as("%s of %s", file, name).isTrue());
            }
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var all = Files.walk(from)) {
            for (Path each : all.toList()) {
                Files.copy(each, to.resolve(from.relativize(each).toString()));
            }
        }
    }

    /** Trap 19: what one rank's gradient has of infinity nobody steps by; the scale is halved on all, and the step is done again. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void anOverflowOnOneRankIsSkippedByAll(int zero) {
        var runs = Together.run(2, ranks -> {
            try (Decoder model = Decoder.random(Tiny.spec(Family.of("llama"), true), 7)) {
                var passes = new AtomicInteger();
                Objective<Batch> within = new NextToken(model);
                var objective = new Objective<Batch>() {
                    @Override
                    public Loss accumulate(Batch batch, boolean recompute) {
                        if (ranks.rank() == 1 && passes.getAndIncrement() == 2) {
                            model.products(new dev.zhulong.model.Products(dev.zhulong.tensor.DType.F16, 0x1p60));
                        }
                        return within.accumulate(batch, recompute);
                    }

                    @Override
                    public Loss evaluate(Batch batch) {
                        return within.evaluate(batch);
                    }

                    @Override
                    public Unit unit() {
                        return within.unit();
                    }

                    @Override
                    public long tokens(Batch batch) {
                        return within.tokens(batch);
                    }
                };
                TrainOptions options = options(4, 2, false).in(Precision.FP16).sharing(zero).among(2);
                var trainer = new Trainer<>(model, objective, new TrainData<>(number -> Tiny.batch(2 * number + ranks.rank()), List.of()), ranks, options, directory.resolve("fp16-" + zero),
                        new TrainListener() {});
                trainer.train();
                return trainer.scale().value() + " after " + (ranks.rank() == 1 ? passes.get() : 5);
            }
        });
        assertThat(runs).containsOnly(LossScale.FIRST.value() / 2 + " after 5");
    }

    /** A weight that is no number is named by all ranks alike, whoever has it. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aBrokenWeightIsNamedByAll(int zero) {
        String broken = "model.layers.1.mlp.up_proj.weight";
        List<String> said = Together.run(2, ranks -> {
            try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
                model.parameters().get(broken).segment().setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, 370, Float.NaN);
                train(model, ranks, options(3, 2, false).sharing(zero), Tiny::batch, directory.resolve("broken-" + zero));
                return "trained";
            } catch (TrainingStopped e) {
                return e.getMessage();
            }
        });
        assertThat(said).allSatisfy(text -> assertThat(text).contains("step 1", broken));
    }

    /**
     * What layers of an encoder–decoder share stays whole; all of it ends in the bits of one process. Layers that are run again, as those of stage 3 are, add up what comes to the encoder's
     * states from the decoder's layers in another order than a whole graph.
     */
    @ParameterizedTest
    @CsvSource({"2,1", "2,2", "3,1"})
    void ofAnEncoderAndDecoder(int size, int each) throws IOException {
        Path config = Files.writeString(directory.resolve("config.json"), """
                {"model_type": "t5", "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 3, "decoder_start_token_id": 0, "vocab_size": 29,
                "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9, "feed_forward_proj": "gated-gelu"}""");
        var spec = (dev.zhulong.formats.EncoderDecoderSpec) dev.zhulong.formats.HfConfig.network(config);
        Map<Integer, List<byte[]>> files = new TreeMap<>();
        int again = 4;
        for (int zero : each > 1 ? new int[] {0, 2, 3, again} : new int[] {0, 1, 2, 3, again}) {
            int stage = zero % again;
            Path run = directory.resolve("t5-" + zero);
            boolean recompute = zero == again;
            Together.run(stage == 0 ? 1 : size, ranks -> {
                try (var model = dev.zhulong.model.EncoderDecoder.random(spec, 7)) {
                    var data = new TrainData<>((long number) -> pairs(number * ranks.size() + ranks.rank()), List.of(pairs(1_000)));
                    new Trainer<>(model, new SequenceToSequence(model, 0.1), data, ranks, options(6, size * each, recompute).sharing(stage).among(ranks.size()), run, new TrainListener() {}).train();
                    return null;
                }
            });
            files.put(zero, List.copyOf(Run.of(run, 6, List.of()).files.values()));
        }
        files.forEach((zero, bytes) -> {
            for (int i = 0; i < bytes.size(); i++) {
                assertThat(zero == again || Arrays.equals(bytes.get(i), files.get(zero == 3 ? again : 0).get(i))).as("file %d of stage %d", i, zero).isTrue();
            }
        });
    }

    private static dev.zhulong.data.pack.PairBatch pairs(long number) {
        var random = new java.util.SplittableRandom(number);
        return dev.zhulong.data.pack.PairBatch.of(java.util.stream.IntStream.of(7, 11, 9)
                .mapToObj(n -> new dev.zhulong.data.pack.PairBatch.Pair(random.ints(n, 2, Tiny.VOCAB).toArray(), random.ints(15 - n, 2, Tiny.VOCAB).toArray())).toList(), 1);
    }

    /** A rank's part is 1/N but for what does not divide; the embedding, the head and the last norm are whole. */
    @Test
    void ofAllThatIsSharedARankHasItsPart() {
        Map<Integer, State.Held> held = new TreeMap<>();
        for (int zero = 0; zero <= 3; zero++) {
            int stage = zero;
            held.put(zero, Together.run(2, ranks -> {
                try (Decoder model = Tiny.decoder(Family.of("llama"), false)) {
                    State state = State.of(model, options(3, 2, false).sharing(stage), ranks);
                    State.Held each = state.held().orElseThrow();
                    state.reunite();
                    state.release();
                    return each;
                }
            }).getLast());
        }
        long all = held.get(0).weights();
        assertThat(held.get(1)).isEqualTo(new State.Held(all, all, held.get(2).moments(), 0));
        // of 464 values in the vocabulary's matrices the second has 208, of 256 half, of 128 and 384 as well, of norms, which are not cut, all 16
        assertThat(held.get(2).moments()).isEqualTo(2 * 4 * (2 * 208 + 5 * 16 + 2 * (2 * 128 + 2 * 64 + 3 * 192)));
        assertThat(held.get(2).gradients()).isEqualTo(held.get(2).moments() / 2);
        long outside = (2 * Tiny.VOCAB * 16 + 16) * 4;
        assertThat(held.get(3).weights() - outside).isEqualTo(4 * (4 * 16 + 2 * (2 * 128 + 2 * 64 + 3 * 192)));
        assertThat(held.get(3).moments()).isEqualTo(held.get(2).moments());
    }
}
