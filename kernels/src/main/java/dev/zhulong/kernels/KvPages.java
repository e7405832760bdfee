package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Keys and values of one layer in pages of {@value #PAGE} positions, and attention over them; which pages make up a sequence is the
 * caller's list.
 *
 * <p>Keys lie with positions along lanes, values with dimensions along lanes. Where a position's row is key and value at once, it is kept once, as a value,
 * and scores are sums of {@value #STRANDS} strands, whatever the width of the vectors. Elements are f16 (values below 2^-14 become zero), int8 with a scale for each
 * position and head, four and a half bits ({@link KvNibbles}), or f32 as they are computed. A query's result depends on its own keys and values in order of position: not on how a prompt was cut
 * into chunks, not on other sequences.
 */
public final class KvPages {
    /** How an element is kept. */
    public enum Format {
        F16,
        INT8,
        /** See {@link KvNibbles}: keys and values are turned on the way in, queries with them, and results back. */
        INT4,
        F32
    }

    /** Positions of a page. */
    public static final int PAGE = 64;

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final float WIDEN = 0x1p112f;
    private static final int STRANDS = 16;
    /** Sums of a score that run at the same time, as each alone waits for its last step. */
    private static final int SUMS = 4;

    /** Of attention over each format; then of the same where rows are kept once. */
    private static final Warmth[] WARMTH = IntStream.range(0, 2 * Format.values().length)
            .mapToObj(i -> new Warmth(() -> exercise(Format.values()[i / 2], i % 2 > 0))).toArray(Warmth[]::new);
    /** Dimensions of the head that the code is exercised on: four vectors and one. */
    private static final int EXERCISED = 5 * Lanes.COUNT;
    /** Times in a round, and the time compiled code takes for a round at most. */
    private static final int ROUNDS = 8;
    private static final double ENOUGH_NANOS = 100_000;

    private final int kvHeads;
    private final int headDim;
    /** Whether a row is key and value. */
    private final boolean once;
    private final Arena arena;
    /** Dimensions of a stored value, whole vectors. */
    private final int stored;
    private final Format format;
    private final boolean half;
    /** Whether elements stand for themselves, without a scale. */
    private final boolean unscaled;
    private final int bytes;
    /** Null for the other formats. */
    private final KvNibbles nibbles;
    /** Of each page [head, dimension, position]. */
    private MemorySegment[] keys = {};
    /** Of each page [head, position, dimension]. */
    private MemorySegment[] values = {};
    /** Of each page [head, position]; empty where elements have no scale. */
    private MemorySegment[] keyScales = {};
    private MemorySegment[] valueScales = {};

    /** No page yet; those to come lie in memory of {@code arena}. */
    public KvPages(int kvHeads, int headDim, Format format, Arena arena) {
        this(kvHeads, headDim, false, format, arena);
    }

    /** The same. @param once whether what is put as a value is the key as well */
    public KvPages(int kvHeads, int headDim, boolean once, Format format, Arena arena) {
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.once = once;
        this.arena = arena;
        this.format = format;
        half = format == Format.F16;
        unscaled = format == Format.F16 || format == Format.F32;
        bytes = bytes(format);
        if (format == Format.INT4 && once) {
            throw new IllegalArgumentException("where a row is key and value at once, as in DeepSeek's latent attention, it is kept in f16, int8 or f32, not in int4");
        }
        nibbles = format == Format.INT4 ? new KvNibbles(headDim) : null;
        stored = stored(headDim, once);
    }

    private static int stored(int headDim, boolean once) {
        int whole = once ? STRANDS : Lanes.COUNT;
        return (headDim + whole - 1) / whole * whole;
    }

    /** Bytes of memory a page takes. @param once whether a row is kept once, as key and value */
    public static long pageBytes(int kvHeads, int headDim, boolean once, Format format) {
        if (format == Format.INT4) {
            return 2 * (KvNibbles.bytes(kvHeads, headDim) + KvNibbles.stepBytes(kvHeads, headDim));
        }
        long slots = (long) kvHeads * PAGE;
        long values = slots * stored(headDim, once) * bytes(format) + Lanes.BYTES + (format == Format.INT8 ? slots * Float.BYTES : 0);
        return once ? values : values + slots * headDim * bytes(format) + Lanes.BYTES + (format == Format.INT8 ? slots * Float.BYTES : 0);
    }

    private static int bytes(Format format) {
        return switch (format) {
            case F16 -> 2;
            // of INT4 KvNibbles counts
            case INT8, INT4 -> 1;
            case F32 -> 4;
        };
    }

    /**
     * From now on keys of {@link Format#INT4} are rounded so that these queries lose least, and their mean is taken off before; other formats need nothing of it. Not while others read, and before the
     * first is put.
     */
    public void fit(KeyStatistics statistics) {
        if (nibbles != null) {
            nibbles.fit(statistics);
        }
    }

    /** Adds pages until there are {@code pages}. Not while others read. */
    public void grow(int pages) {
        if (pages <= keys.length) {
            return;
        }
        long slots = (long) kvHeads * PAGE;
        // the last vector of narrow lanes may read past its own
        long packed = KvNibbles.bytes(kvHeads, headDim);
        long scaleBytes = nibbles == null ? slots * Float.BYTES : KvNibbles.stepBytes(kvHeads, headDim);
        MemorySegment[] newKeys = grown(keys, pages, nibbles != null ? packed : once ? 0 : slots * headDim * bytes + Lanes.BYTES);
        MemorySegment[] newValues = grown(values, pages, nibbles != null ? packed : slots * stored * bytes + Lanes.BYTES);
        MemorySegment[] newKeyScales = grown(keyScales, pages, unscaled || once ? 0 : scaleBytes);
        MemorySegment[] newValueScales = grown(valueScales, pages, unscaled ? 0 : scaleBytes);
        // all or none, should memory end
        keys = newKeys;
        values = newValues;
        keyScales = newKeyScales;
        valueScales = newValueScales;
    }

    private MemorySegment[] grown(MemorySegment[] segments, int pages, long size) {
        MemorySegment[] more = Arrays.copyOf(segments, pages);
        for (int page = segments.length; page < pages; page++) {
            more[page] = arena.allocate(size, 64);
        }
        return more;
    }

    /** The memory of a page, for keeping it elsewhere and putting it back: what a page means depends on the machine's vectors. */
    public List<MemorySegment> memory(int page) {
        checkPage(page);
        return List.of(keys[page], values[page], keyScales[page], valueScales[page]);
    }

    /** Zeroes positions {@code slot} and beyond of a page, which a sequence before may have filled. */
    public void clear(int page, int slot) {
        checkPage(page);
        if (slot < 0 || slot > PAGE) {
            throw new IllegalArgumentException("slot " + slot + " of a page of " + PAGE);
        }
        if (nibbles != null) {
            nibbles.clear(keys[page], keyScales[page], values[page], valueScales[page], kvHeads, slot);
            return;
        }
        for (int h = 0; h < kvHeads; h++) {
            for (int d = 0; d < headDim && !once; d++) {
                keys[page].asSlice((((long) h * headDim + d) * PAGE + slot) * bytes, (long) (PAGE - slot) * bytes).fill((byte) 0);
            }
            values[page].asSlice(((long) h * PAGE + slot) * stored * bytes, (long) (PAGE - slot) * stored * bytes).fill((byte) 0);
            if (!unscaled && !once) {
                keyScales[page].asSlice(((long) h * PAGE + slot) * Float.BYTES, (long) (PAGE - slot) * Float.BYTES).fill((byte) 0);
            }
            if (!unscaled) {
                valueScales[page].asSlice(((long) h * PAGE + slot) * Float.BYTES, (long) (PAGE - slot) * Float.BYTES).fill((byte) 0);
            }
        }
    }

    /**
     * Stores a position's keys and values, {@code kvHeads * headDim} each. Where a row is kept once, it is {@code v}, and {@code k} is not read.
     *
     * @param slot position within the page
     * @throws IllegalArgumentException when one is not finite or too large for an f16
     */
    public void put(int page, int slot, float[] k, int kAt, float[] v, int vAt) {
        checkPage(page);
        if (slot < 0 || slot >= PAGE) {
            throw new IllegalArgumentException("slot " + slot + " of a page of " + PAGE);
        }
        MemorySegment keysOfPage = keys[page];
        MemorySegment valuesOfPage = values[page];
        for (int h = 0; h < kvHeads; h++) {
            if (nibbles != null) {
                nibbles.putKey(keysOfPage, keyScales[page], h, slot, k, kAt + h * headDim);
                nibbles.putValue(valuesOfPage, valueScales[page], h, slot, v, vAt + h * headDim);
                continue;
            }
            float vScale = scale(v, vAt + h * headDim);
            if (!unscaled) {
                valueScales[page].setAtIndex(FLOAT, (long) h * PAGE + slot, vScale);
            }
            for (int d = 0; d < headDim; d++) {
                set(valuesOfPage, ((long) h * PAGE + slot) * stored + d, v[vAt + h * headDim + d], vScale);
            }
            if (once) {
                continue;
            }
            float kScale = scale(k, kAt + h * headDim);
            if (!unscaled) {
                keyScales[page].setAtIndex(FLOAT, (long) h * PAGE + slot, kScale);
            }
            for (int d = 0; d < headDim; d++) {
                set(keysOfPage, ((long) h * headDim + d) * PAGE + slot, k[kAt + h * headDim + d], kScale);
            }
        }
    }

    private float scale(float[] x, int at) {
        float largest = 0;
        for (int d = 0; d < headDim; d++) {
            largest = Math.max(largest, Math.abs(x[at + d]));
        }
        if (!(largest <= (half ? 65504 : Float.MAX_VALUE))) {
            throw new IllegalArgumentException("a key or value of magnitude " + largest + ": expected " + (half ? "at most 65504 (f16)" : "finite ones"));
        }
        return largest / 127;
    }

    private void set(MemorySegment to, long index, float x, float scale) {
        if (half) {
            to.setAtIndex(SHORT, index, Math.abs(x) < 0x1p-14f ? 0 : Float.floatToFloat16(x));
        } else if (unscaled) {
            to.setAtIndex(FLOAT, index, x);
        } else {
            to.set(ValueLayout.JAVA_BYTE, index, (byte) Math.rint(scale >= 0x1p-110f ? x / scale : 0));
        }
    }

    /** Attention over positions {@code first … length} alone, without a cap and a sink. */
    public void attend(float[] q, int qAt, int kvHead, int[] table, int first, int length, float scale, float[] scores, float[] out, int outAt) {
        attend(q, qAt, kvHead, table, 0, first, length, scale, 0, Float.NEGATIVE_INFINITY, scores, out, outAt);
    }

    /**
     * Attention of one query head: softmax(q · Kᵀ * scale) · V over positions {@code 0 … global} and {@code first … length}.
     *
     * @param q       query [headDim] at {@code qAt}
     * @param kvHead  the head of keys and values it looks at
     * @param table   the sequence's pages in order
     * @param global  number of positions at the beginning that are seen besides; at most {@code first}
     * @param first   the first position seen of the others; 0 without a sliding window
     * @param softcap what {@link Softcap} holds scores under; 0 for none
     * @param sink    one more score, of nothing; -infinity for none
     * @param scores  room for {@code length} rounded up to whole pages; overwritten
     * @param out     result [headDim] at {@code outAt}
     * @throws IllegalArgumentException  where positions, pages and scores don't go together
     * @throws IndexOutOfBoundsException where a head or a place lies outside
     */
    public void attend(float[] q, int qAt, int kvHead, int[] table, int global, int first, int length, float scale, float softcap, float sink,
            float[] scores, float[] out, int outAt) {
        attend(q, qAt, kvHead, table, global, first, length, scale, softcap, sink, null, 0, scores, out, outAt);
    }

    /**
     * The same with a number that is added to each score.
     *
     * @param bias that of position 0 at {@code biasAt}; null for none
     */
    public void attend(float[] q, int qAt, int kvHead, int[] table, int global, int first, int length, float scale, float softcap, float sink, float[] bias,
            int biasAt, float[] scores, float[] out, int outAt) {
        if (global < 0 || first < global || first >= length || table.length * (long) PAGE < length || scores.length < (length + PAGE - 1) / PAGE * PAGE) {
            throw new IllegalArgumentException("attention over " + global + " positions and " + first + " to " + length + " with " + table.length + " pages of "
                    + PAGE + " and room for " + scores.length + " scores");
        }
        for (int i = 0; i * PAGE < global; i++) {
            checkPage(table[i]);
        }
        for (int i = first / PAGE; i * PAGE < length; i++) {
            checkPage(table[i]);
        }
        // the Vector API's own checks are off in the product
        Objects.checkIndex(kvHead, kvHeads);
        Objects.checkFromIndexSize(outAt, headDim, out.length);
        boolean warm = WARMTH[2 * format.ordinal() + (once ? 1 : 0)].isWarm();
        if (nibbles != null) {
            float[] turned = new float[nibbles.padded()];
            attend(warm, nibbles.query(q, qAt, kvHead), 0, kvHead, table, global, first, length, scale, softcap, sink, bias, biasAt, scores, turned, 0);
            System.arraycopy(nibbles.turned(turned, 0), 0, out, outAt, headDim);
        } else if (once && headDim < stored) {
            // whole vectors of the query are read
            float[] whole = new float[stored];
            System.arraycopy(q, qAt, whole, 0, headDim);
            attend(warm, whole, 0, kvHead, table, global, first, length, scale, softcap, sink, bias, biasAt, scores, out, outAt);
        } else {
            attend(warm, q, qAt, kvHead, table, global, first, length, scale, softcap, sink, bias, biasAt, scores, out, outAt);
        }
    }

    private void attend(boolean warm, float[] q, int qAt, int kvHead, int[] table, int global, int first, int length, float scale, float softcap, float sink,
            float[] bias, int biasAt, float[] scores, float[] out, int outAt) {
        if (warm) {
            vectorAttend(q, qAt, kvHead, table, global, first, length, scale, softcap, sink, bias, biasAt, scores, out, outAt);
        } else {
            plainAttend(q, qAt, kvHead, table, global, first, length, scale, softcap, sink, bias, biasAt, scores, out, outAt);
        }
    }

    private void vectorAttend(float[] q, int qAt, int kvHead, int[] table, int global, int first, int length, float scale, float softcap, float sink,
            float[] bias, int biasAt, float[] scores, float[] out, int outAt) {
        for (int start = 0; start < global; start += PAGE) {
            scores(q, qAt, table[start / PAGE], kvHead, scale, scores, start, Math.min(PAGE, global - start));
        }
        // their scores wait, and then stand right before the others'
        float[] ahead = global == 0 ? scores : Arrays.copyOf(scores, global);
        for (int start = first / PAGE * PAGE; start < length; start += PAGE) {
            scores(q, qAt, table[start / PAGE], kvHead, scale, scores, start, Math.min(PAGE, length - start));
        }
        System.arraycopy(ahead, 0, scores, first - global, global);
        add(bias, biasAt, global, first, length, scores);
        toWeights(scores, first - global, length - first + global, softcap, sink);
        if (nibbles != null) {
            nibbles.weigh(values, valueScales, kvHead, table, global, first, length, scores, out);
            return;
        }
        for (int d = 0; d < headDim; ) {
            d = weigh(kvHead, table, global, first, length, scores, d, out, outAt + d);
        }
    }

    /** To the scores of the positions at the beginning, which stand right before the others', and to these. */
    private static void add(float[] bias, int biasAt, int global, int first, int length, float[] scores) {
        if (bias != null) {
            DecoderOps.add(scores, first - global, bias, biasAt, global);
            DecoderOps.add(scores, first, bias, biasAt + first, length - first);
        }
    }

    private static void toWeights(float[] scores, int first, int n, float softcap, float sink) {
        if (softcap > 0) {
            Softcap.apply(scores, first, n, softcap);
        }
        DecoderOps.softmax(scores, first, n, sink);
    }

    /** The same bits in plain loops, until the vector code is compiled. */
    private void plainAttend(float[] q, int qAt, int kvHead, int[] table, int global, int first, int length, float scale, float softcap, float sink,
            float[] bias, int biasAt, float[] scores, float[] out, int outAt) {
        float[] page = new float[PAGE * stored];
        plainScores(q, qAt, kvHead, table, 0, global, scale, scores, page);
        float[] ahead = Arrays.copyOf(scores, global);
        plainScores(q, qAt, kvHead, table, first, length, scale, scores, page);
        System.arraycopy(ahead, 0, scores, first - global, global);
        add(bias, biasAt, global, first, length, scores);
        toWeights(scores, first - global, length - first + global, softcap, sink);
        if (nibbles != null) {
            nibbles.plainWeigh(values, valueScales, kvHead, table, global, first, length, scores, out);
            return;
        }
        float[] sums = new float[headDim];
        for (int t = first - global; t < length; ) {
            int position = position(t, global, first);
            int index = table[position / PAGE];
            int end = pageEnd(t, position, first, length);
            widen(values[index], (long) kvHead * PAGE * stored, page, PAGE * stored);
            for (int p = position % PAGE; t < end; t++, p++) {
                float weight = unscaled ? scores[t] : scores[t] * valueScales[index].getAtIndex(FLOAT, (long) kvHead * PAGE + p);
                for (int d = 0; d < headDim; d++) {
                    sums[d] = Math.fma(page[p * stored + d], weight, sums[d]);
                }
            }
        }
        System.arraycopy(sums, 0, out, outAt, headDim);
    }

    private void plainScores(float[] q, int qAt, int kvHead, int[] table, int first, int length, float scale, float[] scores, float[] page) {
        float[] strands = new float[STRANDS];
        for (int start = first / PAGE * PAGE; start < length; start += PAGE) {
            int index = table[start / PAGE];
            if (nibbles != null) {
                nibbles.plainScores(q, keys[index], keyScales[index], kvHead, scale, scores, start, Math.max(0, first - start), Math.min(PAGE, length - start));
                continue;
            }
            MemorySegment scales = once ? valueScales[index] : keyScales[index];
            if (once) {
                widen(values[index], (long) kvHead * PAGE * stored, page, PAGE * stored);
            } else {
                widen(keys[index], (long) kvHead * headDim * PAGE, page, headDim * PAGE);
            }
            for (int p = Math.max(0, first - start); p < Math.min(PAGE, length - start); p++) {
                float sum = 0;
                for (int d = 0; d < headDim && !once; d++) {
                    sum = Math.fma(page[d * PAGE + p], q[qAt + d], sum);
                }
                if (once) {
                    Arrays.fill(strands, 0);
                    for (int d = 0; d < stored; d++) {
                        strands[d % STRANDS] = Math.fma(page[p * stored + d], q[qAt + d], strands[d % STRANDS]);
                    }
                    for (int half = STRANDS / 2; half > 0; half /= 2) {
                        for (int i = 0; i < half; i++) {
                            strands[i] += strands[i + half];
                        }
                    }
                    sum = strands[0];
                }
                sum *= scale;
                scores[start + p] = unscaled ? sum : sum * scales.getAtIndex(FLOAT, (long) kvHead * PAGE + p);
            }
        }
    }

    /** The position whose weight is number {@code t}: those at the beginning stand right before {@code first}. */
    static int position(int t, int global, int first) {
        return t < first ? t - first + global : t;
    }

    /** Behind the last weight that is of the same page as number {@code t}. */
    static int pageEnd(int t, int position, int first, int length) {
        return Math.min(t < first ? first : length, t + PAGE - position % PAGE);
    }

    /** {@code n} stored elements from number {@code at} on, as floats without their scale. */
    private void widen(MemorySegment from, long at, float[] to, int n) {
        if (half) {
            short[] bits = new short[n];
            MemorySegment.copy(from, SHORT, 2 * at, bits, 0, n);
            for (int i = 0; i < n; i++) {
                to[i] = Float.float16ToFloat(bits[i]);
            }
        } else if (unscaled) {
            MemorySegment.copy(from, FLOAT, Float.BYTES * at, to, 0, n);
        } else {
            byte[] bytes = new byte[n];
            MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at, bytes, 0, n);
            for (int i = 0; i < n; i++) {
                to[i] = bytes[i];
            }
        }
    }

    private static void exercise(Format format, boolean once) {
        int[] table = {0};
        float[] vector = new float[stored(EXERCISED, once)];
        float[] scores = new float[PAGE];
        Arrays.fill(vector, 0.5f);
        try (Arena arena = Arena.ofConfined()) {
            var pages = new KvPages(1, EXERCISED, once, format, arena);
            pages.grow(1);
            float[] query = format == Format.INT4 ? pages.nibbles.query(vector, 0, 0) : vector;
            float[] out = new float[format == Format.INT4 ? pages.nibbles.padded() : EXERCISED];
            for (int slot = 0; slot < PAGE; slot++) {
                pages.put(0, slot, vector, 0, vector, 0);
            }
            Warmth.repeat(ENOUGH_NANOS, () -> {
                for (int i = 0; i < ROUNDS; i++) {
                    pages.vectorAttend(query, 0, 0, table, 0, 0, PAGE, 1, 0, Float.NEGATIVE_INFINITY, null, 0, scores, out, 0);
                    pages.vectorAttend(query, 0, 0, table, 0, 0, 1, 1, 0, Float.NEGATIVE_INFINITY, null, 0, scores, out, 0);
                }
            });
        }
    }

    private void checkPage(int page) {
        if (page < 0 || page >= keys.length) {
            throw new IllegalArgumentException("page " + page + ": there are " + keys.length);
        }
    }

    /** Scores of the first {@code n} positions of a page, in whole vectors; four at a time, as each sum alone waits for its last step. */
    private void scores(float[] q, int qAt, int page, int kvHead, float scale, float[] to, int at, int n) {
        if (nibbles != null) {
            // a head that was turned begins at 0
            nibbles.scores(q, keys[page], keyScales[page], kvHead, scale, to, at, n);
            return;
        }
        if (once) {
            rowScores(q, qAt, page, kvHead, scale, to, at, n);
            return;
        }
        MemorySegment from = keys[page];
        MemorySegment scales = keyScales[page];
        int p = 0;
        for (; p + 3 * Lanes.COUNT < n; p += 4 * Lanes.COUNT) {
            FloatVector sum0 = FloatVector.zero(Lanes.F);
            FloatVector sum1 = sum0;
            FloatVector sum2 = sum0;
            FloatVector sum3 = sum0;
            long element = (long) kvHead * headDim * PAGE + p;
            for (int d = 0; d < headDim; d++) {
                FloatVector weight = FloatVector.broadcast(Lanes.F, q[qAt + d]);
                sum0 = widened(from, element).fma(weight, sum0);
                sum1 = widened(from, element + Lanes.COUNT).fma(weight, sum1);
                sum2 = widened(from, element + 2L * Lanes.COUNT).fma(weight, sum2);
                sum3 = widened(from, element + 3L * Lanes.COUNT).fma(weight, sum3);
                element += PAGE;
            }
            scaled(sum0, scale, scales, kvHead, p).intoArray(to, at + p);
            scaled(sum1, scale, scales, kvHead, p + Lanes.COUNT).intoArray(to, at + p + Lanes.COUNT);
            scaled(sum2, scale, scales, kvHead, p + 2 * Lanes.COUNT).intoArray(to, at + p + 2 * Lanes.COUNT);
            scaled(sum3, scale, scales, kvHead, p + 3 * Lanes.COUNT).intoArray(to, at + p + 3 * Lanes.COUNT);
        }
        for (; p < n; p += Lanes.COUNT) {
            FloatVector sum = FloatVector.zero(Lanes.F);
            long element = (long) kvHead * headDim * PAGE + p;
            for (int d = 0; d < headDim; d++) {
                sum = widened(from, element).fma(FloatVector.broadcast(Lanes.F, q[qAt + d]), sum);
                element += PAGE;
            }
            scaled(sum, scale, scales, kvHead, p).intoArray(to, at + p);
        }
    }

    /**
     * The same of rows that are kept once: dimensions lie along lanes, so that a position's sum is several vectors or one, whose lanes are its strands; these
     * are added in halves. Positions up to a multiple of four are computed.
     */
    private void rowScores(float[] q, int qAt, int page, int kvHead, float scale, float[] to, int at, int n) {
        MemorySegment from = values[page];
        MemorySegment scales = valueScales[page];
        int parts = STRANDS / Lanes.COUNT;
        int together = SUMS / parts;
        // of each of the four sums, where its strands and its position's row begin
        int q1 = 1 % parts * Lanes.COUNT;
        int q2 = 2 % parts * Lanes.COUNT;
        int q3 = 3 % parts * Lanes.COUNT;
        for (int p = 0; p < n; p += together) {
            long slot = (long) kvHead * PAGE + p;
            long row0 = slot * stored;
            long row1 = (slot + 1 / parts) * stored + q1;
            long row2 = (slot + 2 / parts) * stored + q2;
            long row3 = (slot + 3 / parts) * stored + q3;
            FloatVector sum0 = FloatVector.zero(Lanes.F);
            FloatVector sum1 = sum0;
            FloatVector sum2 = sum0;
            FloatVector sum3 = sum0;
            for (int d = 0; d < stored; d += STRANDS) {
                sum0 = widened(from, row0 + d).fma(FloatVector.fromArray(Lanes.F, q, qAt + d), sum0);
                sum1 = widened(from, row1 + d).fma(FloatVector.fromArray(Lanes.F, q, qAt + d + q1), sum1);
                sum2 = widened(from, row2 + d).fma(FloatVector.fromArray(Lanes.F, q, qAt + d + q2), sum2);
                sum3 = widened(from, row3 + d).fma(FloatVector.fromArray(Lanes.F, q, qAt + d + q3), sum3);
            }
            if (parts == 1) {
                to[at + p] = scaled(VectorMath.sum(sum0), scale, scales, slot);
                to[at + p + 1] = scaled(VectorMath.sum(sum1), scale, scales, slot + 1);
                to[at + p + 2] = scaled(VectorMath.sum(sum2), scale, scales, slot + 2);
                to[at + p + 3] = scaled(VectorMath.sum(sum3), scale, scales, slot + 3);
            } else if (parts == 2) {
                to[at + p] = scaled(VectorMath.sum(sum0.add(sum1)), scale, scales, slot);
                to[at + p + 1] = scaled(VectorMath.sum(sum2.add(sum3)), scale, scales, slot + 1);
            } else {
                to[at + p] = scaled(VectorMath.sum(sum0.add(sum2).add(sum1.add(sum3))), scale, scales, slot);
            }
        }
    }

    private float scaled(float sum, float scale, MemorySegment scales, long slot) {
        return unscaled ? sum * scale : sum * scale * scales.getAtIndex(FLOAT, slot);
    }

    private FloatVector scaled(FloatVector sum, float scale, MemorySegment scales, int kvHead, int p) {
        FloatVector product = sum.mul(scale);
        return unscaled ? product : product.mul(Lanes.f32(scales, 4L * (kvHead * PAGE + p)));
    }

    /** Sums of values by their weights, from dimension {@code d} on; gives the dimension behind them. Four vectors at a time where there are as many. */
    private int weigh(int kvHead, int[] table, int global, int first, int length, float[] weights, int d, float[] out, int outAt) {
        if (d + 4 * Lanes.COUNT <= headDim) {
            weighFour(kvHead, table, global, first, length, weights, d, out, outAt);
            return d + 4 * Lanes.COUNT;
        }
        FloatVector sum = FloatVector.zero(Lanes.F);
        for (int t = first - global; t < length; ) {
            int position = position(t, global, first);
            MemorySegment from = values[table[position / PAGE]];
            MemorySegment scales = valueScales[table[position / PAGE]];
            int end = pageEnd(t, position, first, length);
            for (long slot = (long) kvHead * PAGE + position % PAGE; t < end; t++, slot++) {
                float weight = unscaled ? weights[t] : weights[t] * scales.getAtIndex(FLOAT, slot);
                sum = widened(from, slot * stored + d).fma(FloatVector.broadcast(Lanes.F, weight), sum);
            }
        }
        if (d + Lanes.COUNT <= headDim) {
            sum.intoArray(out, outAt);
        } else {
            // these are the last dimensions: the weights have been used, and their room holds a whole vector
            sum.intoArray(weights, 0);
            System.arraycopy(weights, 0, out, outAt, headDim - d);
        }
        return d + Lanes.COUNT;
    }

    private void weighFour(int kvHead, int[] table, int global, int first, int length, float[] weights, int d, float[] out, int outAt) {
        FloatVector sum0 = FloatVector.zero(Lanes.F);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        for (int t = first - global; t < length; ) {
            int position = position(t, global, first);
            MemorySegment from = values[table[position / PAGE]];
            MemorySegment scales = valueScales[table[position / PAGE]];
            int end = pageEnd(t, position, first, length);
            for (long slot = (long) kvHead * PAGE + position % PAGE; t < end; t++, slot++) {
                long element = slot * stored + d;
                FloatVector weight = FloatVector.broadcast(Lanes.F, unscaled ? weights[t] : weights[t] * scales.getAtIndex(FLOAT, slot));
                sum0 = widened(from, element).fma(weight, sum0);
                sum1 = widened(from, element + Lanes.COUNT).fma(weight, sum1);
                sum2 = widened(from, element + 2L * Lanes.COUNT).fma(weight, sum2);
                sum3 = widened(from, element + 3L * Lanes.COUNT).fma(weight, sum3);
            }
        }
        sum0.intoArray(out, outAt);
        sum1.intoArray(out, outAt + Lanes.COUNT);
        sum2.intoArray(out, outAt + 2 * Lanes.COUNT);
        sum3.intoArray(out, outAt + 3 * Lanes.COUNT);
    }

    private FloatVector widened(MemorySegment from, long element) {
        return half ? Lanes.f16(from, 2 * element, WIDEN) : unscaled ? Lanes.f32(from, 4 * element) : int8(from, element);
    }

    private static FloatVector int8(MemorySegment from, long at) {
        return (FloatVector) ByteVector.fromMemorySegment(Lanes.QUARTER, from, at, Lanes.LE).convertShape(VectorOperators.B2F, Lanes.F, 0);
    }
}
