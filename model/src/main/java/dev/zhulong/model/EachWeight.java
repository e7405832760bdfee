package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;

/** The weights of a network one after another, wherever they lie between uses: one that is away is fetched with its part, which stays until that of another is asked for. */
final class EachWeight implements AutoCloseable {
    private final Network network;
    private final Map<Weight, Part> parts = new HashMap<>();
    private Part entered;

    EachWeight(Network network) {
        this.network = network;
        network.parts().forEach(part -> part.weights().forEach(weight -> parts.put(weight, part)));
    }

    /**
     * The tensor, until the next is asked for.
     *
     * @throws IllegalStateException naming a weight that cannot be fetched
     */
    Tensor tensor(Weight weight) {
        if (!weight.isHere() && parts.containsKey(weight)) {
            close();
            entered = parts.get(weight);
            network.residency().enter(entered);
        }
        return weight.tensor();
    }

    @Override
    public void close() {
        if (entered != null) {
            network.residency().leave(entered);
            entered = null;
        }
    }
}
