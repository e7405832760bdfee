package dev.zhulong.text;

import java.util.Arrays;
import java.util.List;

/**
 * A trained byte-level BPE vocabulary. Ids: the special tokens in their order, then the 256 bytes in byte order, then merged tokens in the
 * order they were first made.
 *
 * @param preTokenizer what texts are cut into before merging
 * @param specials     control tokens, ids 0 and up
 * @param merges       in rank order
 */
public record BpeVocabulary(PreTokenizer preTokenizer, List<String> specials, List<Merge> merges) implements TrainedVocabulary {
    /** {@code left} and {@code right} become {@code result}, an id that an earlier merge may already have made. */
    public record Merge(int left, int right, int result) {
    }

    public BpeVocabulary {
        specials = List.copyOf(specials);
        merges = List.copyOf(merges);
    }

    @Override
    public int size() {
        return 1 + merges.stream().mapToInt(Merge::result).max().orElse(specials.size() + 255);
    }

    /** Bytes of each id, {@code [size][]}; empty for the specials. */
    byte[][] bytes() {
        byte[][] out = new byte[size()][0];
        for (int b = 0; b < 256; b++) {
            out[specials.size() + b] = new byte[] {(byte) b};
        }
        for (Merge merge : merges) {
            byte[] left = out[merge.left()];
            byte[] joined = Arrays.copyOf(left, left.length + out[merge.right()].length);
            System.arraycopy(out[merge.right()], 0, joined, left.length, joined.length - left.length);
            out[merge.result()] = joined;
        }
        return out;
    }
}
