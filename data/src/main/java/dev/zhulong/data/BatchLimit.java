package dev.zhulong.data;

/** Says where a batch of documents ends, which depends on what was read before and on nothing else. */
final class BatchLimit {
    private static final int CHARACTERS = 1 << 20;
    private static final int DOCUMENTS = 4096;

    private long characters;
    private int documents;

    /** Takes the next document; whether it is the last of its batch. */
    boolean reached(int length) {
        characters += length;
        documents++;
        if (characters < CHARACTERS && documents < DOCUMENTS) {
            return false;
        }
        characters = 0;
        documents = 0;
        return true;
    }
}
