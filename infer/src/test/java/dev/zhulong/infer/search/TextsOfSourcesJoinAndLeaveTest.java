package dev.zhulong.infer.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.ContextLengthException;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Job;
import dev.zhulong.infer.JobListener;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.Scheduler;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.TinyEncoderDecoder;
import dev.zhulong.infer.TokenLogProbs;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.search.SearchOptions.Early;
import dev.zhulong.text.ByteTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Continuous batching over an encoder–decoder: whoever shares a step, each text is the one that is found alone. */
@Timeout(120)
class TextsOfSourcesJoinAndLeaveTest {
    private static final int MOST = 16;
    private static final ByteTokenizer BYTES = new ByteTokenizer(2, TinyEncoderDecoder.VOCAB, OptionalInt.empty(), OptionalInt.of(TinyEncoderDecoder.EOS), false);

    @TempDir
    Path directory;
    private CpuEncoderDecoder model;

    @BeforeEach
    void open() {
        TinyEncoderDecoder.write("t5", 11, directory);
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            model = CpuEncoderDecoder.load(files, Optional.empty(), CpuOptions.of(1));
        }
    }

    @AfterEach
    void close() {
        assertThat(model.pagesUsed()).as("pages that nobody gave back").isZero();
        model.close();
    }

    private static int[] source(int number) {
        var random = new SplittableRandom(number);
        return random.ints(1 + random.nextInt(90), 2, TinyEncoderDecoder.VOCAB).toArray();
    }

    /** Rules among them: a first token, and pairs that occur once. */
    private static SearchOptions options(int beams) {
        return new SearchOptions(TinyEncoderDecoder.PAD, List.of(TinyEncoderDecoder.EOS), TinyEncoderDecoder.PAD, beams, 1, Early.HEURISTIC, MOST + 1, 0, 2, 1, 7, List.of(), List.of(),
                List.of(), false);
    }

    private List<int[]> alone(int count, int beams) {
        List<int[]> found = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            try (Continuation rows = new CachedContinuation(model, List.of(source(i)))) {
                found.addAll(Search.run(rows, List.of(options(beams))));
            }
        }
        return found;
    }

    private static Job job(int number, SamplerOptions sampler) {
        SearchOptions search = options(1);
        return new Job(new int[] {search.start()}, GenerateOptions.of(MOST, sampler), 0, "anna", "", null, null, new Job.Source(source(number), new Rules(search.forSequence(MOST))));
    }

    private static CompletableFuture<Generation> submit(Scheduler scheduler, Job job) {
        var end = new CompletableFuture<Generation>();
        scheduler.submit(job, new JobListener() {
            @Override
            public void wrote(String text, List<TokenLogProbs> tokens) { }

            @Override
            public void finished(Generation generation) {
                end.complete(generation);
            }

            @Override
            public void failed(RuntimeException problem) {
                end.completeExceptionally(problem);
            }
        });
        return end;
    }

    private Scheduler scheduler(int places, int tokens) {
        return new Scheduler(model, BYTES, new SchedulerOptions(places, 64, tokens, 64, true));
    }

    /** Ids of a search end with what ends them, those of a sequence before. */
    private static int[] withoutEnd(int[] ids) {
        return ids.length > 0 && ids[ids.length - 1] == TinyEncoderDecoder.EOS ? Arrays.copyOf(ids, ids.length - 1) : ids;
    }

    @Test
    void greedyTextsAreThoseOfTheSearch() {
        List<int[]> expected = alone(8, 1);
        try (Scheduler scheduler = scheduler(4, 10_000)) {
            List<CompletableFuture<Generation>> all = new ArrayList<>();
            for (int i = 0; i < expected.size(); i++) {
                all.add(submit(scheduler, job(i, SamplerOptions.GREEDY)));
            }
            for (int i = 0; i < expected.size(); i++) {
                assertThat(all.get(i).join().ids()).as("text %d", i).isEqualTo(withoutEnd(expected.get(i)));
            }
            assertThat(expected.stream().map(List::of).distinct().count()).isEqualTo(expected.size());
        }
    }

    /** Where memory ends, a text gives its own up and is written on later, its source read again. */
    @Test
    void littleMemoryChangesNoText() {
        List<int[]> expected = alone(5, 1);
        try (Scheduler scheduler = scheduler(5, 4 * 64)) {
            List<CompletableFuture<Generation>> all = new ArrayList<>();
            for (int i = 0; i < expected.size(); i++) {
                all.add(submit(scheduler, job(i, SamplerOptions.GREEDY)));
            }
            for (int i = 0; i < expected.size(); i++) {
                assertThat(all.get(i).join().ids()).isEqualTo(withoutEnd(expected.get(i)));
            }
        }
    }

    @Test
    void drawnTextsDependOnTheirSeedAlone() {
        SamplerOptions drawn = SamplerOptions.DEFAULT.withSeed(5);
        List<int[]> alone = new ArrayList<>();
        try (Scheduler scheduler = scheduler(1, 10_000)) {
            for (int i = 0; i < 4; i++) {
                alone.add(submit(scheduler, job(i, drawn)).join().ids());
            }
        }
        try (Scheduler scheduler = scheduler(4, 10_000)) {
            List<CompletableFuture<Generation>> all = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                all.add(submit(scheduler, job(i, drawn)));
            }
            for (int i = 0; i < 4; i++) {
                assertThat(all.get(i).join().ids()).isEqualTo(alone.get(i)).startsWith(7);
            }
        }
    }

    @Test
    void beamsAreThoseOfTheSearchBesideSequences() {
        List<int[]> expected = alone(6, 3);
        List<int[]> greedy = alone(2, 1);
        try (Scheduler scheduler = scheduler(4, 10_000); var beams = new BeamScheduler(scheduler, model, new BeamScheduler.Room(9, 10_000, 64))) {
            List<CompletableFuture<int[]>> all = new ArrayList<>();
            for (int i = 0; i < expected.size(); i++) {
                all.add(beams.submit(source(i), options(3)));
            }
            CompletableFuture<Generation> beside = submit(scheduler, job(1, SamplerOptions.GREEDY));
            for (int i = 0; i < expected.size(); i++) {
                assertThat(all.get(i).join()).as("text %d", i).isEqualTo(expected.get(i));
            }
            assertThat(beside.join().ids()).isEqualTo(withoutEnd(greedy.get(1)));
            assertThat(expected.get(0)).isNotEqualTo(greedy.get(0));
        }
    }

    @Test
    void whatIsGivenUpLeavesAndWhatCannotBeIsRefused() throws InterruptedException {
        try (Scheduler scheduler = scheduler(4, 10_000); var beams = new BeamScheduler(scheduler, model, new BeamScheduler.Room(64, 1000, 64))) {
            CompletableFuture<int[]> given = beams.submit(source(1), options(4));
            given.cancel(false);
            assertThat(beams.submit(source(2), options(2)).join()).isNotEmpty();
            assertThatThrownBy(() -> beams.submit(source(1), options(16))).isInstanceOf(ContextLengthException.class).hasMessageContaining("memory for 1000 tokens");
            assertThatThrownBy(() -> beams.submit(new int[0], options(2))).hasMessageContaining("there is no text to read");
            assertThatThrownBy(() -> scheduler.submit(new Job(new int[] {0}, GenerateOptions.of(3, SamplerOptions.GREEDY), 0, "anna", "", null), null))
                    .hasMessageContaining("writes of a source");
            beams.drain();
        }
    }
}
