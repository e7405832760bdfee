package dev.zhulong.recipe.distance;

import dev.zhulong.data.label.DistantAnswers;
import java.util.List;
import java.util.TreeSet;

/**
 * What is trained and measured.
 *
 * @param sizes     of the models, WIDTHxLAYERS
 * @param window    tokens of a window, itself and as many on either side
 * @param sentences of the texts that are measured, and of the longest ones to train on
 * @param distances of the evidence that are measured, in sentences
 * @param rows      questions to train on
 * @param heldOut   questions that are measured, for each distance
 * @param steps     of the optimizer, the same for every model
 * @param batch     questions of a step
 * @param lr        peak learning rate
 * @param seed      of texts, weights and the order of rows
 */
public record Plan(List<String> sizes, int window, int sentences, List<Integer> distances, int rows, int heldOut, long steps, int batch, double lr, long seed) {
    public Plan {
        sizes = List.copyOf(sizes);
        distances = List.copyOf(new TreeSet<>(distances));
        if (sizes.isEmpty() || distances.isEmpty()) {
            throw new IllegalArgumentException("give at least one size and one distance");
        }
        if (rows < 2 || heldOut < 2 || steps < 2 || batch < 1 || !(lr > 0)) {
            throw new IllegalArgumentException("batch and learning rate must be positive, and there must be at least 2 rows, 2 steps and 2 questions held out for each distance");
        }
        if (window < 2 || window % 2 != 0) {
            throw new IllegalArgumentException("a window must be an even number of tokens from 2, found " + window);
        }
        if (sentences < 1 || sentences > DistantAnswers.MOST || distances.getFirst() < 1 || distances.getLast() > sentences) {
            throw new IllegalArgumentException("a text has 1 to " + DistantAnswers.MOST + " sentences, and evidence lies in one of them; found " + sentences + " sentences and distances "
                    + distances);
        }
    }

    /** The same with another number of steps. */
    Plan withSteps(long other) {
        return new Plan(sizes, window, sentences, distances, rows, heldOut, other, batch, lr, seed);
    }

    /** Steps on short texts. */
    long near() {
        return Math.max(1, steps * 11 / 20);
    }

    /** Tokens of the longest input: the question between two marks, the text, and a mark. */
    int tokens() {
        return Model.QUESTION + sentences * DistantAnswers.TOKENS + 1;
    }

    /** Every size with every pattern of attention. */
    List<Model> models() {
        return sizes.stream().flatMap(size -> Model.of(size).stream()).distinct().toList();
    }
}
