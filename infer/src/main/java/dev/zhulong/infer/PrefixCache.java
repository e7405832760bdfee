package dev.zhulong.infer;

import dev.zhulong.infer.PagedKv.Page;
import java.io.IOException;
import java.nio.IntBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * What was read of all sequences, in a tree of pages: a path from a root spells tokens, a page at a step, of which the last may not be full. Each salt has a root of its own. Pages
 * that no sequence uses go, those unused longest first and never before what they lead to. One thread's.
 */
final class PrefixCache implements AutoCloseable {
    /** A page and the tokens in it, after those of the nodes above. */
    static final class Node {
        private final Node parent;
        private final IntBuffer tokens;
        private final Page page;
        private final Map<IntBuffer, Node> children = new HashMap<>();
        /** Sequences that run on this page. */
        private int users;
        private boolean live = true;

        private Node(Node parent, IntBuffer tokens, Page page) {
            this.parent = parent;
            this.tokens = tokens;
            this.page = page;
        }
    }

    private final int pageTokens;
    private final Map<String, Node> roots = new HashMap<>();
    /** Nodes without users that lead to no other, unused longest first. */
    private final LinkedHashSet<Node> idle = new LinkedHashSet<>();
    private int pages;

    PrefixCache(int pageTokens) {
        this.pageTokens = pageTokens;
    }

    int pages() {
        return pages;
    }

    /** How many whole pages at the beginning of {@code ids}, the last token left out, are here. */
    int match(String salt, int[] ids) {
        return find(salt, ids).size();
    }

    private List<Node> find(String salt, int[] ids) {
        List<Node> path = new ArrayList<>();
        Node node = roots.get(salt);
        while (node != null && (path.size() + 1) * pageTokens < ids.length && (node = node.children.get(chunk(ids, path.size()))) != null) {
            path.add(node);
        }
        return path;
    }

    /** The nodes that {@link #match} counts, to be used until {@link #release}. */
    List<Node> use(String salt, int[] ids) {
        List<Node> path = find(salt, ids);
        path.forEach(this::use);
        return path;
    }

    /**
     * Pages a sequence begins with, and the ids that are read in them. Of the last page some may be others than the sequence's: the cache is to be cut to
     * what it has in common with it.
     */
    record Beginning(List<Page> pages, int[] ids) {}

    /** The pages of a path, and behind them the one here that goes on most like {@code ids}, where it goes on like them at all. */
    Beginning beginning(String salt, List<Node> path, int[] ids) {
        List<Page> pages = new ArrayList<>(path.stream().map(node -> node.page).toList());
        int from = path.size() * pageTokens;
        Node above = path.isEmpty() ? roots.get(salt) : path.getLast();
        Node best = null;
        int most = 0;
        if (above != null) {
            for (Node child : above.children.values()) {
                int common = common(child, ids, from);
                if (common > most) {
                    most = common;
                    best = child;
                }
            }
        }
        if (best == null) {
            return new Beginning(pages, Arrays.copyOf(ids, from));
        }
        if (idle.remove(best)) {
            // used just now
            idle.add(best);
        }
        pages.add(best.page);
        // of a page that is not full, what lies behind its tokens is as if another's
        int[] begun = Arrays.copyOf(ids, from + pageTokens);
        Arrays.fill(begun, from, begun.length, -1);
        for (int i = 0; i < best.tokens.limit(); i++) {
            begun[from + i] = best.tokens.get(i);
        }
        return new Beginning(pages, begun);
    }

    /** How many of a node's tokens are those of {@code ids} from {@code from} on, the last id left out. */
    private static int common(Node node, int[] ids, int from) {
        int n = Math.min(node.tokens.limit(), ids.length - 1 - from);
        int i = 0;
        while (i < n && node.tokens.get(i) == ids[from + i]) {
            i++;
        }
        return i;
    }

    /** Keeps what a sequence that ends has read behind its path, less than a page, unless as much is here. */
    void keepRest(String salt, List<Node> path, int[] ids, PagedKv cache) {
        Node above = path.isEmpty() ? roots.computeIfAbsent(salt, s -> new Node(null, null, null)) : path.getLast();
        int from = path.size() * pageTokens;
        if (above.children.values().stream().anyMatch(child -> common(child, Arrays.copyOf(ids, ids.length + 1), from) == ids.length - from)) {
            return;
        }
        IntBuffer tokens = IntBuffer.wrap(Arrays.copyOfRange(ids, from, ids.length));
        add(above, tokens, cache.hold(path.size()));
    }

    /**
     * Adds to a path, used, the next page of {@code ids} as it lies in a cache.
     *
     * @return whether the page was not here before
     */
    boolean extend(String salt, List<Node> path, int[] ids, PagedKv cache) {
        Node above = path.isEmpty() ? roots.computeIfAbsent(salt, s -> new Node(null, null, null)) : path.getLast();
        Node known = above.children.get(chunk(ids, path.size()));
        if (known != null) {
            use(known);
            path.add(known);
            return false;
        }
        IntBuffer tokens = IntBuffer.wrap(Arrays.copyOfRange(ids, path.size() * pageTokens, (path.size() + 1) * pageTokens));
        Node node = add(above, tokens, cache.hold(path.size()));
        use(node);
        path.add(node);
        return true;
    }

    private void use(Node node) {
        node.users++;
        idle.remove(node);
    }

    /** The nodes of a path are no longer used by one who used them. */
    void release(List<Node> path) {
        for (Node node : path.reversed()) {
            node.users--;
            restIfIdle(node);
        }
        path.clear();
    }

    private void restIfIdle(Node node) {
        if (node.users == 0 && node.children.isEmpty() && node.parent != null) {
            idle.add(node);
        }
    }

    /** Lets the page go that was unused longest; false if all are in use. */
    boolean evict() {
        if (idle.isEmpty()) {
            return false;
        }
        Node node = idle.removeFirst();
        node.parent.children.remove(node.tokens);
        node.live = false;
        node.page.close();
        pages--;
        restIfIdle(node.parent);
        if (node.parent.parent == null && node.parent.children.isEmpty()) {
            roots.values().remove(node.parent);
        }
        return true;
    }

    private IntBuffer chunk(int[] ids, int page) {
        return IntBuffer.wrap(ids, page * pageTokens, pageTokens).slice();
    }

    /** Gets nodes, each after the one above it; those used last come last. */
    interface Visitor {
        /**
         * @param above a number that a node before had, in the order they come, from 0; negative for the first page of a salt
         * @param salt  of the first page; null of others
         */
        void visit(int above, String salt, IntBuffer tokens, Page page) throws IOException;
    }

    /** Of the pages that no sequence uses, and those that lead to them. */
    void visit(Visitor visitor) throws IOException {
        Map<Node, String> salts = new HashMap<>();
        roots.forEach((salt, root) -> salts.put(root, salt));
        Map<Node, Integer> numbers = new HashMap<>();
        for (Node leaf : idle) {
            var path = new ArrayDeque<Node>();
            for (Node node = leaf; node.parent != null && !numbers.containsKey(node); node = node.parent) {
                path.push(node);
            }
            for (Node node : path) {
                numbers.put(node, numbers.size());
                visitor.visit(numbers.getOrDefault(node.parent, -1), salts.get(node.parent), node.tokens.duplicate(), node.page);
            }
        }
    }

    /**
     * Adds a page, which this closes from now on.
     *
     * @param above its tokens follow; null for none
     * @param salt  where {@code above} is null
     * @return null, and the page is closed, where the one above is no longer here or has such a page
     */
    Node add(Node above, String salt, int[] tokens, Page page) {
        Node parent = above == null ? roots.computeIfAbsent(salt, s -> new Node(null, null, null)) : above;
        IntBuffer key = IntBuffer.wrap(tokens);
        if (!parent.live || parent.children.containsKey(key)) {
            page.close();
            return null;
        }
        return add(parent, key, page);
    }

    private Node add(Node above, IntBuffer tokens, Page page) {
        var node = new Node(above, tokens, page);
        idle.remove(above);
        above.children.put(tokens, node);
        pages++;
        restIfIdle(node);
        return node;
    }

    /** Lets all pages go. */
    @Override
    public void close() {
        while (evict()) { }
    }
}
