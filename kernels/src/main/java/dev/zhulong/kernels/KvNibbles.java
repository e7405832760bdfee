package dev.zhulong.kernels;

import dev.zhulong.kernels.E8Rounding.Metric;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Keys and values of {@link KvPages} in four and a half bits, as {@link E8Rounding} rounds them: steps in a byte each for the first and the second half of a head, or one for all of it where
 * that is wider than {@value #TWO_STEPS}.
 *
 * <p>Queries, keys and values are turned before, and results are turned back: a Hadamard matrix over blocks of the largest power of two that divides the head, divided by its root, and of the blocks
 * what a reflection in their common mean makes; both are their own inverses. Products stay what they are, and what is large in a few dimensions is spread over all of them (QuaRot, Ashkboos et al. 2024).
 * Where {@link KeyStatistics} are known, the keys' mean is taken off before and its product with the query is added to scores, and keys are rounded so that products with queries as these were
 * lose least.
 *
 * <p>A head is {@code blocks} of 16 dimensions, zeros behind the last. A byte holds, of block b, number j of 8, a dimension of the first half of the head in its lower bits, 8b + j, and the one that lies as far into the
 * second half in its upper bits: whole steps, -8 … 7. A ninth byte of a block holds the first four bits of both their words. Keys lie [head, block, byte, position], steps [head, half, position]; values
 * [head, position, block, byte] with all ninth bytes behind the others, steps [head, position, half]. A step is 8 bits of exponent and mantissa, {@link #step}.
 */
final class KvNibbles {
    /** The widest head whose halves have steps of their own: with more the bytes were above 0.56 of int8's. */
    static final int TWO_STEPS = 96;

    private static final int GROUP = E8Rounding.GROUP;
    /** Bytes of a block. */
    private static final int BLOCK = GROUP + 1;
    /** What vectors of four lanes, which read eight bytes, may read past the end. */
    private static final int BEYOND = 8;
    private static final int MANTISSA = 3;
    private static final int LEAST_EXPONENT = -20;
    /** Of a step's code, which begins at this bit of a float, its exponent less the least one. */
    private static final int CODE_AT = 23 - MANTISSA;
    private static final int EXPONENT = 127 + LEAST_EXPONENT << 23;
    /** By a ninth byte: the word of the lower bits, and that of the upper bits 8 above. */
    private static final int[] WORDS = new int[256];
    /** Of a vector of values, by how much {@link #WORDS} are shifted for each lane's bit: blocks are 16 apart. */
    private static final IntVector PLACES = IntVector.fromArray(Lanes.I, places(), 0);

    static {
        for (int i = 0; i < WORDS.length; i++) {
            WORDS[i] = E8Rounding.word(i & 15) | E8Rounding.word(i >> 4) << 8;
        }
    }

    private final int headDim;
    private final int blocks;
    /** Dimensions with those that fill the last block. */
    private final int padded;
    /** Dimensions that are turned together. */
    private final int turned;
    private final float norm;
    private final int steps;
    /** Of each head, turned and padded: null where it is not known. */
    private float[][] means;
    private Metric[] metrics;

    KvNibbles(int headDim) {
        this.headDim = headDim;
        blocks = blocks(headDim);
        padded = 2 * GROUP * blocks;
        turned = Integer.lowestOneBit(headDim);
        norm = (float) (1 / Math.sqrt(turned));
        steps = steps(headDim);
    }

    private static int[] places() {
        int[] places = new int[Lanes.COUNT];
        Arrays.setAll(places, lane -> lane / GROUP * 2 * GROUP + lane % GROUP);
        return places;
    }

    private static int blocks(int headDim) {
        return (headDim + 2 * GROUP - 1) / (2 * GROUP);
    }

    private static int steps(int headDim) {
        return headDim > TWO_STEPS ? 1 : 2;
    }

    /** Bytes of the keys, or of the values, of a page; and of their steps. */
    static long bytes(int kvHeads, int headDim) {
        return (long) kvHeads * KvPages.PAGE * blocks(headDim) * BLOCK + BEYOND;
    }

    static long stepBytes(int kvHeads, int headDim) {
        return (long) kvHeads * KvPages.PAGE * steps(headDim) + BEYOND;
    }

    /** From now on keys are rounded by these. Not while others read, and before the first is put. */
    void fit(KeyStatistics statistics) {
        means = new float[statistics.kvHeads()][];
        metrics = new Metric[means.length];
        for (int head = 0; head < means.length; head++) {
            means[head] = turned(statistics.mean(head), 0);
            metrics[head] = statistics.metric(head, padded, row -> turned(row, 0));
        }
    }

    /** Dimensions of a turned head. */
    int padded() {
        return padded;
    }

    /** A head, turned; zeros behind it. The same turns it back. */
    float[] turned(float[] x, int at) {
        float[] out = new float[padded];
        System.arraycopy(x, at, out, 0, headDim);
        for (int step = 1; step < turned; step *= 2) {
            for (int i = 0; i < headDim; i++) {
                if ((i & step) == 0) {
                    float a = out[i];
                    float b = out[i + step];
                    out[i] = a + b;
                    out[i + step] = a - b;
                }
            }
        }
        int parts = headDim / turned;
        for (int i = 0; i < turned; i++) {
            float sum = 0;
            for (int j = i; j < headDim && parts > 1; j += turned) {
                sum += out[j];
            }
            for (int j = i; j < headDim; j += turned) {
                out[j] = (out[j] - sum * 2 / parts) * norm;
            }
        }
        return out;
    }

    /** A query, turned, and behind it what is added to products with codes: of each group half the sum of its numbers, and the product with the keys' mean. */
    float[] query(float[] q, int at, int kvHead) {
        float[] x = turned(q, at);
        float[] query = Arrays.copyOf(x, padded + padded / GROUP + 1);
        for (int d = 0; d < padded; d++) {
            query[padded + d / GROUP] += x[d] / 2;
        }
        for (int d = 0; d < padded && means != null; d++) {
            query[query.length - 1] = Math.fma(x[d], means[kvHead][d], query[query.length - 1]);
        }
        return query;
    }

    void putKey(MemorySegment to, MemorySegment stepsTo, int head, int slot, float[] k, int at) {
        float[] x = turned(k, at);
        for (int d = 0; d < headDim && means != null; d++) {
            x[d] -= means[head][d];
        }
        int[] codes = new int[padded];
        byte[] stepCodes = round(x, metrics == null ? null : metrics[head], codes);
        for (int i = 0; i < steps; i++) {
            stepsTo.set(ValueLayout.JAVA_BYTE, ((long) head * steps + i) * KvPages.PAGE + slot, stepCodes[i]);
        }
        for (int i = 0; i < blocks * BLOCK; i++) {
            to.set(ValueLayout.JAVA_BYTE, ((long) head * blocks * BLOCK + i) * KvPages.PAGE + slot, pair(codes, i / BLOCK, i % BLOCK));
        }
    }

    void putValue(MemorySegment to, MemorySegment stepsTo, int head, int slot, float[] v, int at) {
        int[] codes = new int[padded];
        byte[] stepCodes = round(turned(v, at), null, codes);
        long position = (long) head * KvPages.PAGE + slot;
        for (int i = 0; i < steps; i++) {
            stepsTo.set(ValueLayout.JAVA_BYTE, position * steps + i, stepCodes[i]);
        }
        for (int b = 0; b < blocks; b++) {
            for (int j = 0; j < GROUP; j++) {
                to.set(ValueLayout.JAVA_BYTE, row(position) + b * GROUP + j, pair(codes, b, j));
            }
            to.set(ValueLayout.JAVA_BYTE, row(position) + blocks * GROUP + b, pair(codes, b, GROUP));
        }
    }

    private long row(long position) {
        return position * blocks * BLOCK;
    }

    /** Byte {@code j} of a block. */
    private byte pair(int[] codes, int block, int j) {
        int lower = block * GROUP;
        int upper = padded / 2 + lower;
        if (j < GROUP) {
            return (byte) (codes[lower + j] >> 1 & 15 | codes[upper + j] >> 1 << 4);
        }
        int words = 0;
        for (int bit = 0; bit < 4; bit++) {
            words |= (codes[lower + bit] & 1) << bit | (codes[upper + bit] & 1) << 4 + bit;
        }
        return (byte) words;
    }

    private byte[] round(float[] x, Metric metric, int[] codes) {
        float[] largest = new float[2];
        for (int d = 0; d < padded; d++) {
            int half = steps == 1 || 2 * d < padded ? 0 : 1;
            largest[half] = Math.max(largest[half], Math.abs(x[d]));
        }
        byte[] stepCodes = new byte[2];
        float[] each = new float[2];
        for (int half = 0; half < 2; half++) {
            if (!(largest[half] <= 65504)) {
                throw new IllegalArgumentException("a key or value of magnitude " + largest[half] + ": expected at most 65504");
            }
            stepCodes[half] = stepCode(largest[half] / (E8Rounding.REACH - 0.5f));
            each[half] = step(stepCodes[steps == 1 ? 0 : half]);
        }
        E8Rounding.round(x, each, metric, codes);
        return stepCodes;
    }

    /** Of the nearest step, at least 2^-20 and at most 3840. */
    private static byte stepCode(float step) {
        return (byte) Math.clamp(Float.floatToIntBits(step) - EXPONENT + (1 << CODE_AT - 1) >> CODE_AT, 0, 255);
    }

    private static float step(byte code) {
        return Float.intBitsToFloat(((code & 255) << CODE_AT) + EXPONENT);
    }

    /** Zeroes positions {@code slot} and beyond. */
    void clear(MemorySegment keys, MemorySegment keySteps, MemorySegment values, MemorySegment valueSteps, int kvHeads, int slot) {
        long left = KvPages.PAGE - slot;
        for (long row = 0; row < (long) kvHeads * blocks * BLOCK; row++) {
            keys.asSlice(row * KvPages.PAGE + slot, left).fill((byte) 0);
        }
        for (long row = 0; row < (long) kvHeads * steps; row++) {
            keySteps.asSlice(row * KvPages.PAGE + slot, left).fill((byte) 0);
        }
        for (long head = 0; head < kvHeads; head++) {
            long position = head * KvPages.PAGE + slot;
            values.asSlice(row(position), row(left)).fill((byte) 0);
            valueSteps.asSlice(position * steps, left * steps).fill((byte) 0);
        }
    }

    /** Scores of the first {@code n} positions of a page, in whole vectors. @param q of {@link #query} */
    void scores(float[] q, MemorySegment keys, MemorySegment stepsOf, int head, float scale, float[] to, int at, int n) {
        int[] words = words(keys, head, n);
        for (int p = 0; p < n; p += Lanes.COUNT) {
            FloatVector lowerStep = steps(stepsOf, (long) head * steps * KvPages.PAGE + p);
            FloatVector upperStep = steps(stepsOf, ((long) head * steps + steps - 1) * KvPages.PAGE + p);
            FloatVector total = FloatVector.broadcast(Lanes.F, q[padded + padded / GROUP]);
            for (int b = 0; b < blocks; b++) {
                long from = block(head, b) + p;
                int lower = b * GROUP;
                int upper = padded / 2 + lower;
                IntVector halves = IntVector.fromArray(Lanes.I, words, b * KvPages.PAGE + p);
                FloatVector lowerSum = FloatVector.broadcast(Lanes.F, q[padded + b]);
                FloatVector upperSum = FloatVector.broadcast(Lanes.F, q[padded + blocks + b]);
                for (int j = 0; j < GROUP; j++) {
                    IntVector pair = bytes(keys, from + (long) j * KvPages.PAGE);
                    lowerSum = lower(pair, halves).fma(FloatVector.broadcast(Lanes.F, q[lower + j]), lowerSum);
                    upperSum = upper(pair, halves.lanewise(VectorOperators.LSHR, GROUP)).fma(FloatVector.broadcast(Lanes.F, q[upper + j]), upperSum);
                    halves = halves.lanewise(VectorOperators.LSHR, 1);
                }
                total = upperStep.fma(upperSum, lowerStep.fma(lowerSum, total));
            }
            total.mul(scale).intoArray(to, at + p);
        }
    }

    /** {@link #WORDS} of each block and position. */
    private int[] words(MemorySegment keys, int head, int n) {
        int[] words = new int[blocks * KvPages.PAGE];
        for (int b = 0; b < blocks; b++) {
            long from = block(head, b) + GROUP * KvPages.PAGE;
            for (int p = 0; p < n; p++) {
                words[b * KvPages.PAGE + p] = WORDS[keys.get(ValueLayout.JAVA_BYTE, from + p) & 255];
            }
        }
        return words;
    }

    private long block(int head, int block) {
        return ((long) head * blocks + block) * BLOCK * KvPages.PAGE;
    }

    /** The same bits in plain loops, of positions {@code first} to {@code n}. */
    void plainScores(float[] q, MemorySegment keys, MemorySegment stepsOf, int head, float scale, float[] to, int at, int first, int n) {
        for (int p = first; p < n; p++) {
            float lowerStep = step(stepsOf.get(ValueLayout.JAVA_BYTE, (long) head * steps * KvPages.PAGE + p));
            float upperStep = step(stepsOf.get(ValueLayout.JAVA_BYTE, ((long) head * steps + steps - 1) * KvPages.PAGE + p));
            float total = q[padded + padded / GROUP];
            for (int b = 0; b < blocks; b++) {
                long from = block(head, b) + p;
                int words = WORDS[keys.get(ValueLayout.JAVA_BYTE, from + GROUP * KvPages.PAGE) & 255];
                float lowerSum = q[padded + b];
                float upperSum = q[padded + blocks + b];
                for (int j = 0; j < GROUP; j++) {
                    int pair = keys.get(ValueLayout.JAVA_BYTE, from + (long) j * KvPages.PAGE);
                    lowerSum = Math.fma((float) (pair << 28 >> 27 | words >> j & 1), q[b * GROUP + j], lowerSum);
                    upperSum = Math.fma((float) (pair >> 4 << 1 | words >> GROUP + j & 1), q[padded / 2 + b * GROUP + j], upperSum);
                }
                total = Math.fma(upperStep, upperSum, Math.fma(lowerStep, lowerSum, total));
            }
            to[at + p] = total * scale;
        }
    }

    /**
     * Sums of values by their weights, over positions {@code 0 … global} and {@code first … length}, whose weights stand from {@code first - global} on.
     *
     * @param out turned, as wide as {@link #padded}
     */
    void weigh(MemorySegment[] values, MemorySegment[] stepsOf, int head, int[] table, int global, int first, int length, float[] weights, float[] out) {
        float[] part = new float[Lanes.COUNT];
        for (int j = 0; j < padded / 2; j += Lanes.COUNT) {
            FloatVector lowerSum = FloatVector.zero(Lanes.F);
            FloatVector upperSum = lowerSum;
            float lowerWeights = 0;
            float upperWeights = 0;
            for (int t = first - global; t < length; ) {
                int position = KvPages.position(t, global, first);
                MemorySegment from = values[table[position / KvPages.PAGE]];
                MemorySegment by = stepsOf[table[position / KvPages.PAGE]];
                int end = KvPages.pageEnd(t, position, first, length);
                for (long slot = (long) head * KvPages.PAGE + position % KvPages.PAGE; t < end; t++, slot++) {
                    float lowerWeight = weights[t] * step(by.get(ValueLayout.JAVA_BYTE, slot * steps));
                    float upperWeight = weights[t] * step(by.get(ValueLayout.JAVA_BYTE, slot * steps + steps - 1));
                    IntVector pair = bytes(from, row(slot) + j);
                    long ninth = row(slot) + padded / 2 + j / GROUP;
                    int words = WORDS[from.get(ValueLayout.JAVA_BYTE, ninth) & 255] >> j % GROUP;
                    if (Lanes.COUNT > GROUP) {
                        words |= WORDS[from.get(ValueLayout.JAVA_BYTE, ninth + 1) & 255] << 2 * GROUP;
                    }
                    IntVector halves = IntVector.broadcast(Lanes.I, words).lanewise(VectorOperators.LSHR, PLACES);
                    lowerSum = lower(pair, halves).fma(FloatVector.broadcast(Lanes.F, lowerWeight), lowerSum);
                    upperSum = upper(pair, halves.lanewise(VectorOperators.LSHR, GROUP)).fma(FloatVector.broadcast(Lanes.F, upperWeight), upperSum);
                    lowerWeights += lowerWeight;
                    upperWeights += upperWeight;
                }
            }
            int n = Math.min(Lanes.COUNT, padded / 2 - j);
            lowerSum.add(lowerWeights / 2).intoArray(part, 0);
            System.arraycopy(part, 0, out, j, n);
            upperSum.add(upperWeights / 2).intoArray(part, 0);
            System.arraycopy(part, 0, out, padded / 2 + j, n);
        }
    }

    /** The same bits in plain loops. */
    void plainWeigh(MemorySegment[] values, MemorySegment[] stepsOf, int head, int[] table, int global, int first, int length, float[] weights, float[] out) {
        Arrays.fill(out, 0, padded, 0);
        float lowerWeights = 0;
        float upperWeights = 0;
        for (int t = first - global; t < length; t++) {
            int position = KvPages.position(t, global, first);
            MemorySegment from = values[table[position / KvPages.PAGE]];
            MemorySegment by = stepsOf[table[position / KvPages.PAGE]];
            long slot = (long) head * KvPages.PAGE + position % KvPages.PAGE;
            float lowerWeight = weights[t] * step(by.get(ValueLayout.JAVA_BYTE, slot * steps));
            float upperWeight = weights[t] * step(by.get(ValueLayout.JAVA_BYTE, slot * steps + steps - 1));
            for (int j = 0; j < padded / 2; j++) {
                int pair = from.get(ValueLayout.JAVA_BYTE, row(slot) + j);
                int words = WORDS[from.get(ValueLayout.JAVA_BYTE, row(slot) + padded / 2 + j / GROUP) & 255] >> j % GROUP;
                out[j] = Math.fma((float) (pair << 28 >> 27 | words & 1), lowerWeight, out[j]);
                out[padded / 2 + j] = Math.fma((float) (pair >> 4 << 1 | words >> GROUP & 1), upperWeight, out[padded / 2 + j]);
            }
            lowerWeights += lowerWeight;
            upperWeights += upperWeight;
        }
        for (int j = 0; j < padded / 2; j++) {
            out[j] += lowerWeights / 2;
            out[padded / 2 + j] += upperWeights / 2;
        }
    }

    private static FloatVector steps(MemorySegment from, long at) {
        return bytes(from, at).and(255).lanewise(VectorOperators.LSHL, CODE_AT).add(EXPONENT).reinterpretAsFloats();
    }

    private static IntVector bytes(MemorySegment from, long at) {
        return (IntVector) ByteVector.fromMemorySegment(Lanes.QUARTER, from, at, Lanes.LE).convertShape(VectorOperators.B2I, Lanes.I, 0);
    }

    /** Codes of the lower bits. @param halves their lowest bits say whether half a step is added */
    private static FloatVector lower(IntVector pairs, IntVector halves) {
        return (FloatVector) pairs.lanewise(VectorOperators.LSHL, 28).lanewise(VectorOperators.ASHR, 27).or(halves.and(1)).convert(VectorOperators.I2F, 0);
    }

    private static FloatVector upper(IntVector pairs, IntVector halves) {
        return (FloatVector) pairs.lanewise(VectorOperators.ASHR, 4).lanewise(VectorOperators.LSHL, 1).or(halves.and(1)).convert(VectorOperators.I2F, 0);
    }
}
