package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Sums over ranks that travel compressed. Each rank sends each other its values of that one's {@linkplain Parts part}; the owner of a part adds them in F32, in the order of the
 * ranks, and sends the sum, compressed too; all ranks, the owner included, take what those bytes say. What did not go stays behind: in the sender's values, and what the sum lost in
 * its owner's, so that over all ranks what was summed and what is left is what there was (DoubleSqueeze, Tang et al. 2019).
 */
public final class CompressedSum {
    private final Collectives ranks;
    private final Parts parts;
    private final Compression how;
    private final MemorySegment messages;
    private final MemorySegment received;
    private final MemorySegment sums;
    private Compression now;
    private Codec out;
    private Codec back;

    /**
     * On all ranks alike, as it takes memory that they share.
     *
     * @param values that each sum is of
     */
    public CompressedSum(Collectives ranks, Compression how, long values) {
        this.ranks = ranks;
        this.how = how;
        parts = new Parts(values, ranks.size());
        // never more than in the first step
        at(1);
        long[] most = bytes(out);
        messages = ranks.allocate(LongStream.of(most).sum());
        received = ranks.allocate(most[ranks.rank()] * ranks.size());
        sums = ranks.allocate(LongStream.of(bytes(back)).sum());
    }

    private void at(long step) {
        Compression next = how.at(step);
        if (!next.equals(now)) {
            now = next;
            out = next.out();
            back = next.back();
        }
    }

    /** Of each rank's part. */
    private long[] bytes(Codec codec) {
        return IntStream.range(0, ranks.size()).mapToLong(rank -> codec.bytes(parts.length(rank))).toArray();
    }

    /**
     * Leaves in {@code sum}, on each rank the same, what went of the sum over all ranks.
     *
     * @param values F32; afterwards what did not go
     * @param sum    F32, as many
     */
    public void allReduce(Call call, MemorySegment values, MemorySegment sum) {
        at(call.step());
        int me = ranks.rank();
        long[] messageBytes = bytes(out);
        for (int peer = 0; peer < ranks.size(); peer++) {
            if (peer != me) {
                out.encode(parts.in(values, peer), SocketCollectives.message(messages, messageBytes, peer));
            }
        }
        ranks.allToAll(call, messages.asSlice(0, LongStream.of(messageBytes).sum()), messageBytes, received);
        MemorySegment mine = parts.in(values, me);
        MemorySegment total = parts.in(sum, me).fill((byte) 0);
        for (int from = 0; from < ranks.size(); from++) {
            if (from == me) {
                Sums.add(total, total, mine);
            } else {
                out.addTo(received.asSlice(from * messageBytes[me], messageBytes[me]), total);
            }
        }
        mine.copyFrom(total);
        long[] sumBytes = bytes(back);
        MemorySegment all = sums.asSlice(0, LongStream.of(sumBytes).sum());
        back.encode(mine, SocketCollectives.message(all, sumBytes, me));
        ranks.allGather(call, all, sumBytes);
        sum.fill((byte) 0);
        for (int owner = 0; owner < ranks.size(); owner++) {
            back.addTo(SocketCollectives.message(all, sumBytes, owner), parts.in(sum, owner));
        }
    }

    /** Takes back sums that nobody used: they are left again, with their owners. */
    public void takeBack(MemorySegment values, MemorySegment sum) {
        MemorySegment mine = parts.in(values, ranks.rank());
        Sums.add(mine, mine, parts.in(sum, ranks.rank()));
    }

    /**
     * Brings what is left together: each part's with its owner, and all of it in {@code sum}.
     *
     * @param sum in memory of the ranks
     */
    public void settle(Call call, MemorySegment values, MemorySegment sum) {
        sum.copyFrom(values);
        ranks.allReduce(call, sum);
        leave(values, sum);
    }

    /** Leaves in {@code values} this rank's part of {@code all}, which is left over all ranks. */
    public void leave(MemorySegment values, MemorySegment all) {
        values.fill((byte) 0);
        parts.in(values, ranks.rank()).copyFrom(parts.in(all, ranks.rank()));
    }
}
