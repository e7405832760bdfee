package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Placing;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights, gradients and moments that are on the disk between uses change no bit of what is trained, and no moment of a kill costs more than the step it falls into. */
class TrainingFromTheDiskHasTheBitsOfMemoryTest {
    private static final int STEPS = 4;

    @TempDir
    Path directory;

    /** Wide enough for matrices that an update cuts into pieces. */
    private static DecoderSpec spec(String family, boolean tied) {
        boolean gpt2 = family.equals("gpt2");
        return new DecoderSpec(Family.of(family), Tiny.VOCAB, 64, 3, 4, gpt2 ? 4 : 2, 16, 160, 32, gpt2 ? Norm.LAYER : Norm.RMS, 1e-5,
                gpt2 ? Activation.GELU_TANH : Activation.SILU, !gpt2, gpt2 ? null : new Rope(10_000, 16, new Scaling.None()), tied, gpt2, gpt2, gpt2, false,
                List.of(0, 0, 0), -1, List.of());
    }

    private static DecoderSpec mixture() {
        DecoderSpec dense = spec("llama", true);
        Stack stack = dense.stack();
        var layers = stack.layers().stream().map(layer -> new Stack.Layer(layer.attention(), new Mlp.Experts(4, 1, (Mlp.Dense) layer.mlp(), 0.01))).toList();
        return new DecoderSpec(Family.of("mixtral"), new Stack(stack.hiddenSize(), layers, stack.norm(), stack.normEpsilon(), stack.place(), stack.positions(),
                stack.contextLength()), dense.vocabSize(), true, dense.bosId(), dense.eosIds());
    }

    /** What a run wrote down and left. */
    private record Run(List<String> steps, Map<String, byte[]> files) {
        static Run of(Path run, List<String> steps) {
            Map<String, byte[]> files = new TreeMap<>();
            try {
                for (String name : List.of("model.safetensors", "optimizer.safetensors", "trainer.json")) {
                    files.put(name, Files.readAllBytes(run.resolve("checkpoints/step-%08d".formatted(STEPS)).resolve(name)));
                }
            } catch (java.io.IOException e) {
                throw new UncheckedIOException(e);
            }
            return new Run(steps, files);
        }

        void assertSameAs(Run other) {
            assertThat(steps).isEqualTo(other.steps);
            files.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(other.files.get(name)));
        }
    }

    private static TrainOptions options(int accumulation) {
        TrainOptions o = Tiny.options(STEPS, accumulation, 1);
        return new TrainOptions(o.steps(), o.accumulation(), o.schedule(), o.clip(), o.optimizer(), false, o.seed(), 2, 0, 3, 2);
    }

    private Run inMemory(DecoderSpec spec, int accumulation, LongFunction<Batch> batches) {
        List<String> steps = new ArrayList<>();
        Path run = directory.resolve("memory");
        try (Decoder model = Decoder.random(spec, 7)) {
            train(model, accumulation, batches, run, steps);
        }
        return Run.of(run, steps);
    }

    private Run fromDisk(DecoderSpec spec, int accumulation, LongFunction<Batch> batches, Path run, Runnable beforeEachWrite) {
        List<String> steps = new ArrayList<>();
        try (StreamedState state = StreamedState.open(spec, run.resolve("state"), Tiny.ADAMW, beforeEachWrite); Decoder model = Decoder.random(spec, 7, state)) {
            state.attach(model);
            train(model, accumulation, batches, run, steps);
        }
        return Run.of(run, steps);
    }

    private static void train(Decoder model, int accumulation, LongFunction<Batch> batches, Path run, List<String> steps) {
        new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(batches, List.of(Tiny.batch(1_000_000))), options(accumulation), run, new TrainListener() {
            @Override
            public void step(Step step) {
                steps.add(step.step() + " " + step.loss() + " " + step.gradNorm());
            }

            @Override
            public void evaluated(Evaluation evaluation) {
                steps.add(evaluation.toString());
            }
        }).train();
    }

    private static final Batch NOTHING = Tiny.rows(12, new int[] {1});

    @ParameterizedTest
    @CsvSource({"llama,true,1", "llama,false,1", "llama,true,3", "gpt2,true,3", "gpt2,false,2"})
    void ofEveryKind(String family, boolean tied, int accumulation) {
        DecoderSpec spec = spec(family, tied);
        fromDisk(spec, accumulation, Tiny::batch, directory.resolve("disk"), () -> {}).assertSameAs(inMemory(spec, accumulation, Tiny::batch));
    }

    /** An expert that no token is given to has no gradient, and stays. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void ofAMixture(int accumulation) {
        LongFunction<Batch> short3 = number -> Tiny.rows(4, Tiny.document(3, number));
        fromDisk(mixture(), accumulation, short3, directory.resolve("disk"), () -> {}).assertSameAs(inMemory(mixture(), accumulation, short3));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void whereOneOfThreeBatchesHasTargets(int which) {
        LongFunction<Batch> batches = number -> number % 3 == which ? Tiny.batch(number) : NOTHING;
        DecoderSpec spec = spec("llama", true);
        Run run = fromDisk(spec, 3, batches, directory.resolve("disk"), () -> {});
        run.assertSameAs(inMemory(spec, 3, batches));
        assertThat(run.steps.getFirst()).doesNotContain("NaN").doesNotEndWith(" 0.0");
    }

    /** Such a step updates nothing, and is done all the same. */
    @Test
    void whereAStepHasNoTargets() {
        LongFunction<Batch> batches = number -> number == 1 ? NOTHING : Tiny.batch(number);
        DecoderSpec spec = spec("llama", true);
        fromDisk(spec, 1, batches, directory.resolve("disk"), () -> {}).assertSameAs(inMemory(spec, 1, batches));
    }

    private static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** From the first write of an empty disk to those of the last step. */
    @Test
    void killedAtAnyWrite() {
        DecoderSpec spec = spec("llama", true);
        Run expected = inMemory(spec, 2, Tiny::batch);
        int[] all = new int[1];
        fromDisk(spec, 2, Tiny::batch, directory.resolve("counted"), () -> all[0]++);
        assertThat(all[0]).isGreaterThan(100);
        for (int at = 1; at <= all[0]; at += 19) {
            Path run = directory.resolve("killed-" + at);
            int last = at;
            int[] writes = new int[1];
            // what comes after a write that failed fails too, as after a kill
            assertThatThrownBy(() -> fromDisk(spec, 2, Tiny::batch, run, () -> {
                if (++writes[0] >= last) {
                    throw new Killed();
                }
            })).as("write %d", at).isInstanceOf(Killed.class);
            Run resumed = fromDisk(spec, 2, Tiny::batch, run, () -> {});
            resumed.files.forEach((name, bytes) -> assertThat(bytes).as("write %d: %s", last, name).isEqualTo(expected.files.get(name)));
            assertThat(expected.steps).as("write %d", at).containsAll(resumed.steps);
        }
    }

    @Test
    void aRunInMemoryGoesOnFromTheDiskAndBack() {
        DecoderSpec spec = spec("llama", false);
        Run expected = inMemory(spec, 1, Tiny::batch);
        Path memoryFirst = directory.resolve("memory-first");
        assertThatThrownBy(() -> {
            try (Decoder model = Decoder.random(spec, 7)) {
                train(model, 1, number -> number == 3 ? stop() : Tiny.batch(number), memoryFirst, new ArrayList<>());
            }
        }).isInstanceOf(Killed.class);
        fromDisk(spec, 1, Tiny::batch, memoryFirst, () -> {}).files.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(expected.files.get(name)));
        Path diskFirst = directory.resolve("disk-first");
        assertThatThrownBy(() -> fromDisk(spec, 1, number -> number == 3 ? stop() : Tiny.batch(number), diskFirst, () -> {})).isInstanceOf(Killed.class);
        List<String> steps = new ArrayList<>();
        try (Decoder model = Decoder.random(spec, 7)) {
            train(model, 1, Tiny::batch, diskFirst, steps);
        }
        Run.of(diskFirst, steps).files.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(expected.files.get(name)));
    }

    private static Batch stop() {
        throw new Killed();
    }

    @Test
    void aStateOfAnotherModelIsRefused() {
        Path run = directory.resolve("other");
        fromDisk(spec("llama", true), 1, Tiny::batch, run, () -> {});
        assertThatThrownBy(() -> StreamedState.open(spec("llama", false), run.resolve("state"), Tiny.ADAMW)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("another model");
    }

    @Test
    void whatDoesNotFitOnTheDiskIsRefusedBeforeAnythingIsWritten() {
        DecoderSpec vast = new DecoderSpec(Family.of("llama"), 100_000, 32_768, 400, 256, 256, 128, 131_072, 4096, Norm.RMS, 1e-5, Activation.SILU, true,
                new Rope(10_000, 128, new Scaling.None()), true, false, false, false, false, java.util.Collections.nCopies(400, 0), -1, List.of());
        Path state = directory.resolve("vast");
        assertThatThrownBy(() -> StreamedState.open(vast, state, Tiny.ADAMW)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("of disk in " + state)
                .hasMessageContaining("are free");
        assertThat(state).isEmptyDirectory();
    }

    /** From then on no file grows: the disk may fill up without harm. */
    @Test
    void allBytesAreTakenFromTheDiskAtOnce() throws Exception {
        DecoderSpec spec = spec("llama", true);
        Path run = directory.resolve("taken");
        try (StreamedState state = StreamedState.open(spec, run.resolve("state"), Tiny.ADAMW)) {
            assertThat(size(run.resolve("state"))).isEqualTo(StreamedState.needs(spec, Tiny.ADAMW).disk() + 8192);
        }
        fromDisk(spec, 2, Tiny::batch, run, () -> {});
        assertThat(size(run.resolve("state"))).isEqualTo(StreamedState.needs(spec, Tiny.ADAMW).disk() + 8192);
    }

    private static long size(Path directory) throws java.io.IOException {
        try (var files = Files.list(directory)) {
            return files.mapToLong(file -> file.toFile().length()).sum();
        }
    }

    @Test
    void aBrokenWeightOnTheDiskIsNamed() {
        DecoderSpec spec = spec("llama", true);
        String broken = "model.layers.1.mlp.up_proj.weight";
        try (StreamedState state = StreamedState.open(spec, directory.resolve("state"), Tiny.ADAMW)) {
            try (Decoder model = Decoder.random(spec, 7, (parameter, tensor) -> state.place(parameter, parameter.name().equals(broken) ? tensor.fill_(Float.NaN) : tensor))) {
                state.attach(model);
                assertThatThrownBy(() -> train(model, 1, Tiny::batch, directory.resolve("broken"), new ArrayList<>())).isInstanceOf(TrainingStopped.class)
                        .hasMessageContaining(broken);
            }
        }
    }

    /** What makes the network first, and gives it to the files afterwards, would have had it all in memory. */
    @Test
    void layersAreNeverAllInMemory() {
        DecoderSpec spec = spec("llama", true);
        try (StreamedState state = StreamedState.open(spec, directory.resolve("state"), Tiny.ADAMW)) {
            long[] here = new long[2];
            Placing counted = (parameter, tensor) -> {
                var held = state.place(parameter, tensor);
                here[held == null ? 0 : 1] += parameter.count();
                return held;
            };
            try (Decoder model = Decoder.random(spec, 7, counted)) {
                state.attach(model);
                assertThat(here[0]).isEqualTo(3 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 160));
                assertThat(here[1]).isEqualTo(Tiny.VOCAB * 64 + 7 * 64);
                assertThat(model.parameters().values().stream().mapToLong(t -> t.elements()).sum()).isEqualTo(here[1]);
            }
        }
    }
}
