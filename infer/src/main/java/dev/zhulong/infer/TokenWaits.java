package dev.zhulong.infer;

import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.function.LongSupplier;

/**
 * A model whose tokens are timed: each from the end of one pass to the end of the next, so with its choice and what is done with it. The first pass reads
 * the prompt and is not counted. For a batch from a {@link Generator}, a wait is that of every sequence in it; for tokens that were guessed and come
 * together, it is one for all of them.
 */
public final class TokenWaits extends ForwardingModel {
    private final LongSupplier clock;
    private final DoubleConsumer each;
    private boolean begun;
    private long last;

    /**
     * A timed model; closing either closes it.
     *
     * @param clock in nanoseconds, such as {@link System#nanoTime}
     * @param each  told every wait, in milliseconds
     */
    public TokenWaits(LanguageModel model, LongSupplier clock, DoubleConsumer each) {
        super(model);
        this.clock = clock;
        this.each = each;
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        List<float[]> logits = super.forward(spans);
        long now = clock.getAsLong();
        if (begun) {
            each.accept((now - last) * 1e-6);
        }
        begun = true;
        last = now;
        return logits;
    }
}
