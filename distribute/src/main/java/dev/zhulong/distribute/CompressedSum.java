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
    private final Codec out;
    private final Codec back;
    private final MemorySegment messages;
    private final long[] messageBytes;
    private final MemorySegment received;
    private final MemorySegment sums;
    private final long[] sumBytes;

    /**
     * On all ranks alike, as it takes memory that they share.
     *
     * @param values that each sum is of
     */
    public CompressedSum(Collectives ranks, Compression how, long values) {
        this.ranks = ranks;
        parts = new Parts(values, ranks.size());
        out = how.out();
        back = how.back();
        messageBytes = IntStream.range(0, ranks.size()).mapToLong(rank -> out.bytes(parts.length(rank))).toArray();
        sumBytes = IntStream.range(0, ranks.size()).mapToLong(rank -> back.bytes(parts.length(rank))).toArray();
        messages = ranks.allocate(LongStream.of(messageBytes).sum());
        received = ranks.allocate(messageBytes[ranks.rank()] * ranks.size());
        sums = ranks.allocate(LongStream.of(sumBytes).sum());
    }

    /**
     * Leaves in {@code sum}, on each rank the same, what went of the sum over all ranks.
     *
     * @param values F32; afterwards what did not go
     * @param sum    F32, as many
     */
    public void allReduce(Call call, MemorySegment values, MemorySegment sum) {
        int me = ranks.rank();
        long at = 0;
        for (int peer = 0; peer < ranks.size(); peer++) {
            if (peer != me) {
                out.encode(part(values, peer), messages.asSlice(at, messageBytes[peer]));
            }
            at += messageBytes[peer];
        }
        ranks.allToAll(call, messages, messageBytes, received);
        MemorySegment mine = part(values, me);
        MemorySegment total = part(sum, me).fill((byte) 0);
        for (int from = 0; from < ranks.size(); from++) {
            if (from == me) {
                Sums.add(total, total, mine);
            } else {
                out.addTo(received.asSlice(from * messageBytes[me], messageBytes[me]), total);
            }
        }
        mine.copyFrom(total);
        back.encode(mine, sums.asSlice(LongStream.of(sumBytes).limit(me).sum(), sumBytes[me]));
        ranks.allGather(call, sums, sumBytes);
        sum.fill((byte) 0);
        at = 0;
        for (int owner = 0; owner < ranks.size(); owner++) {
            back.addTo(sums.asSlice(at, sumBytes[owner]), part(sum, owner));
            at += sumBytes[owner];
        }
    }

    /** Takes back sums that nobody used: they are left again, with their owners. */
    public void takeBack(MemorySegment values, MemorySegment sum) {
        MemorySegment mine = part(values, ranks.rank());
        Sums.add(mine, mine, part(sum, ranks.rank()));
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
        part(values, ranks.rank()).copyFrom(part(all, ranks.rank()));
    }

    private MemorySegment part(MemorySegment of, int owner) {
        return of.asSlice(parts.begin(owner) * Float.BYTES, parts.length(owner) * Float.BYTES);
    }
}
