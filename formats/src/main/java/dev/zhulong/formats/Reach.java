package dev.zhulong.formats;

/**
 * Which positions of its document a position attends to. In a decoder only itself and earlier ones of these.
 *
 * <p>Distances are counted within a document: packed with others, or alone, it is computed alike.
 */
public sealed interface Reach {

    /** All positions. */
    record Whole() implements Reach {}

    /**
     * Those nearby (Beltagy et al. 2020): in a decoder the last {@code tokens}, itself included; in an encoder those at most {@code tokens / 2} away.
     */
    record Window(int tokens) implements Reach {
        public Window {
            atLeast("a window", tokens);
        }
    }

    /**
     * A window, and the first tokens of the document (Beltagy et al. 2020), which all attend to and which attend to all.
     *
     * @param tokens the window, as of {@link Window}
     * @param first  number of such first tokens
     */
    record Global(int tokens, int first) implements Reach {
        public Global {
            atLeast("a window", tokens);
            atLeast("the number of global tokens", first);
        }
    }

    /** Those of its own block: blocks of {@code tokens} lie side by side from the document's start; the last may be shorter. */
    record Block(int tokens) implements Reach {
        public Block {
            atLeast("a block", tokens);
        }
    }

    /** All positions. */
    Reach WHOLE = new Whole();

    /** In a decoder, the first position that the one at {@code position} sees, but for {@link #global} ones. */
    default int first(int position) {
        return switch (this) {
            case Whole whole -> 0;
            case Window(int tokens) -> Math.max(0, position - tokens + 1);
            case Global(int tokens, int first) -> Math.max(0, position - tokens + 1);
            case Block(int tokens) -> position / tokens * tokens;
        };
    }

    /** The most positions that one sees in a document of so many, as a decoder counts them. */
    default int most(int length) {
        return switch (this) {
            case Whole whole -> length;
            case Window(int tokens) -> Math.min(length, tokens);
            case Global(int tokens, int first) -> (int) Math.min(length, (long) tokens + first);
            case Block(int tokens) -> Math.min(length, tokens);
        };
    }

    /** Number of positions at the beginning of a document that all see. */
    default int global() {
        return this instanceof Global(int tokens, int first) ? first : 0;
    }

    private static void atLeast(String what, int tokens) {
        if (tokens < 1) {
            throw new IllegalArgumentException(what + " must be at least 1 token, found " + tokens);
        }
    }
}
