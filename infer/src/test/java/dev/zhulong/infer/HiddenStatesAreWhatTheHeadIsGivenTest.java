package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.ByteTokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Of both engines; and what is done between a scheduler's steps. */
class HiddenStatesAreWhatTheHeadIsGivenTest {
    private static final int[] IDS = new SplittableRandom(1).ints(30, 0, 256).toArray();
    @TempDir
    Path directory;

    private static float[] run(LanguageModel model, int[] ids, Logits logits) {
        try (KvCache cache = model.newCache(ids.length)) {
            return model.forward(List.of(new Span(cache, ids, logits))).getFirst();
        }
    }

    @Test
    void theEnginesAgreeAndPiecesDoToo() {
        try (Decoder model = TinyDecoder.random(Family.of("llama"), 5, 100); TorchEngine torch = new TorchEngine(model)) {
            NetworkFiles.save(model, directory, StorageType.F32);
            try (ModelDirectory files = ModelDirectory.open(directory); CpuEngine cpu = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2))) {
                float[] expected = run(torch, IDS, Logits.HIDDEN);
                float[] found = run(cpu, IDS, Logits.HIDDEN);
                int hidden = cpu.spec().hiddenSize();
                assertThat(found).hasSameSizeAs(expected).hasSize(IDS.length * hidden);
                // keys and values are f16 on one of them
                for (int i = 0; i < found.length; i++) {
                    assertThat(found[i]).as("number %d", i).isCloseTo(expected[i], within(1e-2f));
                }
                // after a norm: each of about the same length
                for (int t = 0; t < IDS.length; t++) {
                    double squares = 0;
                    for (int d = 0; d < hidden; d++) {
                        squares += (double) found[t * hidden + d] * found[t * hidden + d];
                    }
                    assertThat(squares / hidden).isBetween(0.2, 5.0);
                }
                try (KvCache cache = cpu.newCache(IDS.length)) {
                    cpu.forward(List.of(new Span(cache, Arrays.copyOf(IDS, 11), Logits.NONE)));
                    float[] rest = cpu.forward(List.of(new Span(cache, Arrays.copyOfRange(IDS, 11, IDS.length), Logits.HIDDEN))).getFirst();
                    assertThat(rest).isEqualTo(Arrays.copyOfRange(found, 11 * hidden, found.length));
                }
            }
        }
    }

    @Test
    void otherWorkOfTheModelRunsBetweenStepsAndChangesNothing() throws Exception {
        try (Decoder model = TinyDecoder.random(Family.of("llama"), 5, 300)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        var bytes = new ByteTokenizer(true, true);
        try (ModelDirectory files = ModelDirectory.open(directory); CpuEngine engine = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2))) {
            GenerateOptions options = new GenerateOptions(200, SamplerOptions.GREEDY, List.of(), List.of(), true);
            int[] alone = new Generator(engine, bytes).generate(IDS, options, text -> { }).ids();
            float[] states = run(engine, IDS, Logits.HIDDEN);
            try (var scheduler = new Scheduler(engine, bytes, SchedulerOptions.of(2, 2000))) {
                int beside = 0;
                // a job may be over before this thread gets a core
                for (int job = 0; job < 50 && beside == 0; job++) {
                    var told = new RecordingListener();
                    scheduler.submit(new Job(IDS, options, 0, "", "", null), told);
                    told.wrote.get(10, TimeUnit.SECONDS);
                    while (!told.end.isDone()) {
                        float[] between = scheduler.between(each -> run(each, IDS, Logits.HIDDEN));
                        assertThat(between).isEqualTo(states);
                        beside++;
                    }
                    assertThat(told.generation().ids()).isEqualTo(alone);
                }
                assertThat(beside).isPositive();
            }
            assertThat(engine.pagesUsed()).isZero();
        }
    }
}
