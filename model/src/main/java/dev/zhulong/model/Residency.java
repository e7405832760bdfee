package dev.zhulong.model;

/**
 * Where the weights of a part are between its uses: called around each use, forward and backward. {@link #HERE} leaves them where they are; another may
 * read them from the disk and drop them again, or gather them from other ranks and scatter their gradients.
 *
 * <p>What lies outside of layers (embedding, last norm, head) is also read by objectives between two parts, and stays.
 */
public interface Residency {
    /** All weights are there all the time. */
    Residency HERE = new Residency() {
        @Override
        public void enter(Part part) {}

        @Override
        public void leave(Part part) {}
    };

    /** Before a part is used: from now on {@link Weight#tensor} of its weights is valid. */
    void enter(Part part);

    /** In backward, before {@link #leave}: the gradients of a part's weights are there. */
    default void gradientsAreThere(Part part) {}

    /** After a use, when its results, and in backward its gradients, are complete. */
    void leave(Part part);
}
