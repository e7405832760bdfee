package dev.zhulong.evaluate.text;

import java.util.Arrays;

/**
 * The number of edits between a hypothesis and a reference when shifting a sequence of words costs as much as one word's edit. Finding the
 * fewest is NP-hard; this is Tercom's greedy search with its limits, in the order of preference sacreBLEU 2.6.0 gives it: as long as some
 * shift shortens the edit distance, the one that shortens it most is made.
 */
final class ShiftedEdits {
    private static final int LONGEST_SHIFT = 10;
    private static final int FARTHEST_SHIFT = 50;
    private static final int MOST_CANDIDATES = 1000;

    private final int[] reference;
    private final BeamEditDistance distance;
    private int candidates;

    // the best shift of a round
    private int[] best;
    private int bestGain;
    private int bestLength;
    private int bestStart;
    private int bestTarget;

    private ShiftedEdits(int[] reference) {
        this.reference = reference;
        this.distance = new BeamEditDistance(reference);
    }

    static int count(int[] hypothesis, int[] reference) {
        return reference.length == 0 ? hypothesis.length : new ShiftedEdits(reference).count(hypothesis);
    }

    private int count(int[] hypothesis) {
        int[] words = hypothesis;
        int shifts = 0;
        while (true) {
            best = null;
            findBest(words);
            // the last round of an exhausted search is thrown away, not applied
            if (candidates >= MOST_CANDIDATES || best == null || bestGain <= 0) {
                return shifts + distance.of(words);
            }
            shifts++;
            words = best;
        }
    }

    private void findBest(int[] words) {
        int before = distance.of(words);
        Alignment alignment = Alignment.of(distance.trace(), words.length, reference.length);
        for (int start = 0; start < words.length; start++) {
            int from = Math.max(0, start - FARTHEST_SHIFT);
            int to = Math.min(reference.length - 1, start + FARTHEST_SHIFT);
            for (int goal = from; goal <= to; goal++) {
                for (int length = 1; length <= LONGEST_SHIFT && start + length <= words.length && goal + length <= reference.length
                        && words[start + length - 1] == reference[goal + length - 1]; length++) {
                    if (!alignment.worthShifting(start, goal, length)) {
                        continue;
                    }
                    tryTargets(words, before, alignment, start, goal, length);
                    if (candidates >= MOST_CANDIDATES) {
                        return;
                    }
                }
            }
        }
    }

    private void tryTargets(int[] words, int before, Alignment alignment, int start, int goal, int length) {
        int previous = -1;
        for (int offset = -1; offset < length; offset++) {
            int target = goal + offset == -1 ? 0 : alignment.hypothesisAt[goal + offset] + 1;
            if (target == previous) {
                continue;
            }
            previous = target;
            int[] shifted = shift(words, start, length, target);
            candidates++;
            offer(before - distance.of(shifted), length, start, target, shifted);
        }
    }

    /** Highest gain first, then the longest, the earliest, the one that goes to the earliest place. */
    private void offer(int gain, int length, int start, int target, int[] shifted) {
        int order = Integer.compare(gain, bestGain);
        order = order != 0 ? order : Integer.compare(length, bestLength);
        order = order != 0 ? order : Integer.compare(bestStart, start);
        order = order != 0 ? order : Integer.compare(bestTarget, target);
        if (best == null || order > 0) {
            best = shifted;
            bestGain = gain;
            bestLength = length;
            bestStart = start;
            bestTarget = target;
        }
    }

    private static int[] shift(int[] words, int start, int length, int target) {
        int[] out = new int[words.length];
        int end = start + length;
        if (target < start) {
            System.arraycopy(words, 0, out, 0, target);
            System.arraycopy(words, start, out, target, length);
            System.arraycopy(words, target, out, target + length, start - target);
            System.arraycopy(words, end, out, end, words.length - end);
            return out;
        }
        // a target within the sequence counts from behind it; past the end of the hypothesis there is nothing to jump over
        int over = Math.min(words.length, target > end ? target : length + target);
        System.arraycopy(words, 0, out, 0, start);
        System.arraycopy(words, end, out, start, over - end);
        System.arraycopy(words, start, out, start + over - end, length);
        System.arraycopy(words, over, out, over, words.length - over);
        return out;
    }

    /** Which words stand for which, and which are wrong, by one shortest sequence of edits. */
    private record Alignment(int[] hypothesisAt, boolean[] referenceWrong, boolean[] hypothesisWrong) {
        static Alignment of(byte[] trace, int hypothesisLength, int referenceLength) {
            int[] hypothesisAt = new int[referenceLength];
            boolean[] referenceWrong = new boolean[referenceLength];
            boolean[] hypothesisWrong = new boolean[hypothesisLength];
            int h = -1;
            int r = -1;
            for (byte op : trace) {
                boolean wrong = op != BeamEditDistance.KEEP;
                if (op != BeamEditDistance.INSERT) {
                    hypothesisWrong[++h] = wrong;
                }
                if (op != BeamEditDistance.DELETE) {
                    referenceWrong[++r] = wrong;
                    hypothesisAt[r] = h;
                }
            }
            return new Alignment(hypothesisAt, referenceWrong, hypothesisWrong);
        }

        /** Both sides must be wrong somewhere, and the words must not go to where they are. */
        boolean worthShifting(int start, int goal, int length) {
            return any(hypothesisWrong, start, length) && any(referenceWrong, goal, length)
                    && (hypothesisAt[goal] < start || hypothesisAt[goal] >= start + length);
        }

        private static boolean any(boolean[] wrong, int from, int length) {
            for (int i = from; i < from + length; i++) {
                if (wrong[i]) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public String toString() {
            return "Alignment" + Arrays.toString(hypothesisAt);
        }
    }
}
