package dev.zhulong.infer.constrain;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The texts of a vocabulary as a tree of bytes, laid out in the order of a walk through it: a node's subtree lies right behind it. Node 0 is
 * the root. Tokens without bytes are not in it.
 */
final class TokenTrie {
    private static final byte[] NONE = {};

    private final byte[][] bytes;
    private final int deepest;
    private final byte[] labels;
    private final int[] depths;
    private final int[] ends;
    private final int[] tokenStarts;
    private final int[] tokens;

    /** @param bytes by id; empty or null for tokens that are never allowed */
    TokenTrie(byte[][] bytes) {
        this.bytes = bytes;
        tokens = IntStream.range(0, bytes.length).filter(id -> bytes[id] != null && bytes[id].length > 0).boxed()
                .sorted((a, b) -> Arrays.compareUnsigned(bytes[a], bytes[b])).mapToInt(id -> id).toArray();
        int nodes = 1;
        int longest = 0;
        byte[] before = NONE;
        for (int id : tokens) {
            nodes += bytes[id].length - shared(before, bytes[id]);
            longest = Math.max(longest, bytes[id].length);
            before = bytes[id];
        }
        deepest = longest;
        labels = new byte[nodes];
        depths = new int[nodes];
        ends = new int[nodes];
        tokenStarts = new int[nodes + 1];
        fill(new int[longest + 1]);
    }

    private void fill(int[] path) {
        int node = 0;
        int depth = 0;
        byte[] before = NONE;
        for (int i = 0; i < tokens.length; i++) {
            byte[] token = bytes[tokens[i]];
            int common = shared(before, token);
            for (; depth > common; depth--) {
                ends[path[depth]] = node + 1;
            }
            for (; depth < token.length; depth++) {
                labels[++node] = token[depth];
                depths[node] = depth + 1;
                path[depth + 1] = node;
                tokenStarts[node] = i;
            }
            tokenStarts[node + 1] = i + 1;
            before = token;
        }
        for (; depth >= 0; depth--) {
            ends[path[depth]] = node + 1;
        }
    }

    private static int shared(byte[] a, byte[] b) {
        int mismatch = Arrays.mismatch(a, b);
        return mismatch < 0 ? a.length : mismatch;
    }

    /** Bytes of a token, never null; the trie's own array. */
    byte[] bytes(int id) {
        return id < 0 || id >= bytes.length || bytes[id] == null ? NONE : bytes[id];
    }

    /** Bits a mask needs. */
    int vocabSize() {
        return bytes.length;
    }

    int deepest() {
        return deepest;
    }

    int label(int node) {
        return labels[node] & 0xff;
    }

    int depth(int node) {
        return depths[node];
    }

    /** The first node behind the subtree of {@code node}. */
    int end(int node) {
        return ends[node];
    }

    /** Sets the bits of the tokens that end at {@code node}. */
    void mark(int node, long[] mask) {
        for (int i = tokenStarts[node]; i < tokenStarts[node + 1]; i++) {
            mask[tokens[i] >> 6] |= 1L << tokens[i];
        }
    }

    /** Tokens with at least {@code count} times the byte {@code b}. */
    int[] holding(byte b, int count) {
        return Arrays.stream(tokens).filter(id -> {
            int found = 0;
            for (byte each : bytes[id]) {
                found += each == b ? 1 : 0;
            }
            return found >= count;
        }).toArray();
    }

}
