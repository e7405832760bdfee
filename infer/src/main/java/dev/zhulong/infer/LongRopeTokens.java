package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Scaling;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The tokens of a sequence whose model has LongRoPE: once the sequence is longer than the original context, all its keys are turned by other factors, so
 * it is read once more from its beginning, as in transformers.
 */
public final class LongRopeTokens {
    private final int longestShort;
    private int[] ids = new int[0];
    private boolean isLong;

    private LongRopeTokens(int longestShort) {
        this.longestShort = longestShort;
    }

    /** Of an empty sequence; null where the model has no LongRoPE. */
    public static LongRopeTokens of(DecoderSpec spec) {
        return IntStream.range(0, spec.layers()).mapToObj(spec.stack()::rope).filter(rope -> rope != null && rope.scaling() instanceof Scaling.LongRope)
                .map(rope -> new LongRopeTokens(((Scaling.LongRope) rope.scaling()).originalContext())).findFirst().orElse(null);
    }

    /**
     * Takes note of what follows.
     *
     * @param length tokens that are held, of those noted before
     * @param next   what is read next
     * @return the tokens held, where their keys are to be made anew before that; empty where they stay
     */
    public int[] noted(int length, int[] next) {
        int[] held = Arrays.copyOf(ids, length);
        ids = Arrays.copyOf(held, length + next.length);
        System.arraycopy(next, 0, ids, length, next.length);
        boolean changes = ids.length > longestShort != isLong;
        isLong = ids.length > longestShort;
        return changes ? held : new int[0];
    }

    /** Whether keys are those of a long sequence. */
    public boolean isLong() {
        return isLong;
    }
}
