package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Chooses a few of a mixture's experts for each token, and weights their results, as {@link Routing} says. */
final class Router {
    private final Mlp.Experts shape;
    private final Routing routing;
    private final Weight weight;
    private final Weight bias;
    private final Weight correction;

    Router(Network network, Mlp.Experts shape, int layer) {
        this.shape = shape;
        routing = shape.routing();
        weight = network.weight(Role.ROUTER, layer);
        bias = network.bias(Role.ROUTER, layer);
        correction = network.find(Role.CORRECTION, layer);
    }

    List<Weight> weights() {
        return new ArrayList<>(Stream.of(weight, bias, correction).filter(w -> w != null).toList());
    }

    /**
     * What was chosen for so many rows.
     *
     * @param logits        [rows, experts]
     * @param probabilities [rows, experts], of sum one
     * @param experts       I64 [rows, chosen]
     * @param weights       of their results, [rows, chosen]
     * @param uncorrected   I64 [rows, chosen], what the scores alone would have chosen: the same where there is no correction
     */
    record Choice(Tensor logits, Tensor probabilities, Tensor experts, Tensor weights, Tensor uncorrected) {}

    /** @param rows [rows, hidden] */
    Choice choose(Tensor rows) {
        Tensor logits = rows.linear(weight.tensor(), bias == null ? null : bias.tensor());
        boolean softmax = routing.score() == Routing.Score.SOFTMAX;
        Tensor scores = softmax ? logits.softmax(-1) : logits.sigmoid();
        Tensor experts;
        Tensor weights;
        if (correction == null && routing.groups() == 1) {
            Tensor.Top top = scores.topK(shape.chosen());
            experts = top.indices();
            weights = top.values();
        } else {
            experts = chosen(scores);
            weights = scores.gather(-1, experts);
        }
        if (routing.normalised()) {
            Tensor sum = weights.sum(-1, true);
            // sigmoids may all be nothing
            weights = weights.div(softmax ? sum : sum.add(1e-20));
        }
        if (routing.scale() != 1) {
            weights = weights.mul(routing.scale());
        }
        return new Choice(logits, softmax ? scores : scores.div(scores.sum(-1, true).add(1e-20)), experts, weights,
                correction == null ? experts : scores.topK(shape.chosen()).indices());
    }

    /** By scores and their correction, inside of the best groups. */
    private Tensor chosen(Tensor scores) {
        try (var off = NoGrad.open()) {
            Tensor rating = correction == null ? scores : scores.add(correction.tensor());
            if (routing.groups() > 1) {
                long rows = rating.size(0);
                int each = shape.count() / routing.groups();
                Tensor groups = rating.view(rows, routing.groups(), each).topK(routing.best()).values().sum(-1, false);
                Tensor best = groups.topK(routing.chosenGroups()).indices();
                Tensor in = Tensor.zeros(DType.F32, rows, routing.groups()).scatterAdd_(1, best, Tensor.ones(DType.F32, best.shape()));
                Tensor out = in.unsqueeze(-1).expand(rows, routing.groups(), each).reshape(rows, shape.count()).eq(Tensor.zeros(DType.F32, 1));
                rating = rating.copy().maskedFill_(out, Double.NEGATIVE_INFINITY);
            }
            return rating.topK(shape.chosen()).indices();
        }
    }
}
