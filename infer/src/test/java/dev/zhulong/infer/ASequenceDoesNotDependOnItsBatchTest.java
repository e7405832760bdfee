package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Span;
import dev.zhulong.text.ByteTokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Traps 50 and 58, on the torch engine: in batches of one to eight prompts of mixed lengths every sequence has the bits it has alone. */
class ASequenceDoesNotDependOnItsBatchTest {
    private static final int MOST = 8;

    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void itsLogitsHaveTheSameBits(Family family) {
        List<int[]> prompts = prompts(Families.all().indexOf(family));
        try (var engine = new TorchEngine(TinyDecoder.random(family, 7))) {
            List<float[]> alone = new ArrayList<>();
            for (int i = 0; i < MOST; i++) {
                alone.addAll(twoSteps(engine, List.of(i), prompts));
            }
            for (int n = 2; n <= MOST; n++) {
                List<Integer> batch = new ArrayList<>();
                for (int i = 0; i < n; i++) {
                    batch.add((i * 3 + n) % MOST);
                }
                if (n % 2 == 0) {
                    Collections.reverse(batch);
                }
                List<float[]> got = twoSteps(engine, batch, prompts);
                for (int i = 0; i < n; i++) {
                    assertThat(got.get(2 * i)).as("prompt %d in %s", batch.get(i), batch).isEqualTo(alone.get(2 * batch.get(i)));
                    assertThat(got.get(2 * i + 1)).as("step of %d in %s", batch.get(i), batch).isEqualTo(alone.get(2 * batch.get(i) + 1));
                }
            }
        }
    }

    /** Token for token, greedy and drawn: nothing is padded that anyone could attend to, and each has its own positions. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "mistral", "qwen2", "qwen3", "gpt2", "mixtral"})
    void itsTextIsTheSame(Family family) {
        List<int[]> prompts = prompts(100 + Families.all().indexOf(family));
        try (var engine = new TorchEngine(TinyDecoder.random(family, 8))) {
            var generator = new Generator(engine, new ByteTokenizer(true, false));
            for (var sampler : List.of(SamplerOptions.GREEDY, SamplerOptions.DEFAULT.withTopP(0.9).withSeed(5))) {
                var options = GenerateOptions.of(12, sampler);
                List<Generation> together = generator.generateAll(prompts, options, (i, text) -> {});
                for (int i = 0; i < prompts.size(); i++) {
                    // a sequence draws from the stream of its number, so it is run with the ones before it
                    List<int[]> without = prompts.subList(0, i + 1);
                    assertThat(generator.generateAll(without, options, (j, text) -> {}).getLast().ids()).isEqualTo(together.get(i).ids());
                    if (sampler.greedy()) {
                        assertThat(generator.generate(prompts.get(i), options, text -> {}).ids()).isEqualTo(together.get(i).ids());
                    }
                }
            }
        }
    }

    private static List<int[]> prompts(long seed) {
        var random = new SplittableRandom(seed);
        List<int[]> prompts = new ArrayList<>();
        for (int i = 0; i < MOST; i++) {
            prompts.add(random.ints(1 + (i * 5) % 17, 0, 256).toArray());
        }
        return prompts;
    }

    /** Each prompt's last logits and those after one more token, two a sequence. */
    private static List<float[]> twoSteps(LanguageModel engine, List<Integer> batch, List<int[]> prompts) {
        List<KvCache> caches = new ArrayList<>();
        try {
            List<Span> first = new ArrayList<>();
            List<Span> second = new ArrayList<>();
            for (int i : batch) {
                caches.add(engine.newCache(TinyDecoder.CONTEXT));
                first.add(new Span(caches.getLast(), prompts.get(i)));
                second.add(new Span(caches.getLast(), new int[] {i + 40}));
            }
            List<float[]> a = engine.forward(first, false);
            List<float[]> b = engine.forward(second, false);
            List<float[]> joined = new ArrayList<>();
            for (int i = 0; i < batch.size(); i++) {
                joined.add(a.get(i));
                joined.add(b.get(i));
            }
            return joined;
        } finally {
            caches.forEach(KvCache::close);
        }
    }
}
