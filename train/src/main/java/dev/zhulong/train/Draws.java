package dev.zhulong.train;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Tokens drawn from the distributions that a teacher has over a row of text, with replacement: counts over their number are an unbiased estimate of the distributions, and so is the gradient of
 * KL(p‖q) with the estimate for p. The likeliest tokens alone would not be (Anshumann et al. 2025, "Sparse logit sampling").
 *
 * @param starts  where each token's draws begin, and behind the last token the end
 * @param ids     different ones of each token, rising
 * @param counts  how often each was drawn
 * @param entropy Σ p·log p of each token's whole distribution
 */
record Draws(int[] starts, int[] ids, byte[] counts, float[] entropy) {
    /** Most draws a token: a count is a byte. */
    static final int MOST = 255;

    /**
     * Of what was drawn.
     *
     * @param drawn of each token as many ids, rising
     */
    static Draws of(int[][] drawn, float[] entropy) {
        int tokens = drawn.length;
        int[] starts = new int[tokens + 1];
        for (int token = 0; token < tokens; token++) {
            starts[token + 1] = starts[token] + (int) Arrays.stream(drawn[token]).distinct().count();
        }
        int[] ids = new int[starts[tokens]];
        byte[] counts = new byte[ids.length];
        for (int token = 0; token < tokens; token++) {
            int at = starts[token] - 1;
            for (int i = 0; i < drawn[token].length; i++) {
                if (i == 0 || drawn[token][i] != drawn[token][i - 1]) {
                    ids[++at] = drawn[token][i];
                }
                counts[at]++;
            }
        }
        return new Draws(starts, ids, counts, entropy);
    }

    /**
     * Draws ids of a token, rising.
     *
     * @param p    probabilities from {@code at} on, {@code width} of them, which need not add up to one exactly
     * @param seed of this token
     */
    static int[] draw(float[] p, int at, int width, int draws, long seed) {
        double[] places = new SplittableRandom(seed).doubles(draws).sorted().toArray();
        double sum = 0;
        int last = 0;
        for (int id = 0; id < width; id++) {
            sum += p[at + id];
            last = p[at + id] > 0 ? id : last;
        }
        int[] ids = new int[places.length];
        double up = p[at];
        int id = 0;
        for (int i = 0; i < ids.length; i++) {
            while (id < last && up <= places[i] * sum) {
                up += p[at + ++id];
            }
            ids[i] = id;
        }
        return ids;
    }

    int tokens() {
        return entropy.length;
    }

    /** Different ids of a token. */
    int different(int token) {
        return starts[token + 1] - starts[token];
    }

    /** Bytes in a file: of each token its entropy, how many different ids, and of each id its count and number. */
    byte[] bytes() {
        ByteBuffer to = ByteBuffer.allocate(5 * tokens() + 5 * ids.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int token = 0; token < tokens(); token++) {
            to.putFloat(entropy[token]).put((byte) different(token));
            for (int i = starts[token]; i < starts[token + 1]; i++) {
                to.put(counts[i]).putInt(ids[i]);
            }
        }
        return to.array();
    }

    static Draws of(byte[] bytes, int tokens) {
        ByteBuffer from = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int[] starts = new int[tokens + 1];
        float[] entropy = new float[tokens];
        int[] ids = new int[bytes.length / 5 - tokens];
        byte[] counts = new byte[ids.length];
        int at = 0;
        for (int token = 0; token < tokens; token++) {
            entropy[token] = from.getFloat();
            int different = from.get() & 0xff;
            starts[token + 1] = starts[token] + different;
            for (int i = 0; i < different; i++, at++) {
                counts[at] = from.get();
                ids[at] = from.getInt();
            }
        }
        return new Draws(starts, ids, counts, entropy);
    }
}
