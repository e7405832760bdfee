package dev.zhulong.compress;

import dev.zhulong.model.Decoder;
import dev.zhulong.model.Part;
import dev.zhulong.model.ProjectionObserver;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * Text on its way through a decoder, all of it through one part before any of it through the next: so the weights of one part alone are in memory, and a
 * part may be changed before the text goes on. What flows between two parts is kept.
 */
final class PartWalk implements AutoCloseable {
    private final StoredDecoder stored;
    private final Decoder network;
    private final List<int[]> chunks;
    /** Of each chunk, what the next part is given; tensors out of scopes. */
    private final List<Tensor[]> flows = new ArrayList<>();

    PartWalk(StoredDecoder stored, List<int[]> chunks) {
        this.stored = stored;
        this.chunks = chunks;
        network = Decoder.away(stored.spec());
    }

    /** The embedding, the layers, and the last norm. */
    List<Part> parts() {
        return network.parts();
    }

    /** Puts a part's weights in their places, as they are stored. */
    void enter(Part part) {
        part.weights().forEach(weight -> {
            if (!weight.isHere()) {
                weight.set(stored.read(weight.parameter()));
            }
        });
    }

    /** Takes them away again. */
    void leave(Part part) {
        part.weights().stream().filter(Weight::isHere).forEach(weight -> {
            weight.tensor().close();
            weight.set(null);
        });
    }

    /** Thrown by an observer that has seen what it came for in a chunk: the rest of the part need not be run. */
    static final class Seen extends RuntimeException {
        static final Seen IT = new Seen();

        private Seen() {
            super(null, null, false, false);
        }
    }

    /** Runs all text through a part, from where it is, and stays there. */
    void observe(Part part, ProjectionObserver observer) {
        network.observe(observer);
        try (var off = NoGrad.open()) {
            for (int i = 0; i < chunks.size(); i++) {
                try (var scope = TensorScope.open()) {
                    network.run(part, flows.get(i), network.causal(chunks.get(i).length));
                } catch (Seen e) {
                    // on with the next chunk
                }
            }
        } finally {
            network.observe(null);
        }
    }

    /**
     * Runs all text through a part and goes on behind it.
     *
     * @param observer null for nobody
     */
    void advance(Part part, ProjectionObserver observer) {
        network.observe(observer);
        try (var off = NoGrad.open()) {
            for (int i = 0; i < chunks.size(); i++) {
                int[] chunk = chunks.get(i);
                try (var scope = TensorScope.open()) {
                    Tensor[] before = flows.size() <= i ? null : flows.get(i);
                    Tensor[] next = network.run(part, before == null ? new Tensor[] {Tensor.of(chunk, 1, chunk.length)} : before, network.causal(chunk.length));
                    for (int t = 0; t < next.length; t++) {
                        next[t] = before != null && Decoder.isAmong(next[t], before) ? next[t] : next[t].keep();
                    }
                    if (before == null) {
                        flows.add(next);
                    } else {
                        closeBut(before, next);
                        flows.set(i, next);
                    }
                }
            }
        } finally {
            network.observe(null);
        }
    }

    private static void closeBut(Tensor[] flow, Tensor[] used) {
        for (Tensor tensor : flow) {
            if (!Decoder.isAmong(tensor, used)) {
                tensor.close();
            }
        }
    }

    /** What flows, chunk by chunk. */
    List<Tensor[]> flows() {
        return flows;
    }

    /** Goes on with what flowed in an earlier walk, which is this one's from now on. */
    void flows(List<Tensor[]> earlier) {
        flows.addAll(earlier);
    }

    /** The residual stream of a chunk, [1, tokens, hidden]. */
    Tensor stream(int chunk) {
        return flows.get(chunk)[0];
    }

    int chunkCount() {
        return chunks.size();
    }

    @Override
    public void close() {
        flows.forEach(flow -> closeBut(flow, new Tensor[0]));
        network.parts().forEach(this::leave);
        network.close();
    }
}
