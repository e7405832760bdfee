package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Parts;
import dev.zhulong.model.Part;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;

/**
 * The weights of layers, of which each rank keeps its parts, gathered one layer ahead into two windows. Layers are used up a network and down again: which is the next, the last two
 * say. Whether a layer is there already depends on nothing but what was used before, which is the same on all ranks.
 */
final class GatheredWeights {
    /**
     * A weight, and this rank's part of it.
     *
     * @param own     F32
     * @param trained whether it has gradients
     */
    record Away(Weight weight, MemorySegment own, boolean trained) {
        long count() {
            return weight.parameter().count();
        }
    }

    /** Weights that are used together. */
    record Layer(int index, List<Away> weights) {
        /** Values in a window, where each weight begins at a multiple of 64. */
        long values() {
            return weights.stream().mapToLong(each -> Parts.whole(each.count())).sum();
        }

        /** Each weight's place in a window. */
        List<MemorySegment> in(MemorySegment window) {
            List<MemorySegment> all = new ArrayList<>();
            long at = 0;
            for (Away each : weights) {
                all.add(window.asSlice(at * Float.BYTES, each.count() * Float.BYTES));
                at += Parts.whole(each.count());
            }
            return all;
        }
    }

    /** Tells other ranks of a call. */
    interface Asked {
        void before(Collectives ranks, int layer, int window);
    }

    private static final class Window {
        private final MemorySegment memory;
        private Layer layer;
        private Future<?> gathered;

        Window(MemorySegment memory) {
            this.memory = memory;
        }
    }

    private final Exchanges exchanges;
    private final List<Layer> layers;
    private final Map<Weight, Layer> byWeight = new IdentityHashMap<>();
    private final Window[] windows = new Window[2];
    private final LongSupplier step;
    private Window current;
    private int last = -1;
    /** What comes before a call, told the number of the layer and of the window; null for nothing. */
    private Asked before;

    /** @param layers in the order of their parts, index after index */
    GatheredWeights(Exchanges exchanges, List<Layer> layers, LongSupplier step) {
        this.exchanges = exchanges;
        this.layers = layers;
        this.step = step;
        layers.forEach(layer -> layer.weights().forEach(each -> byWeight.put(each.weight(), layer)));
        for (int i = 0; i < 2; i++) {
            windows[i] = new Window(exchanges.ranks().allocate(largest(layers) * Float.BYTES));
        }
        current = windows[0];
    }

    private static long largest(List<Layer> layers) {
        return layers.stream().mapToLong(Layer::values).max().orElse(0);
    }

    /** Bytes of both windows. */
    long bytes() {
        return windows[0].memory.byteSize() + windows[1].memory.byteSize();
    }

    List<Layer> layers() {
        return layers;
    }

    /** That of a part; null where none of its weights are away. */
    Layer of(Part part) {
        return part.weights().stream().map(byWeight::get).filter(layer -> layer != null).findFirst().orElse(null);
    }

    /** Has a call be preceded by another from now on: null for none. */
    void before(Asked call) {
        before = call;
    }

    /** Puts a part's weights in place. */
    void enter(Part part) {
        Layer layer = of(part);
        if (layer == null) {
            return;
        }
        boolean down = layer.index() == last ? last == layers.size() - 1 : layer.index() < last;
        Window window = current.layer == layer ? current : other();
        if (window.layer != layer) {
            gather(window, layer);
        }
        current = window;
        last = layer.index();
        exchanges.await(window.gathered);
        int next = last + (down ? -1 : 1);
        if (next >= 0 && next < layers.size() && other().layer != layers.get(next)) {
            gather(other(), layers.get(next));
        }
        List<MemorySegment> places = layer.in(window.memory);
        for (int i = 0; i < places.size(); i++) {
            Away each = layer.weights().get(i);
            each.weight().set(Tensor.view(places.get(i), DType.F32, each.weight().parameter().shape()).keep().requiresGrad(each.trained()));
        }
    }

    /** Takes a part's weights away. */
    void leave(Part part) {
        Layer layer = of(part);
        for (Away each : layer == null ? List.<Away>of() : layer.weights()) {
            if (each.weight().isHere()) {
                each.weight().tensor().close();
                each.weight().set(null);
            }
        }
    }

    /** Takes part in what another rank alone has asked for. */
    void provide(int layer, int window) {
        gather(windows[window], layers.get(layer));
        exchanges.await(windows[window].gathered);
    }

    /** What was gathered is no longer so, or is not the same on all ranks. */
    void forget() {
        for (Window window : windows) {
            if (window.gathered != null) {
                exchanges.await(window.gathered);
                window.gathered = null;
            }
            window.layer = null;
        }
        // whatever a rank did alone: the others begin with the same window
        current = windows[0];
        last = -1;
    }

    private Window other() {
        return current == windows[0] ? windows[1] : windows[0];
    }

    private void gather(Window window, Layer layer) {
        window.layer = layer;
        var call = new Call(step.getAsLong(), "weights of layer " + layer.index());
        Asked first = before;
        int number = window == windows[0] ? 0 : 1;
        List<MemorySegment> places = layer.in(window.memory);
        window.gathered = exchanges.begin(ranks -> {
            if (first != null) {
                first.before(ranks, layer.index(), number);
            }
            for (int i = 0; i < places.size(); i++) {
                Parts.of(places.get(i), ranks.size()).in(places.get(i), ranks.rank()).copyFrom(layer.weights().get(i).own());
            }
            ranks.allGather(call, places);
        });
    }
}
