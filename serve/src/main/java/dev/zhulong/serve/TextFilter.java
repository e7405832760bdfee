package dev.zhulong.serve;

/** What stands between what a model writes and what a client is told, one choice's. Places are in the text that came in, in UTF-16 units. */
interface TextFilter {
    /** Takes more text; gives what may be told. */
    String push(String piece);

    /** No more comes; gives the rest. */
    String finish();

    /** Whether nothing more may be told. */
    boolean blocked();

    /** How much of what came in has been decided upon. */
    int settled();

    /** Whether anything from {@code from} to {@code to}, decided upon, is told otherwise than it came. */
    boolean changed(int from, int to);

    /** Whether a short text by itself may be told. */
    boolean allows(String text);

    /** A text that comes in one piece, as it may be told; null where it may not. */
    String whole(String text);

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
        public boolean blocked() {
            return false;
        }

        @Override
        public int settled() {
            return settled;
        }

        @Override
        public boolean changed(int from, int to) {
            return false;
        }

        @Override
        public boolean allows(String text) {
            return true;
        }

        @Override
        public String whole(String text) {
            return text;
        }
    }
}
