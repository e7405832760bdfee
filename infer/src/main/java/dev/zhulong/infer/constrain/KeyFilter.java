package dev.zhulong.infer.constrain;

import java.util.HashMap;
import java.util.Map;

/** Takes the tokens that would write a key again out of masks. */
final class KeyFilter {
    private static final int MOST_QUOTES = 3;

    /** By the number of quotes they have at least, from 0: the tokens that have them. */
    private final Map<TokenTrie, int[][]> quoted = new HashMap<>();

    KeyFilter(TokenTrie... tries) {
        for (TokenTrie trie : tries) {
            quoted.computeIfAbsent(trie, each -> {
                int[][] lists = new int[MOST_QUOTES + 1][];
                for (int quotes = 1; quotes <= MOST_QUOTES; quotes++) {
                    lists[quotes] = each.holding((byte) '"', quotes);
                }
                return lists;
            });
        }
    }

    /** The mask without them; itself where there are none. */
    long[] filter(long[] mask, ObjectKeys keys, TokenTrie trie) {
        long[] filtered = mask;
        for (int id : quoted.get(trie)[keys.quotesToRepeat()]) {
            if ((mask[id >> 6] >>> id & 1) != 0 && keys.after(trie.bytes(id)) == null) {
                filtered = filtered == mask ? mask.clone() : filtered;
                filtered[id >> 6] &= ~(1L << id);
            }
        }
        return filtered;
    }
}
