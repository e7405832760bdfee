package dev.zhulong.infer.cpu;

import java.util.Locale;

/**
 * What a model is expected to do mostly: the choice of what multiplies and in which precision is made for it.
 *
 * @param prompt    tokens of each prompt
 * @param answer    tokens of each answer
 * @param sequences that are read and written together
 */
public record ExpectedTask(int prompt, int answer, int sequences) {
    /** A question with some context, answered in a paragraph. */
    public static final ExpectedTask DEFAULT = new ExpectedTask(256, 128, 1);

    public ExpectedTask {
        if (prompt < 1 || answer < 1 || sequences < 1) {
            throw new IllegalArgumentException("an expected task has at least 1 token of prompt, 1 of answer and 1 sequence, found " + prompt + "," + answer
                    + "," + sequences);
        }
    }

    /**
     * From {@code P,N,S}: prompt, answer and sequences.
     *
     * @throws IllegalArgumentException where it is not three whole numbers from 1 on
     */
    public static ExpectedTask of(String text) {
        String[] parts = text.split(",", -1);
        try {
            if (parts.length == 3) {
                return new ExpectedTask(Integer.parseInt(parts[0].strip()), Integer.parseInt(parts[1].strip()), Integer.parseInt(parts[2].strip()));
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("an expected task is P,N,S, tokens of a prompt, tokens of its answer and sequences together, such as 256,128,1; found "
                + text);
    }

    /** Tokens that caches hold at the end, in a model of that context. */
    long tokens(int context) {
        return sequences * Math.min(context, (long) prompt + answer);
    }

    /** Seconds of the products of the blocks and of the head. */
    public double seconds(RowTimes blocks, RowTimes head) {
        double read = blocks.of((long) prompt * sequences) + head.of(sequences);
        // the first token of each answer comes out of its prompt
        return read + (answer - 1) * (blocks.of(sequences) + head.of(sequences));
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%,d tokens read and %,d written, %,d %s", prompt, answer, sequences, sequences == 1 ? "sequence" : "sequences together");
    }
}
