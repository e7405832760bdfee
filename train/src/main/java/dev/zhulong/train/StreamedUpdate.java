package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.DiskQueue.Transfer;
import dev.zhulong.train.StateLayout.Place;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An update that was decided on and is done a layer at a time, as layers are used next: weights are in memory then anyway, and what else is read and written
 * for it is so while other layers are computed. It reads one slot and writes the other.
 */
final class StreamedUpdate implements AutoCloseable {
    /** Parts of the weights that stay in memory whose moments are there together: one is read, one is computed, one is written. */
    private static final int PARTS = 3;

    private final Network model;
    private final StateLayout layout;
    private final StateFiles files;
    private final DiskQueue queue;
    private final Optimizer.Maker optimizer;
    private final int from;
    private final long number;
    private final double lr;
    private final double gradScale;
    private final Set<StreamedLayer> missing;
    private final Tensor room;
    private final LayerWindow[] moments;
    private final List<Transfer> writes = new ArrayList<>();

    /**
     * @param from      the slot that is read
     * @param number    of the update, from 1
     * @param gradScale gradients are divided by it
     */
    StreamedUpdate(Network model, StateLayout layout, StateFiles files, DiskQueue queue, Optimizer.Maker optimizer, Collection<StreamedLayer> layers, int from, long number, double lr,
            Tensor gradScale) {
        this.model = model;
        this.layout = layout;
        this.files = files;
        this.queue = queue;
        this.optimizer = optimizer;
        this.from = from;
        this.number = number;
        this.lr = lr;
        this.gradScale = gradScale.item();
        missing = new HashSet<>(layers);
        moments = new LayerWindow[optimizer.moments().size()];
        long layer = layout.largestLayer();
        room = Tensor.empty(DType.F32, bytes(layout, optimizer) / Float.BYTES).keep();
        for (int kind = 0; kind < moments.length; kind++) {
            moments[kind] = new LayerWindow(pages(kind * layer, layer));
        }
    }

    /** Bytes of memory, while it lasts: the moments of a layer, and parts of the weights that stay. */
    static long bytes(StateLayout layout, Optimizer.Maker optimizer) {
        int moments = optimizer.moments().size();
        return Float.BYTES * (moments * layout.largestLayer() + PARTS * (1 + moments) * stretch(layout, moments) + StateLayout.GRAIN);
    }

    /** Elements of a part of the weights that stay; all parts take about as much as a layer. */
    private static long stretch(StateLayout layout, int moments) {
        return Math.max(StateLayout.GRAIN, layout.largestLayer() / (PARTS * (1 + moments)) / StateLayout.GRAIN * StateLayout.GRAIN);
    }

    /** Beginning at a page, as direct I/O wants it. */
    private MemorySegment pages(long first, long count) {
        MemorySegment all = room.segment();
        long page = StateLayout.GRAIN * Float.BYTES;
        return all.asSlice(Math.floorMod(-all.address(), page) + first * Float.BYTES, count * Float.BYTES);
    }

    /** The slot that is written. */
    int to() {
        return 1 - from;
    }

    /** Whether a layer has not had it. */
    boolean lacks(StreamedLayer layer) {
        return missing.contains(layer);
    }

    /** Whether all layers have had it; the last of it may still be on its way to the disk. */
    boolean isEverywhere() {
        return missing.isEmpty();
    }

    /** Begins to read a layer's moments. */
    void expect(StreamedLayer layer) {
        for (int i = 0; i < moments.length; i++) {
            LayerWindow window = moments[i];
            int kind = 1 + i;
            if (window.layer != layer) {
                window.layer = layer;
                window.last = queue.submit(layer.in(window.memory), (at, part) -> files.read(kind, from, layer.first() + at / Float.BYTES, part), window.last);
            }
        }
    }

    /**
     * Moves a layer's weights.
     *
     * @param weights   as they were read, changed in place, and written from there
     * @param sums      of its gradients
     * @param gradients names of the weights that have one
     */
    void apply(StreamedLayer layer, LayerWindow weights, LayerWindow sums, Set<String> gradients) {
        expect(layer);
        queue.await(sums.last);
        for (LayerWindow window : moments) {
            queue.await(window.last);
        }
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            var elements = new Elements();
            for (int i = 0; i < layer.places().size(); i++) {
                Place place = layer.places().get(i);
                if (gradients.contains(place.name())) {
                    elements.add(place, layer.in(weights.memory, i), flat(layer.in(sums.memory, i)), momentsOf(layer, i));
                }
            }
            step(elements);
        }
        missing.remove(layer);
        // nobody needs them any more
        sums.layer = null;
        weights.last = write(StateFiles.WEIGHTS, layer.first(), layer.in(weights.memory));
        for (int kind = 0; kind < moments.length; kind++) {
            moments[kind].last = write(1 + kind, layer.first(), layer.in(moments[kind].memory));
            moments[kind].layer = null;
        }
    }

    private List<MemorySegment> momentsOf(StreamedLayer layer, int weight) {
        List<MemorySegment> all = new ArrayList<>();
        for (LayerWindow window : moments) {
            all.add(layer.in(window.memory, weight));
        }
        return all;
    }

    private static Tensor flat(MemorySegment memory) {
        return Tensor.view(memory, DType.F32, memory.byteSize() / Float.BYTES);
    }

    private Transfer write(int kind, long first, MemorySegment memory) {
        int slot = to();
        Transfer written = queue.submit(memory, (at, part) -> files.write(kind, slot, first + at / Float.BYTES, part));
        writes.add(written);
        return written;
    }

    /** What an optimizer is run over. */
    private final class Elements {
        private final Map<String, Tensor> parameters = new LinkedHashMap<>();
        private final List<Map<String, Tensor>> all = new ArrayList<>();

        Elements() {
            optimizer.moments().forEach(kind -> all.add(new LinkedHashMap<>()));
        }

        void add(Place place, MemorySegment weights, Tensor gradient, List<MemorySegment> ofMoments) {
            Tensor p = flat(weights);
            p.setGrad(gradient);
            parameters.put(place.name(), p);
            for (int kind = 0; kind < all.size(); kind++) {
                all.get(kind).put(place.name(), flat(ofMoments.get(kind)));
            }
        }
    }

    private void step(Elements elements) {
        try (Optimizer step = optimizer.over(elements.parameters, model.decayed(), elements.all)) {
            step.step(number, lr, Tensor.zeros(DType.F32).fill_(gradScale));
        }
    }

    // ---- the weights that stay in memory -----------------------------------------------------------------------------------------------------

    /** Elements from {@code first} on, of weights and of moments. */
    private final class Stretch {
        private final MemorySegment[] kinds = new MemorySegment[1 + moments.length];
        private final Transfer[] last = new Transfer[kinds.length];
        private long first;
        private long count;

        /** @param size elements that it has room for */
        Stretch(int index, long size) {
            for (int kind = 0; kind < kinds.length; kind++) {
                kinds[kind] = pages(moments.length * layout.largestLayer() + ((long) index * kinds.length + kind) * size, size);
                last[kind] = Transfer.NONE;
            }
        }

        MemorySegment bytes(int kind) {
            return kinds[kind].asSlice(0, count * Float.BYTES);
        }

        MemorySegment bytes(int kind, long at, long length) {
            return kinds[kind].asSlice((at - first) * Float.BYTES, length * Float.BYTES);
        }

        void read(long at, long size) {
            first = at;
            count = Math.min(size, layout.elements() - at);
            for (int i = 1; i < kinds.length; i++) {
                int kind = i;
                last[i] = queue.submit(bytes(i), (byteOf, part) -> files.read(kind, from, at + byteOf / Float.BYTES, part), last[i]);
            }
        }

        void await() {
            for (Transfer each : last) {
                queue.await(each);
            }
        }

        void write() {
            for (int kind = 0; kind < kinds.length; kind++) {
                last[kind] = StreamedUpdate.this.write(kind, first, bytes(kind));
            }
        }
    }

    /** Moves the weights that stay in memory, whose moments pass through it. */
    void resident() {
        long size = stretch(layout, moments.length);
        Stretch[] parts = new Stretch[PARTS];
        for (int i = 0; i < PARTS; i++) {
            parts[i] = new Stretch(i, size);
        }
        int count = (int) ((layout.elements() - layout.streamed() + size - 1) / size);
        for (int i = 0; i < count; i++) {
            for (int ahead = i == 0 ? 0 : i + PARTS - 2; ahead < Math.min(count, i + PARTS - 1); ahead++) {
                parts[ahead % PARTS].read(layout.streamed() + ahead * size, size);
            }
            Stretch now = parts[i % PARTS];
            now.await();
            move(now);
            now.write();
        }
    }

    private void move(Stretch now) {
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            var elements = new Elements();
            for (Place place : layout.places()) {
                long first = Math.max(now.first, place.first());
                long count = Math.min(now.first + now.count, place.first() + place.count()) - first;
                if (count <= 0) {
                    continue;
                }
                Tensor weight = model.weights().get(place.name()).tensor();
                MemorySegment copy = now.bytes(StateFiles.WEIGHTS, first, count);
                copy.copyFrom(part(weight, place, first, count));
                if (weight.grad() != null) {
                    List<MemorySegment> ofMoments = new ArrayList<>();
                    for (int kind = 1; kind < now.kinds.length; kind++) {
                        ofMoments.add(now.bytes(kind, first, count));
                    }
                    elements.add(place, copy, weight.grad().contiguous().view(-1).narrow(0, first - place.first(), count), ofMoments);
                }
            }
            step(elements);
            for (Place place : layout.places()) {
                long first = Math.max(now.first, place.first());
                long count = Math.min(now.first + now.count, place.first() + place.count()) - first;
                if (count > 0) {
                    part(model.weights().get(place.name()).tensor(), place, first, count).copyFrom(now.bytes(StateFiles.WEIGHTS, first, count));
                }
            }
        }
    }

    private static MemorySegment part(Tensor whole, Place place, long first, long count) {
        return whole.segment().asSlice((first - place.first()) * Float.BYTES, count * Float.BYTES);
    }

    /** Waits until all that was changed is in its files. */
    void await() {
        writes.forEach(queue::await);
    }

    /** Gives its memory back, which nothing may be on its way to or from. */
    @Override
    public void close() {
        room.close();
    }
}
