package dev.zhulong.recipe.distance;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What came of a model.
 *
 * @param size      as WIDTHxLAYERS
 * @param attention dense, window or global
 * @param weights   number of them
 * @param furthest  sentences that the question can reach through all layers
 * @param scores    by distance of the evidence, in sentences
 */
public record Curve(String size, String attention, long weights, int furthest, SortedMap<Integer, Score> scores) {
    public Curve {
        scores = Collections.unmodifiableSortedMap(new TreeMap<>(scores));
    }
}
