package dev.zhulong.text;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;
import java.util.Optional;

/**
 * SentencePiece's compiled normalizer ({@code precompiled_charsmap}): the size of a double-array trie in bytes, the trie, and the texts that its values
 * point to, each ended by a zero. The tokenizers library (crate {@code spm_precompiled}) follows it without looking where it leads.
 */
final class PrecompiledCharsmap {
    private final byte[] compiled;
    private final int[] trie;
    private final byte[] texts;

    private PrecompiledCharsmap(byte[] compiled, int[] trie, byte[] texts) {
        this.compiled = compiled;
        this.trie = trie;
        this.texts = texts;
    }

    /** Whether no text leads the library outside of the tables that {@code base64} holds. */
    static boolean isSound(String base64) {
        try {
            return of(Base64.getDecoder().decode(base64)).isPresent();
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** The normalizer that {@code compiled} holds; empty where a text could lead outside of its tables. */
    static Optional<PrecompiledCharsmap> of(byte[] compiled) {
        ByteBuffer bytes = ByteBuffer.wrap(compiled).order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.remaining() < 8) {
            return Optional.empty();
        }
        long size = bytes.getInt() & 0xFFFFFFFFL;
        if (size < 4 || size % 4 != 0 || size > bytes.remaining()) {
            return Optional.empty();
        }
        int[] trie = new int[(int) (size / 4)];
        bytes.asIntBuffer().get(trie);
        byte[] texts = new byte[bytes.remaining() - (int) size];
        bytes.position(bytes.position() + (int) size).get(texts);
        var map = new PrecompiledCharsmap(compiled, trie, texts);
        return map.isSound() ? Optional.of(map) : Optional.empty();
    }

    /** As files hold it. */
    byte[] compiled() {
        return compiled.clone();
    }

    /**
     * What stands for the beginning of a text.
     *
     * @param length bytes of the text that it stands for
     */
    record Replacement(int length, String text) {}

    /** The replacement of the longest beginning of {@code utf8} from {@code from} on that has one, or null. */
    Replacement longest(byte[] utf8, int from) {
        int length = 0;
        int value = 0;
        int node = offset(trie[0]);
        for (int at = from; at < utf8.length; at++) {
            int c = utf8[at] & 0xFF;
            node ^= c;
            if (c == 0 || node >= trie.length || (trie[node] & 0x800000FF) != c) {
                break;
            }
            boolean leaf = (trie[node] >>> 8 & 1) == 1;
            node ^= offset(trie[node]);
            if (leaf) {
                length = at + 1 - from;
                value = trie[node] & Integer.MAX_VALUE;
            }
        }
        if (length == 0) {
            return null;
        }
        int end = value;
        while (end < texts.length && texts[end] != 0) {
            end++;
        }
        return new Replacement(length, new String(texts, value, end - value, StandardCharsets.UTF_8));
    }

    private boolean isSound() {
        BitSet seen = new BitSet();
        Deque<Integer> bases = new ArrayDeque<>();
        int root = offset(trie[0]);
        if (root < 0 || root >= trie.length) {
            return false;
        }
        seen.set(root);
        bases.add(root);
        while (!bases.isEmpty()) {
            int base = bases.poll();
            for (int c = 1; c < 256; c++) {
                int at = base ^ c;
                if (at >= trie.length) {
                    return false;
                }
                // a label that is a byte and no value, which has the highest bit
                if ((trie[at] & 0x800000FF) != c) {
                    continue;
                }
                int next = at ^ offset(trie[at]);
                if (next < 0 || next >= trie.length || (trie[at] >>> 8 & 1) == 1 && !isText(trie[next] & Integer.MAX_VALUE)) {
                    return false;
                }
                if (!seen.get(next)) {
                    seen.set(next);
                    bases.add(next);
                }
            }
        }
        return true;
    }

    private static int offset(int unit) {
        return unit >>> 10 << ((unit & 1 << 9) >>> 6);
    }

    /** Whether a character begins there, or the texts end. */
    private boolean isText(int at) {
        return at == texts.length || at < texts.length && (texts[at] & 0xC0) != 0x80;
    }
}
