package dev.zhulong.infer;

import dev.zhulong.infer.PagedKv.Page;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * What was read of all sequences, in a tree of full pages: a path from a root spells tokens, a page at a step. Each salt has a root of its own. Pages
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

    static List<Page> pages(List<Node> path) {
        return path.stream().map(node -> node.page).toList();
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
        var node = new Node(above, tokens, cache.hold(path.size()));
        idle.remove(above);
        above.children.put(tokens, node);
        pages++;
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

    /** Lets all pages go. */
    @Override
    public void close() {
        while (evict()) { }
    }
}
