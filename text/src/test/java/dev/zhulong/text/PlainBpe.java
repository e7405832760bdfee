package dev.zhulong.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** BPE as a textbook has it, slow and apart from the product code: each merge counts, or looks for, every pair anew. */
final class PlainBpe {
    private record Pair(int left, int right) {
    }

    private PlainBpe() {
    }

    static List<BpeVocabulary.Merge> train(int size, List<String> texts, PreTokenizer preTokenizer, int specials) {
        List<List<Integer>> words = new ArrayList<>();
        for (String text : texts) {
            words.addAll(cut(text, preTokenizer, specials, 64));
        }
        Map<List<Integer>, Integer> known = new HashMap<>();
        Map<Integer, List<Integer>> bytes = new HashMap<>();
        for (int b = 0; b < 256; b++) {
            bytes.put(specials + b, List.of(b));
        }
        List<BpeVocabulary.Merge> merges = new ArrayList<>();
        while (bytes.size() + specials < size) {
            Map<Pair, Integer> counts = new HashMap<>();
            for (List<Integer> word : words) {
                for (int i = 0; i + 1 < word.size(); i++) {
                    counts.merge(new Pair(word.get(i), word.get(i + 1)), 1, Integer::sum);
                }
            }
            Pair best = null;
            for (Pair pair : counts.keySet()) {
                int more = best == null ? 1 : Integer.compare(counts.get(pair), counts.get(best));
                if (more > 0 || more == 0 && (pair.left < best.left || pair.left == best.left && pair.right < best.right)) {
                    best = pair;
                }
            }
            if (best == null || counts.get(best) < 2) {
                break;
            }
            List<Integer> joined = new ArrayList<>(bytes.get(best.left));
            joined.addAll(bytes.get(best.right));
            int fresh = bytes.size() + specials;
            int result = known.computeIfAbsent(joined, key -> fresh);
            bytes.putIfAbsent(result, joined);
            merges.add(new BpeVocabulary.Merge(best.left, best.right, result));
            for (List<Integer> word : words) {
                replace(word, best, result);
            }
        }
        return merges;
    }

    static int[] encode(BpeVocabulary vocabulary, String text) {
        List<Integer> out = new ArrayList<>();
        for (List<Integer> word : cut(text, vocabulary.preTokenizer(), vocabulary.specials().size(), Integer.MAX_VALUE)) {
            for (BpeVocabulary.Merge merge : vocabulary.merges()) {
                replace(word, new Pair(merge.left(), merge.right()), merge.result());
            }
            out.addAll(word);
        }
        return out.stream().mapToInt(id -> id).toArray();
    }

    private static void replace(List<Integer> word, Pair pair, int result) {
        for (int i = 0; i + 1 < word.size(); i++) {
            if (word.get(i) == pair.left && word.get(i + 1) == pair.right) {
                word.set(i, result);
                word.remove(i + 1);
            }
        }
    }

    private static List<List<Integer>> cut(String text, PreTokenizer preTokenizer, int specials, int longest) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        List<List<Integer>> words = new ArrayList<>();
        for (int p = 0; p < utf8.length;) {
            int end = preTokenizer.end(utf8, p, utf8.length);
            while (p < end) {
                int to = Math.min(end, (int) Math.min(Integer.MAX_VALUE, (long) p + longest));
                while (to < end && (utf8[to] & 0xC0) == 0x80) {
                    to--;
                }
                List<Integer> word = new ArrayList<>();
                for (; p < to; p++) {
                    word.add(specials + (utf8[p] & 0xFF));
                }
                words.add(word);
            }
        }
        return words;
    }
}
