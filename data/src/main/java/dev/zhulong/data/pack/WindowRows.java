package dev.zhulong.data.pack;

import dev.zhulong.data.shard.TokenShards;

/**
 * Windows at random places of the token stream, as nanoGPT samples: boundaries of documents are ignored, every token has the next one of
 * the stream as its target, and a row is one document to the mask. An epoch is as many rows as would hold all tokens.
 */
public final class WindowRows implements Rows {
    private final TokenShards shards;
    private final int seq;
    private final long seed;

    public WindowRows(TokenShards shards, int seq, long seed) {
        if (seq < 1 || shards.tokens() < seq + 1L) {
            throw new IllegalArgumentException("windows of " + seq + " tokens and their targets don't fit into the " + shards.tokens()
                    + " tokens of " + shards.directory());
        }
        this.shards = shards;
        this.seq = seq;
        this.seed = seed;
    }

    @Override
    public int seq() {
        return seq;
    }

    @Override
    public long rowsPerEpoch() {
        return (shards.tokens() + seq - 1) / seq;
    }

    @Override
    public void fill(long row, Batch batch, int at) {
        long places = shards.tokens() - seq;
        long start = Math.unsignedMultiplyHigh(Mix.mix(seed, row), places);
        int base = at * seq;
        shards.copyStream(start, batch.tokens(), base, seq);
        shards.copyStream(start + 1, batch.targets(), base, seq);
        for (int i = 0; i < seq; i++) {
            batch.positions()[base + i] = i;
            batch.documents()[base + i] = 0;
        }
    }
}
