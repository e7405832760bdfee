package dev.zhulong.train;

import java.util.List;

/** Whose vectors of texts a student learns. */
@FunctionalInterface
public interface VectorTeacher {
    /**
     * A text as it is read.
     *
     * @param ids    of its tokens, the model's own among them
     * @param types  segment of each
     * @param prompt tokens at the beginning that belong to a prompt
     */
    record Text(int[] ids, int[] types, int prompt) {}

    /** Vectors of texts, in their order and all of one width. That of a text does not depend on the others, to the bit. */
    List<float[]> of(List<Text> texts);
}
