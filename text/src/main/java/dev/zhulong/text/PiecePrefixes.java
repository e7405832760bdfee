package dev.zhulong.text;

import java.util.Comparator;
import java.util.List;

/**
 * Which pieces a text goes on with: pieces in the order of their units, of which each further unit of the text leaves fewer. It holds nothing beside them and
 * stops with the last piece that could be meant, however long others are.
 */
final class PiecePrefixes {
    private final String[] texts;
    private final int[] ids;

    /** @param chosen ids of the pieces that there are */
    PiecePrefixes(SentencePieceModel model, List<Integer> chosen) {
        List<Integer> sorted = chosen.stream().sorted(Comparator.comparing((Integer id) -> model.pieces().get(id).text())).toList();
        texts = sorted.stream().map(id -> model.pieces().get(id).text()).toArray(String[]::new);
        ids = sorted.stream().mapToInt(Integer::intValue).toArray();
    }

    /** Takes a piece that a text goes on with. */
    @FunctionalInterface
    interface Found {
        void piece(int id, int length);
    }

    /** All of them, the shortest first. */
    void each(String text, int from, Found found) {
        int low = 0;
        int high = texts.length;
        for (int length = 1; from + length <= text.length() && low < high; length++) {
            char c = text.charAt(from + length - 1);
            low = first(low, high, length - 1, c);
            high = first(low, high, length - 1, c + 1);
            if (low < high && texts[low].length() == length) {
                found.piece(ids[low], length);
            }
        }
    }

    /** Units of the longest, or 0. */
    int longest(String text, int from) {
        int[] longest = {0};
        each(text, from, (id, length) -> longest[0] = length);
        return longest[0];
    }

    /** The first of the pieces from {@code low} to {@code high}, alike before {@code at}, whose unit there is at least {@code unit}; shorter ones come before. */
    private int first(int low, int high, int at, int unit) {
        int from = low;
        int to = high;
        while (from < to) {
            int middle = from + to >>> 1;
            if (texts[middle].length() <= at || texts[middle].charAt(at) < unit) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        return from;
    }
}
