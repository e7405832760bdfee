package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import java.util.Arrays;

/** Which experts a row is given to, and the weights of their results, of a router's logits. Of equal ones the first is taken. One thread at a time. */
final class ExpertChoice {
    private final Mlp.Experts shape;
    private final Routing routing;
    private final float[] correction;
    private final double[] scores;
    /** What the choice is made by; minus infinity for what has been chosen, or may not be. */
    private final double[] rating;
    private final double[] groups;

    /** @param correction added to the scores for the choice alone, or null */
    ExpertChoice(Mlp.Experts shape, float[] correction) {
        this.shape = shape;
        this.routing = shape.routing();
        this.correction = correction;
        scores = new double[shape.count()];
        rating = new double[shape.count()];
        groups = new double[routing.groups()];
    }

    /** Chooses by the logits at {@code at}; experts and weights, highest first, go to {@code to}. */
    void choose(float[] logits, int at, int[] chosen, float[] weights, int to) {
        int count = shape.count();
        double highest = Double.NEGATIVE_INFINITY;
        for (int expert = 0; expert < count; expert++) {
            highest = Math.max(highest, logits[at + expert]);
        }
        double all = 0;
        for (int expert = 0; expert < count; expert++) {
            double logit = logits[at + expert];
            scores[expert] = routing.score() == Routing.Score.SOFTMAX ? Math.exp(logit - highest) : 1 / (1 + Math.exp(-logit));
            all += scores[expert];
        }
        for (int expert = 0; expert < count; expert++) {
            scores[expert] = routing.score() == Routing.Score.SOFTMAX ? scores[expert] / all : scores[expert];
            // scores may round to the same value where logits still differ
            double by = correction != null ? scores[expert] + correction[expert] : routing.groups() == 1 ? logits[at + expert] : scores[expert];
            // what is no number comes last, yet before what has been chosen already
            rating[expert] = by >= -Double.MAX_VALUE ? by : -Double.MAX_VALUE;
        }
        if (routing.groups() > 1) {
            leaveBestGroups();
        }
        double sum = 0;
        for (int rank = 0; rank < shape.chosen(); rank++) {
            int best = best(rating);
            chosen[to + rank] = best;
            sum += scores[best];
            rating[best] = Double.NEGATIVE_INFINITY;
        }
        double factor = routing.scale() / (routing.normalised() ? Math.max(sum, 1e-20) : 1);
        for (int rank = 0; rank < shape.chosen(); rank++) {
            weights[to + rank] = (float) (scores[chosen[to + rank]] * factor);
        }
    }

    private void leaveBestGroups() {
        int each = shape.count() / groups.length;
        for (int group = 0; group < groups.length; group++) {
            double[] of = Arrays.copyOfRange(rating, group * each, (group + 1) * each);
            Arrays.sort(of);
            groups[group] = 0;
            for (int i = 0; i < routing.best(); i++) {
                groups[group] += of[each - 1 - i];
            }
        }
        boolean[] kept = new boolean[groups.length];
        for (int rank = 0; rank < routing.chosenGroups(); rank++) {
            int best = best(groups);
            kept[best] = true;
            groups[best] = Double.NEGATIVE_INFINITY;
        }
        for (int expert = 0; expert < shape.count(); expert++) {
            rating[expert] = kept[expert / each] ? rating[expert] : Double.NEGATIVE_INFINITY;
        }
    }

    private static int best(double[] of) {
        int best = 0;
        for (int i = 1; i < of.length; i++) {
            best = of[i] > of[best] ? i : best;
        }
        return best;
    }
}
