package dev.zhulong.serve;

/** What stands between what a model writes and what a client is told, one choice's. Places are in the text that came in, in UTF-16 units. */
interface TextFilter extends AutoCloseable {
    /** Lets everything through. */
    final class None implements TextFilter {
        private int settled;

        @Override
        public String push(String piece) {
            settled += piece.length();
            return piece;
        }

        @Override
        public String finish() {
            return "";
        }

        @Override
        public int settled() {
            return settled;
        }
    }

    /** Takes more text; gives what may be told. */
    String push(String piece);

    /** No more comes; gives the rest. */
    String finish();

    /** How much of what came in has been decided upon. */
    int settled();

    /** Whether anything is looked at. */
    default boolean guards() {
        return false;
    }

    /** Whether nothing more may be told. */
    default boolean blocked() {
        return false;
    }

    /** Whether it is blocked so that it is written again. */
    default boolean wantsRewrite() {
        return false;
    }

    /** What is to be told of why it is blocked; may be empty. */
    default String reason() {
        return "";
    }

    /** Whether anything from {@code from} to {@code to}, decided upon, is told otherwise than it came. */
    default boolean changed(int from, int to) {
        return false;
    }

    /** Whether a short text by itself may be told. */
    default boolean allows(String text) {
        return true;
    }

    /** A text that comes in one piece, as it may be told; null where it may not. */
    default String whole(String text) {
        return text;
    }

    @Override
    default void close() {}
}
