package dev.zhulong.data.pack;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Deals rows out to steps and ranks, rows of about equal length together, so that little is filled up. Nothing but seed and step decides which.
 *
 * <p>The law, as of {@link Batches}: the ranks together take every row exactly once an epoch, and a step across two epochs takes what is left of one and the
 * first of the next. An epoch's rows are shuffled, cut into pools of {@value #POOL} steps, sorted by length within a pool, and its steps shuffled.
 */
final class RowOrder {
    private static final int POOL = 50;

    private final int size;
    private final IntUnaryOperator length;
    private final int batch;
    private final int rank;
    private final int ranks;
    private final long seed;
    private final Map<Long, int[]> orders = new LinkedHashMap<>();

    /** A row of an epoch. */
    record Place(int row, long epoch) {}

    /**
     * @param size   rows of an epoch
     * @param length of a row
     * @param batch  rows a step on this rank
     * @param rank   this process, from 0
     * @param ranks  processes
     */
    RowOrder(int size, IntUnaryOperator length, int batch, int rank, int ranks, long seed) {
        if (size == 0) {
            throw new IllegalArgumentException("no rows to train on");
        }
        if (batch < 1 || ranks < 1 || rank < 0 || rank >= ranks) {
            throw new IllegalArgumentException("expected a batch of at least 1 and a rank below ranks, found batch " + batch + ", rank " + rank + " of " + ranks);
        }
        this.size = size;
        this.length = length;
        this.batch = batch;
        this.rank = rank;
        this.ranks = ranks;
        this.seed = seed;
    }

    /** The rows of a step. */
    List<Place> step(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must not be negative, found " + step);
        }
        List<Place> taken = new ArrayList<>(batch);
        long first = (step * ranks + rank) * batch;
        for (long at = first; at < first + batch; at++) {
            long epoch = at / size;
            taken.add(new Place(order(epoch)[(int) (at % size)], epoch));
        }
        return taken;
    }

    /** Numbers of all rows, those of about equal length together, {@code batch} a batch and the rest in the last. */
    static List<int[]> byLength(int size, IntUnaryOperator length, int batch) {
        int[] order = sorted(length, IntStream.range(0, size).toArray());
        return IntStream.iterate(0, at -> at < order.length, at -> at + batch)
                .mapToObj(at -> Arrays.copyOfRange(order, at, Math.min(order.length, at + batch))).toList();
    }

    private synchronized int[] order(long epoch) {
        int[] order = orders.get(epoch);
        if (order == null) {
            // a step may lie across two epochs; more are never in use at once
            if (orders.size() == 2) {
                orders.remove(orders.keySet().iterator().next());
            }
            order = ordered(epoch);
            orders.put(epoch, order);
        }
        return order;
    }

    private int[] ordered(long epoch) {
        int group = (int) Math.min(Integer.MAX_VALUE, (long) batch * ranks);
        var shuffled = new Permutation(size, Mix.mix(seed, 2 * epoch));
        int[] order = IntStream.range(0, size).map(i -> (int) shuffled.at(i)).toArray();
        // the step that the epoch before began takes the first rows as they come
        int begun = (int) (epoch * size % group);
        int head = begun == 0 ? 0 : Math.min(size, group - begun);
        int groups = (size - head) / group;
        for (int from = 0; from < groups; from += POOL) {
            int begin = head + from * group;
            int end = head + Math.min(groups, from + POOL) * group;
            System.arraycopy(sorted(length, Arrays.copyOfRange(order, begin, end)), 0, order, begin, end - begin);
        }
        int[] out = order.clone();
        if (groups > 1) {
            var steps = new Permutation(groups, Mix.mix(seed, 2 * epoch + 1));
            for (int g = 0; g < groups; g++) {
                System.arraycopy(order, head + (int) steps.at(g) * group, out, head + g * group, group);
            }
        }
        return out;
    }

    private static int[] sorted(IntUnaryOperator length, int[] numbers) {
        return Arrays.stream(numbers).boxed().sorted(Comparator.comparingInt(length::applyAsInt)).mapToInt(Integer::intValue).toArray();
    }
}
