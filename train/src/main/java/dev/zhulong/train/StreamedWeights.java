package dev.zhulong.train;

import dev.zhulong.model.Part;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.StateLayout.Place;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;

/**
 * The weights of layers, read one layer ahead into two windows. Layers are used up a network and down again: which is the next, the last two say; where it was
 * another, it is read when it is used.
 */
final class StreamedWeights {
    /**
     * A layer: weights that lie together.
     *
     * @param index  among the layers
     * @param places of {@code weights}
     */
    record Layer(int index, List<Weight> weights, List<Place> places) {
        long first() {
            return places.getFirst().first();
        }

        long end() {
            return places.getLast().end();
        }

        /** The bytes of one of its weights in a window. */
        MemorySegment in(MemorySegment window, int weight) {
            Place place = places.get(weight);
            return window.asSlice((place.first() - first()) * Float.BYTES, place.count() * Float.BYTES);
        }

        /** All its bytes in a window. */
        MemorySegment in(MemorySegment window) {
            return window.asSlice(0, (end() - first()) * Float.BYTES);
        }
    }

    private static final class Window {
        private final MemorySegment memory;
        private Layer layer;
        private Future<?> read = DiskQueue.NOTHING;

        Window(MemorySegment memory) {
            this.memory = memory;
        }
    }

    private final Map<Part, Layer> layers = new IdentityHashMap<>();
    private final List<Layer> order;
    private final Window[] windows;
    private final DiskQueue queue;
    private final BiConsumer<Layer, MemorySegment> source;
    private final boolean trained;
    private Window current;
    private int last = -1;
    private boolean down;

    /**
     * @param layers of parts, in their order
     * @param queue  that reads
     * @param source reads a layer's bytes
     * @param one    memory for the largest layer
     * @param other  the same
     */
    StreamedWeights(Map<Part, Layer> layers, DiskQueue queue, BiConsumer<Layer, MemorySegment> source, boolean trained, MemorySegment one, MemorySegment other) {
        this.layers.putAll(layers);
        this.order = layers.values().stream().sorted((a, b) -> a.index() - b.index()).toList();
        this.queue = queue;
        this.source = source;
        this.trained = trained;
        windows = new Window[] {new Window(one), new Window(other)};
        current = windows[0];
    }

    /** Puts a part's weights in place; returns its layer, or null where it has none that are streamed. */
    Layer enter(Part part) {
        Layer layer = layers.get(part);
        if (layer == null) {
            return null;
        }
        down = layer.index() == last ? last == order.size() - 1 : layer.index() < last;
        Window window = current.layer == layer ? current : other();
        if (window.layer != layer) {
            read(window, layer);
        }
        current = window;
        last = layer.index();
        queue.await(window.read);
        ahead(last + (down ? -1 : 1));
        for (int i = 0; i < layer.weights().size(); i++) {
            Weight weight = layer.weights().get(i);
            weight.set(Tensor.view(layer.in(window.memory, i), DType.F32, weight.parameter().shape()).keep().requiresGrad(trained));
        }
        return layer;
    }

    /** Takes a part's weights away. */
    void leave(Part part) {
        for (Weight weight : layers.containsKey(part) ? layers.get(part).weights() : List.<Weight>of()) {
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

    /** What was read is no longer so, or its memory is needed: nothing is read any more. */
    void forget() {
        for (Window window : windows) {
            DiskQueue.done(window.read);
            window.layer = null;
        }
        last = -1;
    }

    /** Begins to read the first layer. */
    void begin() {
        ahead(0);
    }

    private void ahead(int index) {
        if (index >= 0 && index < order.size() && other().layer != order.get(index) && current.layer != order.get(index)) {
            read(other(), order.get(index));
        }
    }

    private Window other() {
        return current == windows[0] ? windows[1] : windows[0];
    }

    private void read(Window window, Layer layer) {
        // one that was read ahead in vain may not be done
        Future<?> before = window.read;
        window.layer = layer;
        window.read = queue.submit(() -> {
            DiskQueue.done(before);
            source.accept(layer, layer.in(window.memory));
        });
    }
}
