package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.infer.Generation.Finish;
import dev.zhulong.text.ByteTokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 53: with a cache that is kept, an answer is that of an empty one, to the token; also after an interrupted answer. */
public class WhatIsCachedChangesNoAnswerTest {
    private static final ByteTokenizer BYTES = new ByteTokenizer(true, false);
    private static final int CONTEXT = 200;

    /** Guesses anything, often right by chance. */
    private record Wild(SplittableRandom random) implements Drafter {
        @Override
        public int draft(int[] ids, int count, int most, int[] out) {
            int n = random.nextInt(most + 1);
            for (int i = 0; i < n; i++) {
                out[i] = 'a' + random.nextInt(2);
            }
            return n;
        }
    }

    /** Of two letters mostly, by a hash of all ids: a cache that holds another id anywhere answers otherwise. */
    private static FakeModel twoLetters(int eosEvery) {
        return new FakeModel(258, CONTEXT, List.of(ByteTokenizer.EOS), ids -> {
            float[] row = new float[258];
            var random = new SplittableRandom(ids.hashCode());
            row['a'] = 9 + random.nextInt(2);
            row['b'] = (float) (9 + random.nextDouble());
            row[ByteTokenizer.EOS] = random.nextInt(eosEvery) == 0 ? 20 : 0;
            return row;
        });
    }

    @Property(tries = 150)
    void whateverIsSaidCutAndInterrupted(@ForAll long seed) {
        var random = new SplittableRandom(seed);
        var model = twoLetters(12);
        var plain = new Generator(model, BYTES);
        Generator guessing = switch (random.nextInt(4)) {
            case 0 -> plain;
            case 1 -> plain.withDrafts(LookupDrafter::new);
            case 2 -> plain.withDrafts(ModelDrafter.factory(twoLetters(11), BYTES));
            default -> plain.withDrafts(() -> new Wild(new SplittableRandom(seed)));
        };
        SamplerOptions sampler = random.nextBoolean() ? SamplerOptions.GREEDY : SamplerOptions.DEFAULT.withSeed(seed);
        try (PromptCache kept = guessing.promptCache()) {
            int[] read = {};
            for (int turn = 0; turn < 8; turn++) {
                int[] prompt = next(read, random);
                var options = GenerateOptions.of(random.nextInt(24), sampler).withStop(List.of("abba")).withLogProbs(2);
                Generation fresh = plain.generate(prompt, options, text -> { });
                boolean interrupted = random.nextInt(3) == 0 && !fresh.text().isEmpty();
                if (interrupted) {
                    int after = random.nextInt(fresh.text().length());
                    assertThatThrownBy(() -> guessing.generate(prompt, options, failing(after), kept)).hasMessage("enough");
                    read = new int[0];
                } else {
                    Generation answer = guessing.generate(prompt, options, text -> { }, kept);
                    assertThat(answer.ids()).isEqualTo(fresh.ids());
                    assertThat(answer.text()).isEqualTo(fresh.text());
                    assertThat(answer.finish()).isEqualTo(fresh.finish());
                    assertThat(answer.logProbs()).isEqualTo(fresh.logProbs());
                    if (read.length > 0) {
                        int most = Math.min(read.length, prompt.length - 1);
                        int common = Arrays.mismatch(Arrays.copyOf(read, most), Arrays.copyOf(prompt, most));
                        assertThat(answer.cachedTokens()).isEqualTo(common < 0 ? most : common);
                    }
                    read = read(prompt, answer, options);
                }
            }
        }
        assertThat(model.open).isZero();
    }

    /** What was said before or part of it, and something new or nothing. */
    private static int[] next(int[] before, SplittableRandom random) {
        int common = random.nextInt(3) == 0 ? random.nextInt(before.length + 1) : before.length;
        common = Math.min(common, CONTEXT / 2);
        int[] prompt = Arrays.copyOf(before, Math.max(1, common + random.nextInt(20)));
        for (int i = common; i < prompt.length; i++) {
            prompt[i] = 'a' + random.nextInt(3);
        }
        return prompt;
    }

    private static Consumer<String> failing(int after) {
        var streamed = new StringBuilder();
        return text -> {
            streamed.append(text);
            if (streamed.length() > after) {
                throw new IllegalStateException("enough");
            }
        };
    }

    /** The last token is written and not read, unless the end of the sequence was drawn after it. */
    private static int[] read(int[] prompt, Generation answer, GenerateOptions options) {
        if (options.maxNewTokens() == 0) {
            return new int[0];
        }
        int written = answer.ids().length - (answer.finish() == Finish.EOS ? 0 : 1);
        int[] all = Arrays.copyOf(prompt, prompt.length + written);
        System.arraycopy(answer.ids(), 0, all, prompt.length, written);
        return all;
    }

    @Test
    void theSamePromptAgainIsReadFromItsLastTokenOn() {
        var generator = new Generator(twoLetters(1000), BYTES);
        int[] prompt = "abcabc".chars().toArray();
        var options = GenerateOptions.of(10, SamplerOptions.GREEDY);
        try (PromptCache kept = generator.promptCache()) {
            assertThat(generator.generate(prompt, options, text -> { }, kept).cachedTokens()).isZero();
            Generation again = generator.generate(prompt, options, text -> { }, kept);
            assertThat(again.cachedTokens()).isEqualTo(5);
            assertThat(again.promptTokens()).isEqualTo(6);
            assertThat(generator.generate(Arrays.copyOf(prompt, 1), options, text -> { }, kept).cachedTokens()).isZero();
        }
    }

    @Test
    void aCallThatFailsLeavesWhatWasReadBefore() {
        var model = twoLetters(1000);
        var generator = new Generator(model, BYTES);
        int[] prompt = "abcabcab".chars().toArray();
        var options = GenerateOptions.of(10, SamplerOptions.GREEDY);
        try (PromptCache kept = generator.promptCache()) {
            generator.generate(Arrays.copyOf(prompt, 4), options, text -> { }, kept);
            assertThatIllegalArgumentException().isThrownBy(() -> generator.generate(new int[] {1, 999}, options, text -> { }, kept));
            assertThatIllegalArgumentException().isThrownBy(() -> generator.generate(new int[CONTEXT], options, text -> { }, kept));
            Generation answer = generator.generate(prompt, options, text -> { }, kept);
            assertThat(answer.ids()).isEqualTo(generator.generate(prompt, options, text -> { }).ids());
            assertThat(answer.cachedTokens()).isGreaterThanOrEqualTo(4);
            kept.clear();
            assertThat(kept.length()).isZero();
        }
    }

    /** Libtorch adds in another order for another number of rows: the tokens are the same, the last bits of their logits may not be. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void onTheTorchEngine(Family family) {
        try (var engine = new TorchEngine(TinyDecoder.random(family, 9, 160))) {
            var plain = new Generator(engine, BYTES);
            for (Generator generator : List.of(plain, plain.withDrafts(LookupDrafter::new))) {
                conversation(plain, generator, new GenerateOptions(12, SamplerOptions.GREEDY, List.of(), List.of(), true), 160);
            }
        }
    }

    /** Every turn by a session that goes on and by one that is given its turns and has read nothing. Some turns are forgotten. */
    public static void conversation(Generator plain, Generator generator, GenerateOptions options, int context) {
        int cached = 0;
        try (ChatSession chat = ChatSession.plain(generator, context, options)) {
            for (String message : List.of("one", "two two", "three", "four", "x", "six")) {
                assertThatThrownBy(() -> chat.reply("interrupted", failing(2))).hasMessage("enough");
                Generation anew;
                try (ChatSession fresh = ChatSession.plain(plain, context, options)) {
                    fresh.restore(chat.transcript());
                    anew = fresh.reply(message, text -> { });
                }
                Generation answer = chat.reply(message, text -> { });
                assertThat(answer.ids()).isEqualTo(anew.ids());
                assertThat(answer.text()).isEqualTo(anew.text());
                assertThat(answer.logProbs()).isEqualTo(anew.logProbs());
                assertThat(answer.promptTokens()).isEqualTo(anew.promptTokens());
                assertThat(anew.cachedTokens()).isZero();
                // the beginning is "User: " at least
                assertThat(answer.cachedTokens()).isGreaterThanOrEqualTo(6);
                cached = Math.max(cached, answer.cachedTokens());
            }
            assertThat(chat.transcript().turns()).hasSize(6);
            assertThat(chat.transcript().forgotten()).isPositive();
        }
        assertThat(cached).isGreaterThan(40);
    }

    /** A key read in a shorter sequence is another key there. */
    @Test
    void whereAnglesChangeWithTheLengthNothingIsKept() {
        FakeModel model = twoLetters(1000);
        DecoderSpec s = model.spec();
        var spec = new DecoderSpec(s.family(), s.vocabSize(), s.hiddenSize(), s.layers(), s.heads(), s.kvHeads(), s.headDim(), s.intermediateSize(),
                s.contextLength(), s.norm(), s.normEpsilon(), s.activation(), s.gatedMlp(), new Rope(10_000, 8, new Scaling.Dynamic(2, 16)),
                s.tiedEmbeddings(), s.qkvBias(), s.outputBias(), s.mlpBias(), s.qkNorm(), s.windows(), s.bosId(), s.eosIds());
        var dynamic = new LanguageModel() {
            @Override
            public DecoderSpec spec() {
                return spec;
            }

            @Override
            public KvCache newCache(int capacity) {
                return model.newCache(capacity);
            }

            @Override
            public List<float[]> forward(List<Span> spans) {
                return model.forward(spans);
            }

            @Override
            public void close() { }
        };
        var generator = new Generator(dynamic, BYTES);
        try (PromptCache kept = generator.promptCache()) {
            for (int turn = 0; turn < 2; turn++) {
                assertThat(generator.generate("abcabc".chars().toArray(), GenerateOptions.of(3, SamplerOptions.GREEDY), text -> { }, kept).cachedTokens())
                        .isZero();
            }
        }
    }
}
