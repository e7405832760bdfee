package dev.zhulong.infer.open;

import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Generator;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.infer.TokenWaits;
import dev.zhulong.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * How long a model takes for a token of what it is about to write.
 *
 * @param tokenizer of the model
 * @param prompt    that is continued; of a long one, the beginning
 * @param sequences written together
 * @param clock     in nanoseconds
 */
record TokenTimer(Tokenizer tokenizer, int[] prompt, int sequences, LongSupplier clock) {
    private static final int PROMPT = 128;
    private static final int WRITTEN = 32;
    /** Rounds go on for so many nanoseconds, until the JIT compiler has seen most of it. */
    private static final long WARM = 1_000_000_000L;

    /** Tokens that caches hold meanwhile. */
    long tokens() {
        return (long) sequences * (PROMPT + WRITTEN);
    }

    /** Milliseconds of the second slowest of a round of 32 tokens: one hiccup of the machine decides nothing. */
    double milliseconds(LanguageModel model) {
        long start = clock.getAsLong();
        int[] whole = new Generator(model, tokenizer).sequence(prompt);
        int[] begun = Arrays.copyOf(whole, Math.min(whole.length, Math.clamp(model.spec().contextLength() - WRITTEN, 1, PROMPT)));
        round(model, begun);
        List<Double> waits;
        do {
            waits = round(model, begun);
        } while (clock.getAsLong() - start < WARM);
        Collections.sort(waits);
        return waits.isEmpty() ? 0 : waits.get(Math.max(0, waits.size() - 2));
    }

    private List<Double> round(LanguageModel model, int[] begun) {
        List<Double> waits = new ArrayList<>();
        new Generator(new TokenWaits(model, clock, waits::add), tokenizer).generateAll(Collections.nCopies(sequences, begun),
                GenerateOptions.of(WRITTEN, SamplerOptions.GREEDY), (_, _) -> { });
        return waits;
    }
}
