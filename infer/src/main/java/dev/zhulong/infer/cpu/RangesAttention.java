package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.infer.cpu.EncoderPass.Sequence;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.FullAttention;

/** Attention of T5's encoder (Raffel et al. 2020): all positions see each other, and to each score a number is added by their distance. */
final class RangesAttention extends EncoderAttention {
    private final RangeBias bias;

    /** @param bias that all layers of the encoder share */
    RangesAttention(Attention shape, RangeBias bias) {
        super(shape, null);
        this.bias = bias;
    }

    @Override
    void apply(EncoderPass pass, float[] in, Sequence[] sequences) {
        bias.reach(longest(sequences));
        super.apply(pass, in, sequences);
    }

    @Override
    void attend(EncoderPass pass, Task task) {
        Sequence sequence = task.sequence();
        int end = Math.min(sequence.length(), task.query() + QUERIES);
        for (int query = task.query(); query < end; query += FullAttention.TILE) {
            int tile = query;
            attend(pass, task, query, Math.min(FullAttention.TILE, end - query), sequence.seen(), 0, sequence.length(),
                    (i, scores, at, first, last) -> DecoderOps.add(scores, at + first, bias.values(), bias.at(task.head(), tile + i) + first, last - first));
        }
    }
}
