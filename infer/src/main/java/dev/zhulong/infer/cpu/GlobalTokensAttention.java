package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.infer.cpu.EncoderPass.Sequence;
import dev.zhulong.kernels.FullAttention;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Attention of Longformer (Beltagy et al. 2020): tokens attend to a window and to global tokens, these to all tokens, with projections of their own. Padding
 * attends to nothing.
 */
final class GlobalTokensAttention extends EncoderAttention {
    private final Projection query;
    private final Projection keysAndValues;

    GlobalTokensAttention(Attention shape, Projection query, Projection keysAndValues) {
        super(shape, null);
        this.query = query;
        this.keysAndValues = keysAndValues;
    }

    @Override
    long bytes() {
        return query.bytes() + keysAndValues.bytes();
    }

    @Override
    void close() {
        query.close();
        keysAndValues.close();
    }

    @Override
    void apply(EncoderPass pass, float[] in, Sequence[] sequences) {
        super.apply(pass, in, sequences);
        for (Sequence sequence : sequences) {
            int[] globals = IntStream.range(0, sequence.length()).filter(i -> isGlobal(sequence, i)).toArray();
            if (globals.length > 0) {
                toAll(pass, in, sequence, globals);
            }
            for (int i = 0; sequence.seen() != null && i < sequence.length(); i++) {
                if (!sequence.seen()[i]) {
                    Arrays.fill(pass.attended, (sequence.from() + i) * width, (sequence.from() + i + 1) * width, 0);
                }
            }
        }
    }

    private static boolean isGlobal(Sequence sequence, int i) {
        return sequence.globals() != null && sequence.globals()[i] && (sequence.seen() == null || sequence.seen()[i]);
    }

    @Override
    void attend(EncoderPass pass, Task task) {
        Sequence sequence = task.sequence();
        if (sequence.globals() == null) {
            super.attend(pass, task);
            return;
        }
        int end = Math.min(sequence.length(), task.query() + QUERIES);
        for (int query = task.query(); query < end; query++) {
            int tile = query;
            if (sequence.seen() != null && !sequence.seen()[query]) {
                continue;
            }
            attend(pass, task, query, 1, sequence.seen(), 0, sequence.length(), (i, scores, at, first, last) -> {
                for (int key = first; key < last; key++) {
                    if (Math.abs(key - tile) > half && !isGlobal(sequence, key)) {
                        scores[at + key] = Float.NEGATIVE_INFINITY;
                    }
                }
            });
        }
    }

    /** The rows of tokens that see all, in place of what they were given as others. */
    private void toAll(EncoderPass pass, float[] in, Sequence sequence, int[] globals) {
        int n = sequence.length();
        int hidden = in.length / pass.maxRows();
        float[] asked = new float[globals.length * hidden];
        for (int i = 0; i < globals.length; i++) {
            System.arraycopy(in, (sequence.from() + globals[i]) * hidden, asked, i * hidden, hidden);
        }
        float[][] queries = {new float[globals.length * width]};
        query.apply(pass.products(), asked, globals.length, queries);
        float[][] all = {new float[n * width], new float[n * width]};
        keysAndValues.apply(pass.products(), Arrays.copyOfRange(in, sequence.from() * hidden, (sequence.from() + n) * hidden), n, all);
        float[] out = new float[globals.length * width];
        pass.pool().run(head -> {
            float[] keys = new float[headDim * FullAttention.places(n)];
            FullAttention.layOut(all[0], head * headDim, width, n, headDim, keys, 0);
            for (int i = 0; i < globals.length; i += FullAttention.TILE) {
                int at = i * width + head * headDim;
                FullAttention.attend(queries[0], at, width, Math.min(FullAttention.TILE, globals.length - i), keys, 0, all[1], head * headDim, sequence.seen(), n, headDim, scale,
                        pass.scores(n), out, at);
            }
        }, heads);
        for (int i = 0; i < globals.length; i++) {
            System.arraycopy(out, i * width, pass.attended, (sequence.from() + globals[i]) * width, width);
        }
    }
}
