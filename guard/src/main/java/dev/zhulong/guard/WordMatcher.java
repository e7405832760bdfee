package dev.zhulong.guard;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds all of many words in one pass (Aho and Corasick 1975). Words of scripts that write spaces are found as whole words, others anywhere.
 */
final class WordMatcher {
    /** A place in the tree of all words. */
    private static final class Node {
        private final Map<Character, Node> next = new HashMap<>();
        private final int depth;
        private Node fail;
        /** The nearest node on the way of failures that ends a word; this one where it does. */
        private Node ends;
        private final List<String> rules = new ArrayList<>();

        Node(int depth) {
            this.depth = depth;
        }
    }

    private final Node root = new Node(0);

    /** @param words by rule, folded as the text will be */
    WordMatcher(Map<String, ? extends Collection<String>> words) {
        root.fail = root;
        words.forEach((rule, list) -> list.stream().filter(word -> !word.isBlank()).distinct().forEach(word -> {
            Node node = root;
            for (char c : word.toCharArray()) {
                int depth = node.depth + 1;
                node = node.next.computeIfAbsent(c, _ -> new Node(depth));
            }
            node.rules.add(rule);
        }));
        Deque<Node> queue = new ArrayDeque<>();
        for (Node child : root.next.values()) {
            child.fail = root;
            queue.add(child);
        }
        while (!queue.isEmpty()) {
            Node node = queue.poll();
            node.ends = node.rules.isEmpty() ? node.fail.ends : node;
            node.next.forEach((c, child) -> {
                child.fail = step(node.fail, c);
                queue.add(child);
            });
        }
    }

    private Node step(Node from, char c) {
        Node node = from;
        while (node != root && !node.next.containsKey(c)) {
            node = node.fail;
        }
        return node.next.getOrDefault(c, root);
    }

    Finder finder(FoldedText text) {
        return new Scan(text);
    }

    private final class Scan implements Finder {
        private final FoldedText text;
        private Node node = root;
        /** Found, but whole words only where what follows is none of their characters. */
        private final List<Found> awaiting = new ArrayList<>();
        private int at;

        Scan(FoldedText text) {
            this.text = text;
        }

        @Override
        public void next(List<Found> found) {
            char c = text.charAt(at);
            settle(Folding.isWordCharacter(c), found);
            node = step(node, c);
            at++;
            for (Node end = node.ends; end != null; end = end.fail.ends) {
                int begin = at - end.depth;
                boolean inside = begin > 0 && Folding.isWordCharacter(text.charAt(begin)) && Folding.isWordCharacter(text.charAt(begin - 1));
                if (!inside) {
                    for (String rule : end.rules) {
                        (Folding.isWordCharacter(c) ? awaiting : found).add(new Found(rule, begin, at));
                    }
                }
            }
        }

        private void settle(boolean goesOn, List<Found> found) {
            if (!goesOn) {
                found.addAll(awaiting);
            }
            awaiting.clear();
        }

        @Override
        public void finish(List<Found> found) {
            settle(false, found);
            node = root;
        }

        @Override
        public int open() {
            int open = at - node.depth;
            for (Found each : awaiting) {
                open = Math.min(open, each.begin());
            }
            return open;
        }
    }
}
