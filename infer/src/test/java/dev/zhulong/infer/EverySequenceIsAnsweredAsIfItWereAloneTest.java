package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.ByteTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Batched answers are solo answers, token for token: with and without what was kept, with memory for few, on a paged engine and another. */
class EverySequenceIsAnsweredAsIfItWereAloneTest {
    private static final ByteTokenizer BYTES = new ByteTokenizer(true, true);
    private static final int CONTEXT = 400;

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({"1, 100000, true", "4, 100000, true", "8, 100000, true", "8, 100000, false", "16, 1024, true", "8, 448, true", "8, 448, false"})
    void onTheCpuEngine(int running, long tokens, boolean reuse) {
        try (Decoder model = TinyDecoder.random(Family.of("llama"), 5, CONTEXT)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine engine = CpuEngine.load(files, Optional.of(WeightType.Q8_0), CpuOptions.of(2))) {
            SchedulerStats stats = allEqual(engine, new SchedulerOptions(running, 100, tokens, 32, reuse), jobs(40));
            assertThat(stats.tokensHeld()).isLessThanOrEqualTo(tokens);
            if (reuse && tokens > 10_000) {
                assertThat(stats.cachedTokens()).as("tokens of shared beginnings read once").isGreaterThan(64 * 20);
                assertThat(stats.preempted()).isZero();
            }
            if (tokens == 448) {
                assertThat(stats.preempted()).as("sequences that gave their memory up").isPositive();
            }
        }
    }

    @Test
    void onAnEngineWithoutPages() {
        SchedulerStats stats = allEqual(FakeModel.hashed(258, CONTEXT), SchedulerOptions.of(8, 1500), jobs(40));
        assertThat(stats.preempted()).isZero();
        assertThat(stats.cachedTokens()).isZero();
    }

    @Test
    void onTheTorchEngine() {
        try (Decoder model = TinyDecoder.random(Family.of("qwen2"), 5, 150); TorchEngine engine = new TorchEngine(model)) {
            List<Job> jobs = jobs(12).stream().filter(job -> job.prompt().length < 100).toList();
            // read in one piece, as alone: libtorch rounds otherwise in pieces
            allEqual(engine, new SchedulerOptions(4, 100, 100_000, 256, true), jobs);
        }
    }

    private static SchedulerStats allEqual(LanguageModel engine, SchedulerOptions options, List<Job> jobs) {
        var generator = new Generator(engine, BYTES);
        List<Generation> alone = new ArrayList<>();
        for (Job job : jobs) {
            // sequence number n of a batch draws from stream n
            alone.add(generator.generateAll(Collections.nCopies(job.number() + 1, job.prompt()), job.options(), (index, text) -> { }).getLast());
        }
        List<RecordingListener> told = new ArrayList<>();
        try (var scheduler = new Scheduler(engine, BYTES, options)) {
            for (Job job : jobs) {
                told.add(new RecordingListener());
                scheduler.submit(job, told.getLast());
            }
            for (int i = 0; i < jobs.size(); i++) {
                Generation together = told.get(i).generation();
                assertThat(together.ids()).as("job %d", i).isEqualTo(alone.get(i).ids());
                assertThat(together.text()).isEqualTo(alone.get(i).text()).isEqualTo(told.get(i).text.toString());
                assertThat(together.finish()).isEqualTo(alone.get(i).finish());
                assertThat(together.logProbs()).isEqualTo(alone.get(i).logProbs()).isEqualTo(told.get(i).tokens);
                assertThat(together.promptTokens()).isEqualTo(jobs.get(i).prompt().length);
            }
            scheduler.drain();
            SchedulerStats stats = scheduler.stats();
            assertThat(stats.finished()).isEqualTo(jobs.size());
            assertThat(stats.failed()).isZero();
            return stats;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Greedy and drawn, with and without log-probabilities, of a few clients; most begin with one of two long texts, some are short. */
    private static List<Job> jobs(int n) {
        var random = new SplittableRandom(3);
        int[][] beginnings = {random.ints(200, 0, 256).toArray(), random.ints(130, 0, 256).toArray(), {}};
        List<Job> jobs = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            int[] beginning = beginnings[Math.min(2, random.nextInt(4))];
            int[] prompt = Arrays.copyOf(beginning, beginning.length + 1 + random.nextInt(30));
            for (int j = beginning.length; j < prompt.length; j++) {
                prompt[j] = random.nextInt(256);
            }
            SamplerOptions sampler = i % 3 == 0 ? SamplerOptions.GREEDY : SamplerOptions.GREEDY.withTemperature(0.8).withTopK(40).withSeed(i);
            GenerateOptions options = GenerateOptions.of(1 + random.nextInt(60), sampler).withLogProbs(i % 4 == 0 ? 2 : GenerateOptions.NO_LOG_PROBS)
                    .withStop(i % 5 == 0 ? List.of("e", "\u0007") : List.of());
            jobs.add(new Job(prompt, options, i % 2, "client " + i % 3, i % 7 == 0 ? "other" : "", null));
        }
        return jobs;
    }
}
