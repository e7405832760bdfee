package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.recipe.jobs.Jobs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledPretrainingEndsInTheSameBitsTest {
    private static final int STEPS = 60;
    private static final List<String> SAME = List.of("model.safetensors", "checkpoints/step-00000060/model.safetensors",
            "checkpoints/step-00000060/optimizer.safetensors", "checkpoints/step-00000060/trainer.json", "tokenizer.json",
            "tokenizer_config.json", "config.json", "generation_config.json", "evaluation.json", "recipe.yaml", "zhulong.json",
            "data/shards/train/shards.json", "data/shards/train/tokens-00000.bin", "data/shards/validation/tokens-00000.bin");

    @TempDir
    Path temporary;

    /** What runs in the process that is killed. */
    static final class Child {
        private Child() {}

        public static void main(String[] args) {
            try (var line = ProgressLine.on(System.out)) {
                Jobs.in(Path.of(args[0]), List.of()).run(Path.of(args[0]), line);
            }
        }
    }

    @Test
    void tenTimesInEveryPhase() throws Exception {
        PretrainRecipe recipe = TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 250, 1), "train.steps=" + STEPS,
                "train.batch=4", "train.evaluate_every=10", "train.sample_every=15", "train.checkpoint_every=7", "seed=11");
        Path unbroken = temporary.resolve("unbroken");
        TinyRun.run(recipe, unbroken);

        Path run = temporary.resolve("killed");
        RunDirectory.open(run, recipe.absolute()).close();
        // where each kill falls: once the phase is reached, and a random while after it
        Map<String, BooleanSupplier> phases = new LinkedHashMap<>();
        phases.put("starting, 900", () -> true);
        phases.put("cleaning, 150", () -> Files.exists(run.resolve("data/corpus.unfinished")));
        phases.put("cleaning again, 150", () -> Files.exists(run.resolve("data/corpus.unfinished")));
        phases.put("tokenizer, 40", () -> Files.exists(run.resolve("data/tokenizer.unfinished")));
        phases.put("shards, 20", () -> Files.exists(run.resolve("data/shards/train")));
        phases.put("training, 100", () -> steps(run) >= 4);
        phases.put("training on, 100", () -> steps(run) >= 24);
        phases.put("checkpoint, 3", () -> Files.exists(run.resolve("checkpoints/step-00000049.unfinished")));
        phases.put("the end of training, 10", () -> Files.exists(run.resolve("checkpoints/step-00000060.unfinished")));
        phases.put("writing the model, 60", () -> Files.exists(run.resolve("config.json")));
        var random = new SplittableRandom(20);
        for (var phase : phases.entrySet()) {
            String[] nameAndMost = phase.getKey().split(", ");
            Process child = ChildJvm.start(Child.class, temporary.resolve("log").toFile(), run.toString());
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            // a phase that was over before it was seen is over for good: then the kill falls later
            while (!phase.getValue().getAsBoolean() && child.isAlive() && System.nanoTime() < until) {
                Thread.onSpinWait();
                Thread.sleep(1);
            }
            Thread.sleep(random.nextInt(Integer.parseInt(nameAndMost[1])));
            boolean alive = child.isAlive();
            child.destroyForcibly().waitFor();
            assertThat(alive).as("%s: %s", nameAndMost[0], Files.readString(temporary.resolve("log"))).isTrue();
            assertThat(child.exitValue()).as(nameAndMost[0]).isNotZero();
        }
        assertThat(run.resolve("zhulong.json")).doesNotExist();
        Path log = temporary.resolve("last.log");
        assertThat(ChildJvm.start(Child.class, log.toFile(), run.toString()).waitFor()).as(log.toString()).isZero();
        assertThat(log).content().contains("resuming after step 60 of 60").doesNotContain("cleaning", "training the tokenizer");

        for (String file : SAME) {
            assertThat(run.resolve(file)).as(file).hasSameBinaryContentAs(unbroken.resolve(file));
        }
        assertThat(metrics(run)).isEqualTo(metrics(unbroken)).hasSizeGreaterThan(STEPS);
        try (var left = Files.walk(run)) {
            assertThat(left.map(p -> p.getFileName().toString()).filter(n -> n.endsWith(".unfinished") || n.endsWith("-tmp"))).isEmpty();
        }
    }

    private static long steps(Path run) {
        Path metrics = run.resolve("metrics.jsonl");
        try (var lines = Files.lines(metrics)) {
            return lines.filter(line -> line.contains("grad_norm")).count();
        } catch (IOException e) {
            return 0;
        }
    }

    /** All that is measured but the speed. */
    private static List<ObjectNode> metrics(Path run) throws IOException {
        var lines = new ArrayList<ObjectNode>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            ObjectNode values = (ObjectNode) new ObjectMapper().readTree(line);
            values.remove(List.of("tokens_per_second"));
            lines.add(values);
        }
        return lines;
    }
}
