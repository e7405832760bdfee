package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.ByteTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WhatWasReadOutlivesTheServerTest {
    private static final ByteTokenizer BYTES = new ByteTokenizer(true, true);
    private static final int[] PROMPT = new SplittableRandom(1).ints(200, 0, 256).toArray();
    private final List<String> said = new ArrayList<>();
    private CpuEngine engine;
    private Path file;
    @TempDir
    Path directory;

    @BeforeEach
    void load() {
        try (Decoder model = TinyDecoder.random(Family.of("llama"), 5, 400)) {
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            engine = CpuEngine.load(files, Optional.empty(), CpuOptions.of(2));
        }
        file = directory.resolve("prefixes");
    }

    @AfterEach
    void close() {
        assertThat(engine.pagesUsed()).as("pages left").isZero();
        engine.close();
    }

    private Scheduler scheduler(String model, long tokens) {
        return new Scheduler(engine, BYTES, SchedulerOptions.of(4, tokens), new PrefixFile(file, model, said::add));
    }

    private static RecordingListener run(Scheduler scheduler, int[] prompt, String salt) {
        var told = new RecordingListener();
        scheduler.submit(new Job(prompt, GenerateOptions.of(20, SamplerOptions.GREEDY).withLogProbs(2), 0, "", salt, null), told);
        return told;
    }

    private static int cached(RecordingListener told) throws Exception {
        told.generation();
        return told.started.get(1, TimeUnit.SECONDS);
    }

    @Test
    void itServesTheNextWithTheSameBits() throws Exception {
        int[] other = PROMPT.clone();
        other[90] ^= 1;
        RecordingListener first;
        RecordingListener branch;
        try (Scheduler scheduler = scheduler("m", 10_000)) {
            first = run(scheduler, PROMPT, "bank");
            first.generation();
            branch = run(scheduler, other, "bank");
            branch.generation();
            run(scheduler, PROMPT, "school").generation();
        }
        for (int i = 0; i < 2; i++) {
            // the second time it was written from what had been read
            try (Scheduler scheduler = scheduler("m", 10_000)) {
                RecordingListener again = run(scheduler, PROMPT, "bank");
                assertThat(cached(again)).isEqualTo(199);
                assertThat(again.generation().ids()).isEqualTo(first.generation().ids());
                assertThat(again.tokens).isEqualTo(first.tokens);
                RecordingListener second = run(scheduler, other, "bank");
                assertThat(cached(second)).isEqualTo(199);
                assertThat(second.tokens).isEqualTo(branch.tokens);
                assertThat(cached(run(scheduler, PROMPT, "school"))).isEqualTo(199);
                assertThat(cached(run(scheduler, PROMPT, "hospital" + i))).as("nobody's before").isZero();
            }
        }
        assertThat(said).isEmpty();
    }

    @Test
    void whatWasAskedIsForItsOwnerAlone() throws Exception {
        assumeTrue(file.getFileSystem().supportedFileAttributeViews().contains("posix"), "no POSIX rights here");
        try (Scheduler scheduler = scheduler("m", 10_000)) {
            run(scheduler, PROMPT, "bank").generation();
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file))).isEqualTo("rw-------");
    }

    @Test
    void ofManyTheLastAreKeptWhereThereIsLessRoom() throws Exception {
        try (Scheduler scheduler = scheduler("m", 10_000)) {
            for (int i = 0; i < 10; i++) {
                run(scheduler, PROMPT, "tenant" + i).generation();
            }
        }
        try (Scheduler scheduler = scheduler("m", 500)) {
            assertThat(cached(run(scheduler, PROMPT, "tenant9"))).isEqualTo(199);
            assertThat(scheduler.stats().tokensHeld()).isLessThanOrEqualTo(500);
            assertThat(cached(run(scheduler, PROMPT, "tenant0"))).isZero();
        }
        assertThat(said).isEmpty();
    }

    @Test
    void aFileOfAnotherModelIsNotUsed() throws Exception {
        try (Scheduler scheduler = scheduler("m", 10_000)) {
            run(scheduler, PROMPT, "").generation();
        }
        try (Scheduler scheduler = scheduler("n", 10_000)) {
            assertThat(cached(run(scheduler, PROMPT, ""))).isZero();
        }
        assertThat(said).hasSize(1).first().asString().contains("is of another model");
    }

    /** Trap 53. */
    @Test
    void aDamagedFileCostsTimeAndNothingElse() throws IOException {
        int[] expected;
        try (Scheduler scheduler = scheduler("m", 10_000)) {
            expected = run(scheduler, PROMPT, "").generation().ids();
        }
        byte[] whole = Files.readAllBytes(file);
        var random = new SplittableRandom(2);
        int refused = 0;
        for (int i = 0; i < 60; i++) {
            byte[] bytes = whole.clone();
            int at = i < 30 ? random.nextInt(400) : random.nextInt(bytes.length);
            bytes[at] ^= (byte) (1 << random.nextInt(8));
            if (i % 3 == 0) {
                bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
            }
            Files.write(file, bytes);
            said.clear();
            try (Scheduler scheduler = scheduler("m", 10_000)) {
                assertThat(run(scheduler, PROMPT, "").generation().ids()).isEqualTo(expected);
            }
            refused += said.size();
        }
        assertThat(refused).isEqualTo(60);
    }

    @Test
    void whereItCannotBeWrittenTheReasonIsTold() throws IOException {
        file = Files.createDirectory(directory.resolve("taken")).resolve("no").resolve("where");
        try (Scheduler scheduler = scheduler("m", 10_000)) {
            run(scheduler, PROMPT, "").generation();
        }
        assertThat(said).hasSize(1).first().asString().contains("cannot write");
    }
}
