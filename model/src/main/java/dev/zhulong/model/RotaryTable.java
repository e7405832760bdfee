package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.RotaryFrequencies;
import dev.zhulong.tensor.Tensor;
import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * Cosines and sines of the rotary angles (Su et al. 2021), with the published scalings, in the order of the dimensions that they turn: halves, or
 * neighbours. Angles are computed in double: at long positions an angle in float has no correct digits left.
 */
final class RotaryTable implements AutoCloseable {
    private final Rope rope;
    private Tensor cos;
    private Tensor sin;
    private int length;

    RotaryTable(Rope rope) {
        this.rope = rope;
    }

    /** F32 [≥ length, rotary dims]. */
    Tensor cos(int needed) {
        grow(needed);
        return cos;
    }

    /** F32 [≥ length, rotary dims]; the first of each pair is negated, so that {@code x·cos + swapped(x)·sin} rotates. */
    Tensor sin(int needed) {
        grow(needed);
        return sin;
    }

    /** {@link #cos(int)} at {@code positions}: [.., rotary dims]. */
    Tensor cos(int needed, Tensor positions) {
        return remade(needed) && positions.elements() < needed ? rows(true, needed, positions.toLongs(), positions.shape())
                : cos(needed).embedding(positions);
    }

    /** {@link #sin(int)} at {@code positions}: [.., rotary dims]. */
    Tensor sin(int needed, Tensor positions) {
        return remade(needed) && positions.elements() < needed ? rows(false, needed, positions.toLongs(), positions.shape())
                : sin(needed).embedding(positions);
    }

    /**
     * Whether a sequence of this length needs another table than there is: NTK-aware "dynamic" scaling changes the base with each token past the original
     * context, LongRoPE all factors once. A sequence that is written then asks for the rows of its new tokens alone.
     */
    private boolean remade(int needed) {
        return switch (rope.scaling()) {
            case Scaling.Dynamic d -> length != needed && Math.max(needed, length) > d.originalContext();
            case Scaling.LongRope l -> needed > l.originalContext() != length > l.originalContext();
            default -> false;
        };
    }

    private synchronized void grow(int needed) {
        if (needed <= length && !remade(needed)) {
            return;
        }
        // as far as the angles stay what they are
        int ahead = switch (rope.scaling()) {
            case Scaling.Dynamic d -> d.originalContext();
            case Scaling.LongRope l when needed <= l.originalContext() -> l.originalContext();
            default -> mostRows();
        };
        int rows = Math.max(needed, (int) Math.min(ahead, Math.max(256, 2L * length)));
        long[] positions = LongStream.range(0, rows).toArray();
        Tensor newCos = rows(true, needed, positions, rows);
        Tensor newSin = rows(false, needed, positions, rows);
        close();
        cos = newCos.keep();
        sin = newSin.keep();
        length = rows;
    }

    /** Rows whose numbers an array holds. */
    private int mostRows() {
        return (Integer.MAX_VALUE - 8) / rope.rotaryDims();
    }

    private Tensor rows(boolean cosines, int needed, long[] positions, long... shape) {
        if (positions.length > mostRows()) {
            throw new IllegalArgumentException("a sequence of " + positions.length + " tokens is too long for rotary tables of " + rope.rotaryDims()
                    + " columns: at most " + mostRows());
        }
        int half = rope.rotaryDims() / 2;
        double[] frequency = RotaryFrequencies.of(rope, needed);
        double scale = RotaryFrequencies.scale(rope);
        float[] values = new float[positions.length * half * 2];
        for (int r = 0; r < positions.length; r++) {
            for (int i = 0; i < half; i++) {
                double angle = positions[r] * frequency[i];
                int first = r * 2 * half + (rope.neighbours() ? 2 * i : i);
                int second = first + (rope.neighbours() ? 1 : half);
                values[second] = (float) ((cosines ? Math.cos(angle) : Math.sin(angle)) * scale);
                values[first] = cosines ? values[second] : -values[second];
            }
        }
        long[] all = Arrays.copyOf(shape, shape.length + 1);
        all[shape.length] = 2L * half;
        return Tensor.of(values, all);
    }

    @Override
    public void close() {
        if (cos != null) {
            cos.close();
            sin.close();
        }
        cos = null;
        sin = null;
        length = 0;
    }

    /**
     * Rotates heads.
     *
     * @param x          [batch, seq, heads, head dim]
     * @param cos        [.., seq, 1, rotary dims]
     * @param sin        as {@code cos}
     * @param neighbours whether dimensions 2i and 2i+1 turn together
     */
    static Tensor rotate(Tensor x, Tensor cos, Tensor sin, boolean neighbours) {
        long dims = cos.size(-1);
        long rest = x.size(-1) - dims;
        if (rest > 0) {
            var parts = x.split(-1, dims, rest);
            return Tensor.cat(-1, rotate(parts.get(0), cos, sin, neighbours), parts.get(1));
        }
        return x.mul(cos).addcmul(neighbours ? swappedNeighbours(x) : swappedHalves(x), sin);
    }

    private static Tensor swappedHalves(Tensor x) {
        var halves = x.split(-1, x.size(-1) / 2, x.size(-1) / 2);
        return Tensor.cat(-1, halves.get(1), halves.get(0));
    }

    private static Tensor swappedNeighbours(Tensor x) {
        long[] pairs = Arrays.copyOf(x.shape(), x.dim() + 1);
        pairs[x.dim() - 1] = x.size(-1) / 2;
        pairs[x.dim()] = 2;
        var apart = x.reshape(pairs).split(-1, 1, 1);
        return Tensor.cat(-1, apart.get(1), apart.get(0)).view(x.shape());
    }
}
