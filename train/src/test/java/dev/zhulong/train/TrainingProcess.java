package dev.zhulong.train;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A training from the disk in a process of its own, which a test may kill, and the same in memory. */
final class TrainingProcess {
    static final int STEPS = 30;

    private TrainingProcess() {}

    /** 0.8 million weights: a step takes long enough to be hit. */
    private static DecoderSpec spec() {
        return new DecoderSpec(Family.of("llama"), Tiny.VOCAB, 128, 5, 4, 4, 32, 256, 32, Norm.RMS, 1e-5, Activation.SILU, true, new Rope(10_000, 32, new Scaling.None()), true, false,
                false, false, false, Collections.nCopies(5, 0), -1, List.of());
    }

    /** Says each step on standard output. */
    public static void main(String[] args) {
        Path run = Path.of(args[0]);
        try (StreamedState state = StreamedState.open(spec(), run.resolve("state"), Tiny.ADAMW); Decoder model = Decoder.random(spec(), 7, state)) {
            state.attach(model);
            train(model, run);
        } catch (RuntimeException e) {
            System.out.println("error: " + e.getMessage());
            System.exit(1);
        }
    }

    static void inMemory(Path run) {
        try (Decoder model = Decoder.random(spec(), 7)) {
            train(model, run);
        }
    }

    private static void train(Decoder model, Path run) {
        TrainOptions o = Tiny.options(STEPS, 2, 1);
        new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(Tiny::batch, List.of(Tiny.batch(1_000_000))), new TrainOptions(STEPS, 2, o.schedule(), 1, o.optimizer(), false, 5, 7, 0, 10, 1),
                run, new TrainListener() {
                    @Override
                    public void step(Step step) {
                        System.out.println("step " + step.step());
                    }
                }).train();
    }

    /** Begins one, on the run directory that others left. @param limit before the command, in the shell's words */
    static Process start(Path run, String limit) throws java.io.IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        return new ProcessBuilder("sh", "-c", limit + "exec \"$0\" \"$@\"", java, "--enable-native-access=ALL-UNNAMED", "--add-modules", "jdk.incubator.vector", "-Xmx64m", "-XX:+UseSerialGC",
                "-XX:-UsePerfData", "-cp", System.getProperty("java.class.path"), TrainingProcess.class.getName(), run.toString()).redirectErrorStream(true).start();
    }

    /** What a run came to: its files, and losses and norms of all steps. */
    static Map<String, Object> result(Path run) throws java.io.IOException {
        Map<String, Object> all = new TreeMap<>();
        Path checkpoint = run.resolve("checkpoints/step-%08d".formatted(STEPS));
        for (String name : List.of("model.safetensors", "optimizer.safetensors", "trainer.json")) {
            all.put(name, java.util.HexFormat.of().formatHex(Files.readAllBytes(checkpoint.resolve(name))));
        }
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            lines.add(line.replaceAll("\"(tokens_per_second|time)\":[^,}]*,?", ""));
        }
        all.put("metrics.jsonl", lines);
        return all;
    }
}
