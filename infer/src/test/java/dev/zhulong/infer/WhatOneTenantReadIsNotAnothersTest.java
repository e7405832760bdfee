package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.ByteTokenizer;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Traps 54 and 64: what is kept for one salt cannot be noticed under another, not by the time it takes either. */
class WhatOneTenantReadIsNotAnothersTest {
    @TempDir
    Path directory;

    @Test
    void prefixesAreSharedWithinASaltOnly() throws Exception {
        try (Decoder model = TinyDecoder.random(Family.of("llama"), 5, 400)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        int[] prompt = new SplittableRandom(1).ints(200, 0, 256).toArray();
        try (ModelDirectory files = ModelDirectory.open(directory);
                CpuEngine engine = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2));
                var scheduler = new Scheduler(engine, new ByteTokenizer(true, true), SchedulerOptions.of(4, 10_000))) {
            assertThat(cached(scheduler, prompt, "bank")).isZero();
            assertThat(cached(scheduler, prompt, "bank")).isEqualTo(199);
            assertThat(cached(scheduler, prompt, "school")).isZero();
            assertThat(cached(scheduler, prompt, "bank")).isEqualTo(199);
            int[] other = prompt.clone();
            other[70] ^= 1;
            assertThat(cached(scheduler, other, "bank")).as("up to the token that differs").isEqualTo(70);
        }
    }

    private static int cached(Scheduler scheduler, int[] prompt, String salt) throws Exception {
        var told = new RecordingListener();
        scheduler.submit(new Job(prompt, GenerateOptions.of(3, SamplerOptions.GREEDY), 0, "", salt, null), told);
        told.generation();
        return told.started.get(1, TimeUnit.SECONDS);
    }
}
