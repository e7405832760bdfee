package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Grammar.Edge;
import dev.zhulong.infer.constrain.Grammar.Rule;
import dev.zhulong.infer.constrain.Grammar.State;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Follows a grammar byte by byte. A node is the set of all places the grammar may be at after some text, each with the calls it has to come
 * back from; nodes and what leads from one to the next are made when they are first needed and kept, up to a bound. From every node an end
 * can be reached: places from which none can, within the bound of nested calls, are never entered.
 */
final class Automaton {
    private static final int MOST_NODES = 50_000;
    /** Of a node with its maps and keys, of a place in it, of a frame; and of a class of bytes in a node. */
    private static final int NODE_BYTES = 300;
    private static final int PLACE_BYTES = 40;
    private static final int FRAME_BYTES = 100;
    private static final int CLASS_BYTES = 8;
    /** Of one text; more come only of alternatives that stay alike over many levels of nesting. */
    private static final int MOST_PLACES = 10_000;
    /** Marks a step that leads nowhere, so that it is not looked for again. */
    private static final Node NOWHERE = new Node(List.of(), false, false, 0, 0);

    /** Where a call comes back to: one object for one stack of calls. */
    private static final class Frame {
        /** Null in a frame of which only the depth is known. */
        final State after;
        final Frame parent;
        final int depth;
        final int number;

        Frame(State after, Frame parent, int depth, int number) {
            this.after = after;
            this.parent = parent;
            this.depth = depth;
            this.number = number;
        }
    }

    private record FrameKey(State after, Frame parent, int depth) {}

    private record Place(State state, Frame frame) {}

    private record NodeKey(List<Place> places, boolean mayEnd, boolean leaves) {}

    /** What can be said of a set of places in one frame without knowing the frame: tokens that stay, and where in the trie it is left. */
    private record Inner(long[] mask, int[] leaves) {}

    /** A set of places. */
    static final class Node {
        private final List<Place> places;
        private final boolean mayEnd;
        /** Whether the frame of which only the depth is known may be left here. */
        private final boolean leaves;
        private final int generation;
        private final Node[] next;
        private final Map<TokenTrie, long[]> masks = new HashMap<>(2);
        private final Map<TokenTrie, Inner> inner = new HashMap<>(2);

        private Node(List<Place> places, boolean mayEnd, boolean leaves, int generation, int classes) {
            this.places = places;
            this.mayEnd = mayEnd;
            this.leaves = leaves;
            this.generation = generation;
            this.next = new Node[classes];
        }

        /** Whether the text may end here. */
        boolean mayEnd() {
            return mayEnd;
        }
    }

    private final int deepest;
    private final int[] classOf = new int[256];
    private final int[] firstOfClass;
    private final Map<FrameKey, Frame> frames = new HashMap<>();
    private final Map<NodeKey, Node> nodes = new HashMap<>();
    private final List<Place> startPlaces;
    private int generation;
    private int frameCount;
    private final long grammarBytes;
    /** Of what is kept. */
    private long keptBytes;

    /** @param extraDepth how many more calls within calls than needed are allowed */
    Automaton(Grammar grammar, Rule root, int extraDepth) {
        deepest = root.height() + extraDepth;
        grammarBytes = grammar.bytes();
        var bounds = new TreeSet<>(Set.of(0));
        for (State state : grammar.states()) {
            for (Edge edge : state.edges) {
                bounds.add(edge.first());
                bounds.add(edge.last() + 1);
            }
        }
        bounds.remove(256);
        firstOfClass = bounds.stream().mapToInt(b -> b).toArray();
        for (int c = 0; c < firstOfClass.length; c++) {
            for (int b = firstOfClass[c]; b < (c + 1 < firstOfClass.length ? firstOfClass[c + 1] : 256); b++) {
                classOf[b] = c;
            }
        }
        startPlaces = List.of(new Place(root.start, null));
    }

    /** Before any text. */
    synchronized Node start() {
        return closed(startPlaces);
    }

    /** After one more byte; null where no text goes on so. */
    Node step(Node node, int b) {
        Node to = node.next[classOf[b]];
        if (to == null) {
            to = find(node, classOf[b]);
        }
        return to == NOWHERE ? null : to;
    }

    /** After {@code bytes}; null where no text goes on so. */
    Node step(Node node, byte[] bytes) {
        Node at = current(node);
        for (int i = 0; i < bytes.length && at != null; i++) {
            at = step(at, bytes[i] & 0xff);
        }
        return at;
    }

    /** What was kept is let go when it is too much; a node from before then has a twin among those made since. */
    private Node current(Node node) {
        synchronized (this) {
            return node.generation == generation ? node : closed(node.places, node.mayEnd, node.leaves);
        }
    }

    private synchronized Node find(Node node, int byteClass) {
        int b = firstOfClass[byteClass];
        var reached = new ArrayList<Place>();
        for (Place place : node.places) {
            for (Edge edge : place.state.edges) {
                if (edge.first() <= b && b <= edge.last()) {
                    reached.add(new Place(edge.to(), place.frame));
                }
            }
        }
        Node to = closed(reached);
        if (to.places.isEmpty() && !to.mayEnd && !to.leaves) {
            to = NOWHERE;
        }
        node.next[byteClass] = to;
        return to;
    }

    private Node closed(List<Place> reached) {
        return closed(reached, false, false);
    }

    /** The node of all places that {@code reached} leads to without a byte. */
    private Node closed(List<Place> reached, boolean mayEnd, boolean leaves) {
        var seen = new HashSet<Place>();
        var open = new ArrayList<Place>(reached);
        var kept = new ArrayList<Place>();
        boolean ends = mayEnd;
        boolean left = leaves;
        while (!open.isEmpty()) {
            Place place = open.removeLast();
            State state = place.state;
            Frame frame = place.frame;
            int depth = frame == null ? 0 : frame.depth;
            if (state.height > deepest - depth || !seen.add(place)) {
                continue;
            }
            if (!state.edges.isEmpty()) {
                kept.add(place);
            }
            if (seen.size() > MOST_PLACES) {
                throw new ConstraintException("the constraint can be at more than " + MOST_PLACES
                        + " places after the text so far: let the alternatives of the schema differ earlier");
            }
            for (State to : state.empty) {
                open.add(new Place(to, frame));
            }
            if (state.call != null && state.call.height() <= deepest - depth - 1 && state.after.height <= deepest - depth) {
                open.add(new Place(state.call.start, frame(state.after, frame, depth + 1)));
            }
            if (state.end) {
                if (frame == null) {
                    ends = true;
                } else if (frame.after == null) {
                    left = true;
                } else {
                    open.add(new Place(frame.after, frame.parent));
                }
            }
        }
        kept.sort(Comparator.<Place>comparingInt(place -> place.state.number)
                .thenComparingInt(place -> place.frame == null ? -1 : place.frame.number));
        return node(kept, ends, left);
    }

    private Node node(List<Place> places, boolean mayEnd, boolean leaves) {
        var key = new NodeKey(places, mayEnd, leaves);
        Node node = nodes.get(key);
        if (node == null) {
            makeRoom();
            node = new Node(List.copyOf(places), mayEnd, leaves, generation, firstOfClass.length);
            nodes.put(key, node);
            keptBytes += NODE_BYTES + (long) PLACE_BYTES * places.size() + (long) CLASS_BYTES * firstOfClass.length;
        }
        return node;
    }

    private void makeRoom() {
        if (nodes.size() >= MOST_NODES || keptBytes >= ConstraintMemory.MOST_KEPT) {
            nodes.clear();
            frames.clear();
            keptBytes = 0;
            generation++;
        }
    }

    /** Bytes of memory, as estimated. */
    synchronized long bytes() {
        return grammarBytes + keptBytes;
    }

    /** How many nodes are kept. */
    synchronized int nodes() {
        return nodes.size();
    }

    private Frame frame(State after, Frame parent, int depth) {
        return frames.computeIfAbsent(new FrameKey(after, parent, depth), key -> {
            keptBytes += FRAME_BYTES;
            return new Frame(after, parent, depth, frameCount++);
        });
    }

    /** The tokens of {@code trie} that can come next; kept with the node, not to be changed. */
    long[] mask(Node node, TokenTrie trie) {
        synchronized (this) {
            Node at = current(node);
            long[] mask = at.masks.get(trie);
            if (mask == null) {
                mask = newMask(trie);
                for (List<Place> group : byFrame(at.places)) {
                    add(group, trie, mask);
                }
                at.masks.put(trie, mask);
            }
            return mask;
        }
    }

    private static List<List<Place>> byFrame(List<Place> places) {
        Map<Frame, List<Place>> groups = new LinkedHashMap<>();
        places.forEach(place -> groups.computeIfAbsent(place.frame, _ -> new ArrayList<>()).add(place));
        return List.copyOf(groups.values());
    }

    /**
     * What places of one frame allow. Most tokens stay within the frame, and which do does not depend on it: that walk through the
     * whole vocabulary is shared by all frames. Only behind the places where the frame is left is it walked on in this frame.
     */
    private void add(List<Place> group, TokenTrie trie, long[] mask) {
        Frame frame = group.getFirst().frame;
        boolean calls = group.stream().anyMatch(place -> place.state.calls);
        Frame unknown = frame(null, null, calls && frame != null ? frame.depth : 0);
        Node alone = node(group.stream().map(place -> new Place(place.state, unknown)).toList(), false, false);
        Inner inner = alone.inner.get(trie);
        if (inner == null) {
            long[] stays = newMask(trie);
            int[] leaves = walk(alone, trie, 0, stays);
            inner = new Inner(stays, leaves);
            alone.inner.put(trie, inner);
            keptBytes += (long) Integer.BYTES * leaves.length;
        }
        for (int i = 0; i < mask.length; i++) {
            mask[i] |= inner.mask[i];
        }
        if (inner.leaves.length > 0) {
            Node behind = frame == null ? null : closed(List.of(new Place(frame.after, frame.parent)));
            for (int node : inner.leaves) {
                trie.mark(node, mask);
                if (behind != null && trie.end(node) > node + 1) {
                    walk(behind, trie, node, mask);
                }
            }
        }
    }

    private long[] newMask(TokenTrie trie) {
        makeRoom();
        long[] mask = new long[(trie.vocabSize() + 63) / 64];
        keptBytes += (long) Long.BYTES * mask.length;
        return mask;
    }

    /**
     * Sets the bits of the tokens below a node of the trie that lead on from {@code start}.
     *
     * @return where in the trie a frame of which only the depth is known was left
     */
    private int[] walk(Node start, TokenTrie trie, int below, long[] mask) {
        Node[] path = new Node[trie.deepest() + 1];
        path[trie.depth(below)] = start;
        int end = trie.end(below);
        int[] leaves = new int[16];
        int count = 0;
        for (int i = below + 1; i < end; ) {
            Node to = step(path[trie.depth(i) - 1], trie.label(i));
            if (to == null) {
                i = trie.end(i);
                continue;
            }
            path[trie.depth(i)] = to;
            if (to.leaves) {
                leaves = count == leaves.length ? Arrays.copyOf(leaves, count * 2) : leaves;
                leaves[count++] = i;
            }
            trie.mark(i, mask);
            i++;
        }
        return Arrays.copyOf(leaves, count);
    }
}
