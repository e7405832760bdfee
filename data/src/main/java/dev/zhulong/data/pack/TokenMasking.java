package dev.zhulong.data.pack;

import dev.zhulong.text.encode.EncodedText;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Chooses tokens to be guessed (Devlin et al. 2018, "BERT", 3.1): of those chosen 80 % become the mask, 10 % another token, and 10 % stay. Special tokens
 * are neither chosen nor put in place of others. Which ones are chosen is decided by seed, row and epoch alone.
 *
 * @param share      of a row's tokens that are chosen, at least one
 * @param wholeWords whether all tokens of a word are chosen or none (Cui et al. 2019); a word that would go past the share is left out
 * @param mask       id of the mask
 * @param vocabSize  ids that another token is drawn from: 0 to this
 * @param drawable   which of these may be drawn: tokens that are there and not special
 * @param seed       of all draws
 */
public record TokenMasking(double share, boolean wholeWords, int mask, int vocabSize, IntPredicate drawable, long seed) {
    /** BERT's share. */
    public static final double SHARE = 0.15;

    private static final double MASKED = 0.8;
    private static final double OTHER = 0.9;
    private static final int TRIES = 1000;
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    public TokenMasking {
        if (!(share > 0 && share < 1) || vocabSize < 1) {
            throw new IllegalArgumentException("the share of tokens to be guessed must lie between 0 and 1, found " + share);
        }
    }

    /** Rows over {@code inputs}, masked anew in every epoch. */
    public EncoderRows over(List<EncodedText> inputs) {
        List<EncodedText> all = List.copyOf(inputs);
        return new EncoderRows() {
            @Override
            public int size() {
                return all.size();
            }

            @Override
            public int length(int row) {
                return all.get(row).length();
            }

            @Override
            public boolean perToken() {
                return true;
            }

            @Override
            public EncoderRow get(int row, long epoch) {
                return masked(all.get(row), row, epoch);
            }
        };
    }

    /** The row, with what was there as the label of each chosen token and {@link Batch#NO_TARGET} as that of the others. */
    public EncoderRow masked(EncodedText input, long row, long epoch) {
        var draws = new Draws(Mix.mix(Mix.mix(seed, row), epoch));
        int[] ids = input.ids().clone();
        int[] labels = new int[ids.length];
        Arrays.fill(labels, Batch.NO_TARGET);
        for (int at : chosen(input, draws)) {
            labels[at] = ids[at];
            double kind = draws.next();
            ids[at] = kind < MASKED ? mask : kind < OTHER ? other(draws) : ids[at];
        }
        return new EncoderRow(ids, input.types(), labels);
    }

    private int other(Draws draws) {
        for (int tries = 0; tries < TRIES; tries++) {
            int id = draws.below(vocabSize);
            if (drawable.test(id)) {
                return id;
            }
        }
        return mask;
    }

    /** Places of the tokens to be guessed, in order. */
    private int[] chosen(EncodedText input, Draws draws) {
        List<int[]> units = units(input);
        int tokens = units.stream().mapToInt(unit -> unit[1] - unit[0]).sum();
        int wanted = Math.max(1, (int) Math.round(share * tokens));
        for (int i = units.size() - 1; i > 0; i--) {
            int j = draws.below(i + 1);
            int[] swapped = units.get(i);
            units.set(i, units.get(j));
            units.set(j, swapped);
        }
        List<Integer> chosen = new ArrayList<>();
        for (int[] unit : units) {
            if (chosen.size() + unit[1] - unit[0] <= wanted) {
                for (int at = unit[0]; at < unit[1]; at++) {
                    chosen.add(at);
                }
            }
        }
        if (chosen.isEmpty() && !units.isEmpty()) {
            // only words longer than the share: one of them all the same
            for (int at = units.getFirst()[0]; at < units.getFirst()[1]; at++) {
                chosen.add(at);
            }
        }
        return chosen.stream().mapToInt(Integer::intValue).sorted().toArray();
    }

    /** First token and the one behind the last of what is chosen together. */
    private List<int[]> units(EncodedText input) {
        List<int[]> units = new ArrayList<>();
        for (int at = 0; at < input.length(); at++) {
            if (input.isSpecial(at)) {
                continue;
            }
            boolean goesOn = wholeWords && at > 0 && input.parts()[at - 1] == input.parts()[at] && input.words()[at - 1] == input.words()[at];
            if (goesOn) {
                units.getLast()[1]++;
            } else {
                units.add(new int[] {at, at + 1});
            }
        }
        return units;
    }

    /** SplitMix64. */
    private static final class Draws {
        private long state;

        Draws(long state) {
            this.state = state;
        }

        /** In [0, 1). */
        double next() {
            state += GOLDEN;
            return (Mix.mix(state) >>> 11) * 0x1p-53;
        }

        int below(int bound) {
            return (int) (next() * bound);
        }
    }
}
