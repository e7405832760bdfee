package dev.zhulong.train;

import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.DiskQueue.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * The weights of layers, read one layer ahead into two windows. Layers are used up a network and down again: which is the next, the last two say; where it was
 * another, it is read when it is used.
 */
final class StreamedWeights {
    /** Reads. */
    interface Source {
        /** Begins to read a layer's weights into memory, once what was asked for with that before is done. */
        Transfer read(StreamedLayer layer, MemorySegment into, Transfer before);
    }

    private final List<StreamedLayer> order;
    private final LayerWindow[] windows;
    private final DiskQueue queue;
    private final Source source;
    private LayerWindow current;
    private int last = -1;
    private boolean down;

    /**
     * @param one   memory for the largest layer
     * @param other the same
     */
    StreamedWeights(Collection<StreamedLayer> layers, DiskQueue queue, Source source, MemorySegment one, MemorySegment other) {
        this.order = layers.stream().sorted(Comparator.comparing(StreamedLayer::index)).toList();
        this.queue = queue;
        this.source = source;
        windows = new LayerWindow[] {new LayerWindow(one), new LayerWindow(other)};
        current = windows[0];
    }

    /** Waits for a layer's weights and returns where they are. */
    LayerWindow enter(StreamedLayer layer) {
        down = layer.index() == last ? last == order.size() - 1 : layer.index() < last;
        current = take(layer);
        last = layer.index();
        queue.await(current.last);
        return current;
    }

    /** The layer that is used after the last one, if layers are gone through as before; null where that was the first or the last. */
    StreamedLayer next() {
        int index = last + (down ? -1 : 1);
        return index >= 0 && index < order.size() ? order.get(index) : null;
    }

    /** Begins to read a layer that will be used, into the window of the one that is not in use. */
    void expect(StreamedLayer layer) {
        take(layer);
    }

    private LayerWindow take(StreamedLayer layer) {
        LayerWindow window = current.layer == layer ? current : current == windows[0] ? windows[1] : windows[0];
        if (window.layer != layer) {
            window.layer = layer;
            window.last = source.read(layer, layer.in(window.memory), window.last);
        }
        return window;
    }

    /** Puts the weights of the layer that was entered in place. */
    void place() {
        StreamedLayer layer = current.layer;
        for (int i = 0; i < layer.weights().size(); i++) {
            Weight weight = layer.weights().get(i);
            weight.set(Tensor.view(layer.in(current.memory, i), DType.F32, weight.parameter().shape()).keep().requiresGrad(true));
        }
    }

    /** Takes a layer's weights away. */
    void leave(StreamedLayer layer) {
        for (Weight weight : layer.weights()) {
            if (weight.isHere()) {
                weight.tensor().close();
                weight.set(null);
            }
        }
    }

    /** Whether layers are gone through from the last to the first. */
    boolean goesDown() {
        return down;
    }

    /** What was read is no longer so, or its memory is needed: nothing is on its way any more. */
    void forget() {
        for (LayerWindow window : windows) {
            queue.await(window.last);
            window.layer = null;
        }
        last = -1;
    }
}
