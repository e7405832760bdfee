package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The largest values of each {@value #BLOCK} as they are, with their places (Lin et al. 2018); the others wait. A bound that a sample gives leaves few to choose from, so that each
 * value is looked at once and nothing is sorted.
 */
final class TopKCodec implements Codec {
    /** As many as two bytes number. */
    static final int BLOCK = 1 << 16;
    private static final int ENTRY = Short.BYTES + Float.BYTES;
    private static final int MAGNITUDE = 0x7fffffff;
    /** The sample: runs of this length, a run's length times this apart. */
    private static final int RUN = 64;
    private static final int APART = 16;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    private final double share;
    /** Places in the block that may be sent, and how large the values are there: bits of floats without a sign are in the order of what they stand for. */
    private final int[] places = new int[BLOCK];
    private final int[] sizes = new int[BLOCK];
    private final int[] scratch = new int[BLOCK];

    /** @param share of the values that are sent, in (0, 1] */
    TopKCodec(double share) {
        this.share = share;
    }

    private int chosen(long n) {
        return (int) Math.max(1, (long) (n * share));
    }

    @Override
    public long bytes(long count) {
        long last = count % BLOCK;
        return (count / BLOCK * chosen(BLOCK) + (last == 0 ? 0 : chosen(last))) * ENTRY;
    }

    @Override
    public void encode(MemorySegment values, MemorySegment to) {
        long count = values.byteSize() / Float.BYTES;
        long out = 0;
        for (long at = 0; at < count; at += BLOCK) {
            int n = (int) Math.min(BLOCK, count - at);
            int k = chosen(n);
            send(values.asSlice(at * Float.BYTES, (long) n * Float.BYTES), k, to.asSlice(out, (long) k * ENTRY));
            out += (long) k * ENTRY;
        }
    }

    private void send(MemorySegment block, int k, MemorySegment to) {
        int found = atLeast(block, bound(block, k));
        if (found < k) {
            found = atLeast(block, 0);
        }
        System.arraycopy(sizes, 0, scratch, 0, found);
        int least = largest(scratch, found, k);
        int ties = k;
        for (int i = 0; i < found; i++) {
            ties -= sizes[i] > least ? 1 : 0;
        }
        long place = 0;
        long value = (long) k * Short.BYTES;
        for (int i = 0; i < found; i++) {
            if (sizes[i] > least || sizes[i] == least && ties-- > 0) {
                long at = (long) places[i] * Float.BYTES;
                to.set(ValueLayout.JAVA_SHORT_UNALIGNED, place, (short) places[i]);
                to.set(ValueLayout.JAVA_FLOAT_UNALIGNED, value, block.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at));
                block.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, 0);
                place += Short.BYTES;
                value += Float.BYTES;
            }
        }
    }

    /** What about twice as many values as are sent reach; fewer, where the sample does not stand for the block. */
    private int bound(MemorySegment block, int k) {
        int n = (int) (block.byteSize() / Float.BYTES);
        if (n < 8 * RUN * APART) {
            return 0;
        }
        int sampled = 0;
        for (int run = 0; run + RUN <= n; run += RUN * APART) {
            for (int i = 0; i < RUN; i++) {
                scratch[sampled++] = block.get(ValueLayout.JAVA_INT_UNALIGNED, (long) (run + i) * Integer.BYTES) & MAGNITUDE;
            }
        }
        return largest(scratch, sampled, Math.min(sampled, 8 + 2 * k / APART));
    }

    /** Notes the values of at least this size. */
    private int atLeast(MemorySegment block, int bound) {
        int n = (int) (block.byteSize() / Float.BYTES);
        int found = 0;
        int i = 0;
        for (; i + I.length() <= n; i += I.length()) {
            IntVector bits = IntVector.fromMemorySegment(I, block, (long) i * Integer.BYTES, LE).and(MAGNITUDE);
            for (long hits = bits.compare(VectorOperators.GE, bound).toLong(); hits != 0; hits &= hits - 1) {
                found = note(block, i + Long.numberOfTrailingZeros(hits), found);
            }
        }
        for (; i < n; i++) {
            if ((block.get(ValueLayout.JAVA_INT_UNALIGNED, (long) i * Integer.BYTES) & MAGNITUDE) >= bound) {
                found = note(block, i, found);
            }
        }
        return found;
    }

    private int note(MemorySegment block, int place, int found) {
        places[found] = place;
        sizes[found] = block.get(ValueLayout.JAVA_INT_UNALIGNED, (long) place * Integer.BYTES) & MAGNITUDE;
        return found + 1;
    }

    /** The k-th largest of the first n (Hoare 1961, in three ways); leaves them in another order. */
    static int largest(int[] a, int n, int k) {
        int from = 0;
        int to = n - 1;
        int want = k - 1;
        while (true) {
            int x = a[from];
            int y = a[from + to >>> 1];
            int z = a[to];
            int pivot = Math.max(Math.min(x, y), Math.min(Math.max(x, y), z));
            int larger = from;
            int smaller = to;
            for (int i = from; i <= smaller; ) {
                int v = a[i];
                if (v > pivot) {
                    a[i++] = a[larger];
                    a[larger++] = v;
                } else if (v < pivot) {
                    a[i] = a[smaller];
                    a[smaller--] = v;
                } else {
                    i++;
                }
            }
            if (want < larger) {
                to = larger - 1;
            } else if (want > smaller) {
                from = smaller + 1;
            } else {
                return pivot;
            }
        }
    }

    @Override
    public void addTo(MemorySegment encoded, MemorySegment values) {
        long count = values.byteSize() / Float.BYTES;
        long in = 0;
        for (long at = 0; at < count; at += BLOCK) {
            int k = chosen(Math.min(BLOCK, count - at));
            long value = in + (long) k * Short.BYTES;
            for (int i = 0; i < k; i++) {
                long place = (at + (encoded.get(ValueLayout.JAVA_SHORT_UNALIGNED, in + (long) i * Short.BYTES) & 0xffff)) * Float.BYTES;
                values.set(ValueLayout.JAVA_FLOAT_UNALIGNED, place,
                        values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, place) + encoded.get(ValueLayout.JAVA_FLOAT_UNALIGNED, value + (long) i * Float.BYTES));
            }
            in += (long) k * ENTRY;
        }
    }
}
