package dev.zhulong.edge;

import java.util.Arrays;

/**
 * Draws tokens from logits: temperature, then the k most likely, then the most likely whose probability reaches p, then those at least {@code minP} times as likely as the best. The
 * same seed and logits give the tokens that Zhulong's engine draws for the first continuation of a prompt. Not safe for threads.
 */
public final class EdgeSampler {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private static final int FIRST_LOOK = 256;
    private static final int SORT_BELOW = 32;

    private final double temperature;
    private final int topK;
    private final double topP;
    private final double minP;
    private long state;
    /** Logits and ids by rank, in one number each: the best has the smallest. */
    private long[] keys = {};
    private double[] weights = {};
    private int size;

    /**
     * @param temperature 0 takes the most likely token
     * @param topK        0 for all
     * @param topP        1 for all
     * @param minP        0 for all
     * @throws IllegalArgumentException where one is out of range
     */
    public EdgeSampler(double temperature, int topK, double topP, double minP, long seed) {
        if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY) || topK < 0 || !(topP >= 0 && topP <= 1) || !(minP >= 0 && minP <= 1)) {
            throw new IllegalArgumentException("temperature and top-k must be at least 0, top-p and min-p from 0 to 1");
        }
        this.temperature = temperature;
        this.topK = topK;
        this.topP = topP;
        this.minP = minP;
        state = mix(mix(seed + GOLDEN));
    }

    /** Takes the most likely token every time. */
    public static EdgeSampler greedy() {
        return new EdgeSampler(0, 0, 1, 0, 0);
    }

    /**
     * The next token.
     *
     * @throws IllegalStateException where a logit is no number
     */
    public int next(float[] logits) {
        int best = -1;
        float max = Float.NEGATIVE_INFINITY;
        for (int id = 0; id < logits.length; id++) {
            if (!(logits[id] <= max)) {
                if (!(logits[id] < Float.POSITIVE_INFINITY)) {
                    throw new IllegalStateException("the logit of token " + id + " is no number: the model's weights are broken");
                }
                best = id;
                max = logits[id];
            }
        }
        if (best < 0) {
            throw new IllegalStateException("no token is possible");
        }
        return temperature == 0 ? best : draw(logits, max);
    }

    private int draw(float[] logits, float max) {
        if (keys.length < logits.length) {
            keys = new long[logits.length];
            weights = new double[logits.length];
        }
        if (topK == 0 && topP == 1) {
            double total = 0;
            for (int id = 0; id < logits.length; id++) {
                total += weights[id] = likely(weight(logits[id], max));
            }
            return pick(logits.length, total);
        }
        rank(logits);
        if (topK > 0) {
            keep(topK);
        }
        if (topP < 1) {
            double total = 0;
            for (int rank = 0; rank < size; rank++) {
                total += weight(logits[(int) keys[rank]], max);
            }
            keep(nucleus(logits, topP * total, max));
        }
        double total = 0;
        for (int rank = 0; rank < size; rank++) {
            total += weights[rank] = likely(weight(logits[(int) keys[rank]], max));
        }
        return (int) keys[pick(size, total)];
    }

    private double weight(float logit, float max) {
        return Math.exp(((double) logit - max) / temperature);
    }

    private double likely(double weight) {
        return weight >= minP ? weight : 0;
    }

    private int pick(int count, double total) {
        state += GOLDEN;
        double left = (mix(state) >>> 11) * 0x1.0p-53 * total;
        int last = 0;
        for (int i = 0; i < count; i++) {
            if (weights[i] > 0) {
                last = i;
                left -= weights[i];
                if (left < 0) {
                    return i;
                }
            }
        }
        return last;
    }

    /** SplitMix64 (Steele, Lea and Flood 2014). */
    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    private void rank(float[] logits) {
        size = 0;
        for (int id = 0; id < logits.length; id++) {
            if (logits[id] > Float.NEGATIVE_INFINITY) {
                int bits = Float.floatToRawIntBits(logits[id] + 0.0f);
                keys[size++] = (long) ~(bits ^ bits >> 31 & 0x7fffffff) << 32 | id;
            }
        }
    }

    private void keep(int count) {
        if (count < size) {
            select(count);
            size = count;
        }
    }

    private int nucleus(float[] logits, double mass, float max) {
        int ordered = 0;
        double sum = 0;
        while (ordered < size) {
            int look = Math.min(size, ordered == 0 ? FIRST_LOOK : ordered * 8);
            if (look < size) {
                select(look);
            }
            Arrays.sort(keys, 0, look);
            for (int rank = ordered; rank < look; rank++) {
                sum += weight(logits[(int) keys[rank]], max);
                if (sum >= mass) {
                    return rank + 1;
                }
            }
            ordered = look;
        }
        return size;
    }

    /** Hoare's quickselect: afterwards the {@code count} smallest keys come first, in the order in which the engine has them. */
    private void select(int count) {
        int low = 0;
        int high = size - 1;
        while (high - low >= SORT_BELOW) {
            long pivot = median(keys[low], keys[(low + high) >>> 1], keys[high]);
            int i = low;
            int j = high;
            while (i <= j) {
                while (keys[i] < pivot) {
                    i++;
                }
                while (keys[j] > pivot) {
                    j--;
                }
                if (i <= j) {
                    long swap = keys[i];
                    keys[i++] = keys[j];
                    keys[j--] = swap;
                }
            }
            if (count - 1 <= j) {
                high = j;
            } else if (count - 1 >= i) {
                low = i;
            } else {
                return;
            }
        }
        Arrays.sort(keys, low, high + 1);
    }

    private static long median(long a, long b, long c) {
        return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    }
}
