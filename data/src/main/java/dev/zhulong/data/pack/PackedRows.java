package dev.zhulong.data.pack;

import dev.zhulong.data.shard.TokenShards;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Documents packed into rows without gaps. Each epoch the documents are shuffled and joined to one stream, the stream is cut into rows of
 * {@code seq}, and the rows are shuffled.
 *
 * <p>The law, for every epoch: each token is an input exactly once; each token that is not the first of its document is a target exactly
 * once, of the token before it, also where a row ends between the two; nothing else is a target. The last row is filled up with id 0 as a
 * document of its own without targets. A document longer than what is left of a row goes on in the stream's next row, where it begins at
 * position 0 again and can't see its own beginning.
 */
public final class PackedRows implements Rows {
    private final TokenShards shards;
    private final int seq;
    private final long seed;
    private final long rowsPerEpoch;
    private final Map<Long, Epoch> epochs = new LinkedHashMap<>();

    public PackedRows(TokenShards shards, int seq, long seed) {
        if (shards.tokens() == 0) {
            throw new IllegalArgumentException(shards.directory() + " holds no tokens");
        }
        if (seq < 1) {
            throw new IllegalArgumentException("seq must be at least 1, found " + seq);
        }
        Math.toIntExact(shards.documents());
        this.shards = shards;
        this.seq = seq;
        this.seed = seed;
        this.rowsPerEpoch = (shards.tokens() + seq - 1) / seq;
    }

    @Override
    public int seq() {
        return seq;
    }

    @Override
    public long rowsPerEpoch() {
        return rowsPerEpoch;
    }

    /** One epoch's order: where each of the shuffled documents begins in the stream. */
    private final class Epoch {
        private final Permutation documents;
        private final Permutation rows;
        private final long[] starts;

        Epoch(long epoch) {
            int n = (int) shards.documents();
            documents = new Permutation(n, Mix.mix(seed, 2 * epoch));
            rows = new Permutation(rowsPerEpoch, Mix.mix(seed, 2 * epoch + 1));
            starts = new long[n + 1];
            for (int i = 0; i < n; i++) {
                starts[i + 1] = starts[i] + shards.documentLength(documents.at(i));
            }
        }

        /** The document that holds token {@code at} of the stream, as its place in the shuffled order. */
        int find(long at) {
            int low = 0;
            for (int high = starts.length - 2; low < high;) {
                int middle = (low + high + 1) >>> 1;
                if (starts[middle] <= at) {
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
            return low;
        }
    }

    private synchronized Epoch epoch(long number) {
        Epoch epoch = epochs.get(number);
        if (epoch == null) {
            // A step may lie across two epochs; more are never in use at once.
            if (epochs.size() == 2) {
                epochs.remove(epochs.keySet().iterator().next());
            }
            epoch = new Epoch(number);
            epochs.put(number, epoch);
        }
        return epoch;
    }

    @Override
    public void fill(long row, Batch batch, int at) {
        Epoch epoch = epoch(row / rowsPerEpoch);
        long from = epoch.rows.at(row % rowsPerEpoch) * seq;
        int place = epoch.find(from);
        int base = at * seq;
        int segment = 0;
        int filled = 0;
        while (filled < seq && place < epoch.starts.length - 1) {
            long inside = from + filled - epoch.starts[place];
            long length = epoch.starts[place + 1] - epoch.starts[place];
            int n = (int) Math.min(seq - filled, length - inside);
            long document = epoch.documents.at(place);
            shards.copy(document, inside, batch.tokens(), base + filled, n);
            int targets = (int) Math.min(n, length - inside - 1);
            shards.copy(document, inside + 1, batch.targets(), base + filled, targets);
            if (targets < n) {
                batch.targets()[base + filled + n - 1] = Batch.NO_TARGET;
            }
            segment(batch, base + filled, n, segment++);
            filled += n;
            place++;
        }
        for (int i = filled; i < seq; i++) {
            batch.tokens()[base + i] = 0;
            batch.targets()[base + i] = Batch.NO_TARGET;
        }
        segment(batch, base + filled, seq - filled, segment);
    }

    private static void segment(Batch batch, int at, int length, int number) {
        for (int i = 0; i < length; i++) {
            batch.positions()[at + i] = i;
            batch.documents()[at + i] = number;
        }
    }
}
