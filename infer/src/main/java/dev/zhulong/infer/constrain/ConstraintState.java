package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Automaton.Node;
import java.util.Arrays;

/** How far a text under a {@link Constraint} has come. Immutable: to go back is to use an earlier state again. */
public final class ConstraintState {
    private final Constraint constraint;
    private final Node node;
    private final TokenTrie trie;
    private final ObjectKeys keys;

    ConstraintState(Constraint constraint, Node node, TokenTrie trie, ObjectKeys keys) {
        this.constraint = constraint;
        this.node = node;
        this.trie = trie;
        this.keys = keys;
    }

    /**
     * The tokens that may come next: a bit for each id below the tokenizer's vocabulary size, in the order of
     * {@link java.util.BitSet#toLongArray}. Control tokens are never among them; that the text may end says {@link #mayEnd}. Shared by
     * all who are in this state: not to be changed.
     *
     * @throws ConstraintException if the vocabulary has no token to go on with and the text may not end, or the constraint is too large here
     */
    public long[] mask() {
        long[] mask = constraint.automaton().mask(node, trie);
        if (constraint.keys() != null) {
            mask = constraint.keys().filter(mask, keys, trie);
        }
        if (mayBeSilent()) {
            long[] silent = constraint.tokens().silent();
            mask = mask.clone();
            for (int i = 0; i < mask.length; i++) {
                mask[i] |= silent[i];
            }
        }
        if (!node.mayEnd() && Arrays.stream(mask).allMatch(word -> word == 0)) {
            throw new ConstraintException("the vocabulary has no token with which a text under the constraint can go on here");
        }
        return mask;
    }

    /** Whether {@link #mask} has the bit of {@code id}, without working out the others. */
    public boolean allows(int id) {
        return next(id) != null;
    }

    /**
     * The state after one more token.
     *
     * @throws IllegalArgumentException if the token is not among those allowed
     */
    public ConstraintState after(int id) {
        ConstraintState next = next(id);
        if (next == null) {
            throw new IllegalArgumentException("the constraint does not allow token " + id + " here");
        }
        return next;
    }

    private ConstraintState next(int id) {
        byte[] bytes = trie.bytes(id);
        boolean silent = mayBeSilent() && bytes.length == 0 && constraint.tokens().inside().bytes(id).length > 0;
        Node to = bytes.length == 0 ? (silent ? node : null) : constraint.automaton().step(node, bytes);
        ObjectKeys written = to == null || constraint.keys() == null ? keys : keys.after(bytes);
        return to == null || written == null ? null : new ConstraintState(constraint, to, constraint.tokens().inside(), written);
    }

    /** At the start of a text that has to begin with a space, the only way may be a token that loses its own. */
    private boolean mayBeSilent() {
        return trie != constraint.tokens().inside() && !node.mayEnd();
    }

    /** Whether the text satisfies the constraint as it is. */
    public boolean mayEnd() {
        return node.mayEnd();
    }

    /** Whether the text satisfies the constraint and nothing can be added to it. */
    public boolean mustEnd() {
        return node.mayEnd() && Arrays.stream(mask()).allMatch(word -> word == 0);
    }
}
