package dev.zhulong.infer.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.formats.Family;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.infer.ChatSession;
import dev.zhulong.infer.ChatTranscript;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generation;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.LimitedContext;
import dev.zhulong.infer.LookupDrafter;
import dev.zhulong.infer.ModelDrafter;
import dev.zhulong.infer.PromptCache;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TinyDecoder;
import dev.zhulong.infer.WhatIsCachedChangesNoAnswerTest;
import dev.zhulong.kernels.KvPages.Format;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.Int8Linear;
import dev.zhulong.text.ByteTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Trap 53 on the CPU engine: kept in memory or in a file, a cache changes no bit; what it cannot be sure of it does not take. */
class ARestoredCacheGivesTheSameBitsTest {
    private static final ByteTokenizer BYTES = new ByteTokenizer(true, false);
    private static final int CONTEXT = 300;
    private static final GenerateOptions OPTIONS = GenerateOptions.of(20, SamplerOptions.DEFAULT.withSeed(4)).withLogProbs(3);

    @TempDir
    Path directory;

    private CpuEngine engine(Family family, Optional<WeightType> type, CpuOptions options) {
        if (!Files.exists(directory.resolve("config.json"))) {
            try (Decoder model = TinyDecoder.random(family, 5, CONTEXT)) {
                NetworkFiles.save(model, directory, StorageType.F32);
            }
        }
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEngine.load(files, type, options);
        }
    }

    private CpuEngine llama(CpuOptions options) {
        return engine(Family.of("llama"), Optional.of(WeightType.Q8_0), options);
    }

    private static int pagesInUse(CpuEngine engine) {
        try (var cache = (PagedCache) engine.newCache(1)) {
            return cache.pool().used();
        }
    }

    private static ChatSession chat(CpuEngine engine) {
        return ChatSession.plain(new Generator(engine, BYTES), CONTEXT, OPTIONS);
    }

    @ParameterizedTest
    @CsvSource({"llama, F16", "llama, INT8", "gpt2, F16", "mistral, F16"})
    void fromTurnToTurn(Family family, Format format) {
        try (CpuEngine engine = engine(family, Optional.empty(), CpuOptions.of(2).withCache(format))) {
            var plain = new Generator(engine, BYTES);
            for (SamplerOptions sampler : List.of(SamplerOptions.GREEDY, SamplerOptions.DEFAULT.withSeed(8))) {
                for (Generator generator : List.of(plain, plain.withDrafts(LookupDrafter::new), plain.withDrafts(ModelDrafter.factory(engine, BYTES)))) {
                    WhatIsCachedChangesNoAnswerTest.conversation(plain, generator, new GenerateOptions(24, sampler, List.of(), List.of(), true).withLogProbs(3), CONTEXT / 2);
                    assertThat(pagesInUse(engine)).as("pages in use after all is closed").isZero();
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"llama, F16", "llama, INT8"})
    void savingChangesNoPageThatOthersHold(Family family, Format format) throws IOException {
        int[] ids = new SplittableRandom(2).ints(40, 0, 250).toArray();
        try (CpuEngine engine = engine(family, Optional.empty(), CpuOptions.of(1).withCache(format)); var whole = engine.newCache(100); var shared = engine.newCache(100);
                var shorter = (PagedCache) engine.newCache(100)) {
            for (var cache : List.of(whole, shared)) {
                engine.forward(List.of(new LanguageModel.Span(cache, ids)));
            }
            try (var page = ((PagedCache) shared).hold(0)) {
                shorter.begin(List.of(page));
                shorter.truncate(5);
            }
            var saved = new ByteArrayOutputStream();
            shorter.save(Channels.newChannel(saved));
            assertThat((long) saved.size()).isEqualTo(shorter.bytes(5));
            float[] expected = engine.forward(List.of(new LanguageModel.Span(whole, new int[] {7}))).getFirst();
            assertThat(engine.forward(List.of(new LanguageModel.Span(shared, new int[] {7}))).getFirst()).isEqualTo(expected);
            assertThat(shorter.pool().used()).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @CsvSource({"llama, F16, LATENCY", "llama, INT8, LATENCY", "gpt2, F16, LATENCY", "mistral, F16, LATENCY", "qwen3, INT8, THROUGHPUT"})
    void fromAFile(Family family, Format format, Route route) {
        assumeTrue(route == Route.LATENCY || Int8Linear.unavailable() == null, "int8 products are not to be had on this processor");
        Path file = directory.resolve("chat.kv");
        var options = CpuOptions.of(2).withCache(format).withRoute(route);
        ChatTranscript transcript;
        Generation unbroken;
        try (CpuEngine engine = engine(family, Optional.of(WeightType.Q8_0), options); ChatSession chat = chat(engine)) {
            chat.reply("what is your name?", text -> { });
            chat.reply("and where do you live, in which street?", text -> { });
            transcript = chat.transcript();
            assertThat(chat.saveCache(file, "the model")).isTrue();
            unbroken = chat.reply("third", text -> { });
        }
        try (CpuEngine engine = engine(family, Optional.of(WeightType.Q8_0), options)) {
            try (ChatSession chat = chat(engine)) {
                chat.restore(transcript);
                assertThat(chat.restoreCache(file, "the model")).isEmpty();
                assertThat(pagesInUse(engine)).isGreaterThan(1);
                Generation restored = chat.reply("third", text -> { });
                assertThat(restored.ids()).isEqualTo(unbroken.ids());
                assertThat(restored.logProbs()).isEqualTo(unbroken.logProbs());
                assertThat(restored.cachedTokens()).isEqualTo(unbroken.cachedTokens()).isGreaterThan(100);
            }
            assertThat(pagesInUse(engine)).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void theFileHoldsNothingOfWhatWasCutOff(Format format) throws IOException {
        byte[] first;
        try (CpuEngine engine = llama(CpuOptions.of(1).withCache(format)); PromptCache cache = new Generator(engine, BYTES).promptCache()) {
            first = saved(engine, cache, "my name is");
        }
        try (CpuEngine engine = llama(CpuOptions.of(1).withCache(format))) {
            var generator = new Generator(engine, BYTES);
            try (PromptCache other = generator.promptCache()) {
                generator.generate(new SplittableRandom(1).ints(200, 0, 256).toArray(), OPTIONS, text -> { }, other);
            }
            try (PromptCache cache = generator.promptCache()) {
                generator.generate("my name is not yours to know, nor".chars().toArray(), OPTIONS, text -> { }, cache);
                assertThat(saved(engine, cache, "my name is")).isEqualTo(first);
            }
        }
    }

    private byte[] saved(CpuEngine engine, PromptCache cache, String prompt) throws IOException {
        new Generator(engine, BYTES).generate(prompt.chars().toArray(), GenerateOptions.of(1, SamplerOptions.GREEDY), text -> { }, cache);
        Path file = directory.resolve("chat.kv");
        assertThat(cache.save(file, "the model")).isTrue();
        return Files.readAllBytes(file);
    }

    @Test
    void whatIsOfAnotherKindIsNotTaken() {
        Path file = directory.resolve("chat.kv");
        try (CpuEngine engine = llama(CpuOptions.of(1)); ChatSession chat = chat(engine)) {
            chat.reply("what is your name?", text -> { });
            assertThat(chat.saveCache(file, "model a")).isTrue();
            notTaken(engine, file, "model b", "another model");
            notTaken(engine, directory.resolve("none.kv"), "model a", "there is no none.kv");
            notTaken(engine, directory, "model a", "");
            var limited = new Generator(LimitedContext.of(engine, 30), BYTES);
            try (PromptCache cache = limited.promptCache()) {
                assertThat(cache.restore(file, "model a")).hasValueSatisfying(why -> assertThat(why).contains("the context is 30"));
            }
            assertThat(((PagedCache) engine.newCache(1)).layout()).containsPattern("vectors of (64|128|256|512) bits").contains("route latency");
        }
        try (CpuEngine engine = llama(CpuOptions.of(1).withCache(Format.INT8))) {
            notTaken(engine, file, "model a", "another model, precision, engine");
        }
        if (Int8Linear.unavailable() == null) {
            try (CpuEngine engine = llama(CpuOptions.of(1).withRoute(Route.THROUGHPUT))) {
                notTaken(engine, file, "model a", "another model, precision, engine");
            }
        }
    }

    @Test
    void whatIsDamagedIsNotTaken() throws IOException {
        Path file = directory.resolve("chat.kv");
        try (CpuEngine engine = llama(CpuOptions.of(1))) {
            try (ChatSession chat = chat(engine)) {
                chat.reply("what is your name?", text -> { });
                assertThat(chat.saveCache(file, "model a")).isTrue();
            }
            byte[] whole = Files.readAllBytes(file);
            var random = new SplittableRandom(3);
            for (int i = 0; i < 300; i++) {
                byte[] damaged = whole.clone();
                // every byte of the head, and of the rest some
                int at = i < 250 ? i : random.nextInt(whole.length);
                damaged[at] ^= (byte) (1 << random.nextInt(8));
                Files.write(file, damaged);
                notTaken(engine, file, "model a", "chat.kv");
            }
            for (int length : new int[] {0, 1, 27, 28, 100, 400, whole.length / 2, whole.length - 1, whole.length + 1}) {
                Files.write(file, Arrays.copyOf(whole, length));
                notTaken(engine, file, "model a", "chat.kv");
            }
            Files.write(file, whole);
            try (PromptCache cache = new Generator(engine, BYTES).promptCache()) {
                assertThat(cache.restore(file, "model a")).isEmpty();
                assertThat(cache.length()).isPositive();
            }
        }
    }

    private static void notTaken(CpuEngine engine, Path file, String model, String why) {
        int before = pagesInUse(engine);
        try (PromptCache cache = new Generator(engine, BYTES).promptCache()) {
            assertThat(cache.restore(file, model)).hasValueSatisfying(said -> assertThat(said).contains(why));
            assertThat(cache.length()).isZero();
            assertThat(pagesInUse(engine)).isEqualTo(before);
        }
    }
}
