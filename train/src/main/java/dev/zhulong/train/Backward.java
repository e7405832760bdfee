package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.model.Part;
import dev.zhulong.model.Pass;
import dev.zhulong.model.Residency;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** Forward and backward through a network, with activations kept, or recomputed a part at a time (Chen et al. 2016). */
final class Backward {
    /** What is minimised besides, of what a part in the middle gives. */
    @FunctionalInterface
    interface Between {
        /** Gradient to the first tensor that part {@code number} gives, which is cut from the graph; null for none. */
        Tensor gradient(int number, Tensor given);
    }

    private Backward() {}

    /**
     * Adds gradients to the network's weights.
     *
     * @param inputs what the first part is given
     * @param head   from what the last part gives, cut from the graph, to the gradients of what is minimised, of the same shapes; null for none, and none
     *               for those at the end that it says nothing of
     */
    static void through(Network network, Tensor[] inputs, Pass pass, boolean recompute, UnaryOperator<Tensor[]> head) {
        through(network, inputs, pass, recompute, head, (number, given) -> null);
    }

    /** The same with gradients to what parts in the middle give. */
    static void through(Network network, Tensor[] inputs, Pass pass, boolean recompute, UnaryOperator<Tensor[]> head, Between between) {
        // a graph that is kept holds on to the weights it was made with
        if (recompute || network.residency() != Residency.HERE) {
            recomputing(network, inputs, pass, head, between);
            return;
        }
        List<Tensor> results = new ArrayList<>();
        List<Tensor> gradients = new ArrayList<>();
        Tensor[] end = network.run(inputs, pass, (part, given) -> {
            Tensor gradient = between.gradient(network.parts().indexOf(part), given[0].detach());
            if (gradient != null) {
                results.add(given[0]);
                gradients.add(gradient);
            }
        });
        Tensor[] ofEnd = head.apply(detached(end));
        results.addAll(Arrays.asList(end).subList(0, ofEnd.length));
        gradients.addAll(Arrays.asList(ofEnd));
        backward(results.toArray(Tensor[]::new), gradients.toArray(Tensor[]::new));
    }

    private static void recomputing(Network network, Tensor[] inputs, Pass pass, UnaryOperator<Tensor[]> head, Between between) {
        List<Part> parts = network.parts();
        List<Tensor[]> given = new ArrayList<>(List.<Tensor[]>of(inputs));
        try (var off = NoGrad.open()) {
            for (Part part : parts.subList(0, parts.size() - 1)) {
                given.add(network.run(part, given.getLast(), pass));
            }
        }
        Tensor[] above = null;
        for (int i = parts.size() - 1; i >= 0; i--) {
            Tensor[] gradients = above;
            network.residency().enter(parts.get(i));
            try (var scope = TensorScope.open()) {
                Tensor[] leaves = leaves(given.get(i));
                Tensor[] end = parts.get(i).forward(leaves, pass);
                backward(end, with(between.gradient(i, end[0].detach()), i == parts.size() - 1 ? head.apply(detached(end)) : gradients));
                above = Arrays.stream(leaves).map(leaf -> leaf.dtype().isFloat() && leaf.grad() != null ? scope.handOut(leaf.grad()) : null)
                        .toArray(Tensor[]::new);
                network.gradientsAreThere(parts.get(i));
            } finally {
                network.residency().leave(parts.get(i));
            }
            close(gradients, new Tensor[0]);
            if (i > 0) {
                // what a part handed on unchanged is still an input of the one before
                close(given.get(i), given.get(i - 1));
            }
        }
    }

    private static Tensor[] with(Tensor more, Tensor[] gradients) {
        if (more == null) {
            return gradients;
        }
        Tensor[] all = gradients.clone();
        all[0] = all[0] == null ? more : all[0].add(more);
        return all;
    }

    private static void close(Tensor[] tensors, Tensor[] stillUsed) {
        for (Tensor tensor : tensors == null ? new Tensor[0] : tensors) {
            if (tensor != null && !Network.isAmong(tensor, stillUsed)) {
                tensor.close();
            }
        }
    }

    private static Tensor[] detached(Tensor[] flow) {
        return Arrays.stream(flow).map(Tensor::detach).toArray(Tensor[]::new);
    }

    private static Tensor[] leaves(Tensor[] flow) {
        return Arrays.stream(flow).map(x -> x.dtype().isFloat() ? x.detach().requiresGrad(true) : x).toArray(Tensor[]::new);
    }

    /** What has no gradient, or lies below frozen weights and asks for none, is passed over. */
    private static void backward(Tensor[] results, Tensor[] gradients) {
        int[] asked = IntStream.range(0, gradients.length).filter(i -> gradients[i] != null && results[i].requiresGrad()).toArray();
        if (asked.length == 1) {
            results[asked[0]].backward(gradients[asked[0]]);
        } else if (asked.length > 1) {
            Tensor.backward(Arrays.stream(asked).mapToObj(i -> results[i]).toArray(Tensor[]::new),
                    Arrays.stream(asked).mapToObj(i -> gradients[i]).toArray(Tensor[]::new));
        }
    }
}
