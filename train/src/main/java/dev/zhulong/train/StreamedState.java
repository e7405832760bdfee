package dev.zhulong.train;

import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.Part;
import dev.zhulong.model.Placing;
import dev.zhulong.model.Residency;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.SumOfSquares;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.DiskQueue.Transfer;
import dev.zhulong.train.StateLayout.Place;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A state that lies on the disk: training beyond memory. A layer's matrices are in memory while the layer is computed, and the next one's are read meanwhile; their
 * gradients are written as they come. After the last batch all weights and moments pass through memory once more, in pieces. What is small, and the embedding and the
 * head, which are used outside of layers, stay in memory with their gradients; their moments do not.
 *
 * <p>An update reads one slot and writes the other, so that a process that is killed loses the step it was in and nothing else ({@link StateFiles}). AdamW is a
 * function of each element, the norm's bits are those of the values however they are cut, and a batch's gradient is whole before it is added: all bits are those of training in memory.
 *
 * <pre>{@code
 * try (var state = StreamedState.open(spec, run.resolve("state"), settings);
 *         Decoder model = Decoder.random(spec, seed, state)) {
 *     state.attach(model);
 *     new Trainer<>(model, …).train();
 * }
 * }</pre>
 */
public final class StreamedState implements State, Residency, Placing, AutoCloseable {
    /** Two layers' weights and two layers' gradients. */
    private static final int WINDOWS = 4;

    private final NetworkSpec spec;
    private final StateLayout layout;
    private final StateFiles files;
    private final Path directory;
    private final Optimizer.Maker optimizer;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final DiskQueue queue = new DiskQueue("reads and writes of the training's state");
    private final boolean found;
    private Network model;
    private Map<Part, StreamedLayer> layers;
    private StreamedWeights weights;
    private StreamedGradients gradients;
    /** The layer that is in use; null for none. */
    private StreamedLayer entered;
    /** What layers have not all had yet, or what is not all in its files yet; null for nothing. */
    private StreamedUpdate pending;
    /** What is done once {@link #pending} is; null where nobody has said so yet. */
    private Done done;
    /** Valid, if there is no {@link #pending}; else what it reads. */
    private int slot;
    private boolean uncommitted;
    private boolean closed;

    private StreamedState(NetworkSpec spec, Path directory, Optimizer.Maker optimizer, Runnable beforeEachWrite) {
        this.spec = spec;
        this.directory = directory;
        this.optimizer = optimizer;
        layout = new StateLayout(spec);
        files = new StateFiles(directory, layout, optimizer.moments().size(), beforeEachWrite);
        found = files.committed().isPresent();
        slot = files.committed().map(StateFiles.Commit::slot).orElse(0);
        memory = arena.allocate(WINDOWS * window(layout), StateLayout.GRAIN * Float.BYTES);
    }

    /**
     * Opens the state that lies in {@code directory}, or makes one, whose bytes are taken from the disk now.
     *
     * @throws IllegalArgumentException if it does not fit there, or is of another model
     */
    public static StreamedState open(NetworkSpec spec, Path directory, Optimizer.Maker optimizer) {
        return open(spec, directory, optimizer, () -> {});
    }

    static StreamedState open(NetworkSpec spec, Path directory, Optimizer.Maker optimizer, Runnable beforeEachWrite) {
        return new StreamedState(spec, directory, optimizer, beforeEachWrite);
    }

    /**
     * Bytes in memory of a network's state.
     *
     * @param windows   that layers and their gradients pass through
     * @param resident  weights that stay, and their gradients
     * @param update    moments of the largest layer and of what stays, while layers are gone through for the first time after an update
     * @param layer     gradients of the largest layer, while they are computed
     * @param disk      bytes on the disk
     * @param moved     bytes read and written in a step of one batch, at most
     */
    public record Needs(long windows, long resident, long update, long layer, long disk, long moved) {}

    /** What a network would need. */
    public static Needs needs(NetworkSpec spec, Optimizer.Maker optimizer) {
        var layout = new StateLayout(spec);
        int moments = optimizer.moments().size();
        long stays = layout.elements() - layout.streamed();
        // weights are read twice and written, gradients written and read, moments both
        long moved = Float.BYTES * ((5 + 2 * moments) * layout.streamed() + (1 + 2 * moments) * stays);
        return new Needs(WINDOWS * window(layout), 2 * Float.BYTES * stays, StreamedUpdate.bytes(layout, optimizer),
                Float.BYTES * layout.largestLayer(), StateFiles.diskBytes(layout, moments), moved);
    }

    /** Bytes of the largest layer. */
    private static long window(StateLayout layout) {
        return Float.BYTES * Math.max(StateLayout.GRAIN, layout.largestLayer());
    }

    private MemorySegment window(int index) {
        return memory.asSlice(index * window(layout), window(layout));
    }

    // ---- making the network ------------------------------------------------------------------------------------------------------------------

    /** Writes a fresh weight to the disk; where a state was found, its own is the one that counts. */
    @Override
    public Tensor place(Parameter parameter, Tensor tensor) {
        Place place = layout.place(parameter.name());
        if (place == null) {
            return tensor;
        }
        boolean stays = !StateLayout.isStreamed(parameter);
        if (!found) {
            write(StateFiles.WEIGHTS, slot, place, tensor.segment());
        } else if (stays) {
            read(StateFiles.WEIGHTS, slot, place, tensor.segment());
        }
        if (stays) {
            return tensor;
        }
        tensor.close();
        return null;
    }

    /**
     * Serves a network from now on.
     *
     * @param network made with this as its {@link Placing}
     */
    public void attach(Network network) {
        model = network;
        layers = StreamedLayer.of(network, layout);
        weights = new StreamedWeights(layers.values(), queue, this::read, window(0), window(1));
        gradients = new StreamedGradients(files, queue, window(2), window(3));
        network.residency(this);
        if (!found) {
            files.commit(new StateFiles.Commit(0, 0, slot));
        }
    }

    /** Begins to read a layer's weights as they are now. */
    private Transfer read(StreamedLayer layer, MemorySegment into, Transfer before) {
        int from = pending == null || pending.lacks(layer) ? slot : pending.to();
        return queue.submit(into, (at, part) -> files.read(StateFiles.WEIGHTS, from, layer.first() + at / Float.BYTES, part), before);
    }

    @Override
    public void enter(Part part) {
        StreamedLayer layer = layers.get(part);
        entered = layer;
        if (layer == null) {
            return;
        }
        if (pending != null && pending.isEverywhere()) {
            complete();
        }
        LayerWindow here = weights.enter(layer);
        LayerWindow sums = lacks(layer) ? gradients.take(layer) : null;
        StreamedLayer next = weights.next();
        if (next != null) {
            weights.expect(next);
        }
        if (lacks(next)) {
            gradients.take(next);
        }
        if (sums != null) {
            pending.apply(layer, here, sums, gradients.squares().keySet());
        }
        if (lacks(next)) {
            pending.expect(next);
        }
        weights.place();
        if (pending == null && weights.goesDown()) {
            gradients.expect(layer);
        }
    }

    private boolean lacks(StreamedLayer layer) {
        return pending != null && layer != null && pending.lacks(layer);
    }

    @Override
    public void leave(Part part) {
        StreamedLayer layer = layers.get(part);
        if (entered != null) {
            if (entered.weights().stream().anyMatch(weight -> weight.isHere() && weight.tensor().grad() != null)) {
                // the sums of the step before are not needed any more
                flush();
                gradients.add(entered);
            }
            entered = null;
        }
        if (layer != null) {
            weights.leave(layer);
        }
    }

    // ---- a step ------------------------------------------------------------------------------------------------------------------------------

    @Override
    public double norm() {
        var all = new SumOfSquares();
        squares().values().forEach(all::add);
        return all.norm();
    }

    /** Of the gradients, in the order of the weights. */
    private Map<String, SumOfSquares> squares() {
        Map<String, SumOfSquares> all = new LinkedHashMap<>();
        model.weights().forEach((name, weight) -> {
            SumOfSquares streamed = gradients.squares().get(name);
            if (streamed != null) {
                all.put(name, streamed);
            } else if (weight.isHere() && weight.tensor().grad() != null) {
                all.put(name, SumOfSquares.of(List.of(weight.tensor().grad())));
            }
        });
        return all;
    }

    @Override
    public Optional<String> brokenGradient() {
        return squares().entrySet().stream().filter(e -> !e.getValue().isFinite()).map(Map.Entry::getKey).findFirst();
    }

    /** Weights that stay in memory are moved now, layers when they are used next. */
    @Override
    public void update(long updates, double lr, Tensor gradScale) {
        flush();
        if (uncommitted) {
            throw new IllegalStateException("the last update was not committed: another would overwrite what is");
        }
        pending = new StreamedUpdate(model, layout, files, queue, optimizer, layers.values(), slot, updates, lr, gradScale);
        pending.resident();
        layers.values().stream().filter(layer -> layer.index() == 0).forEach(pending::expect);
    }

    /** Does what is left of the last update. */
    private void flush() {
        if (pending == null) {
            return;
        }
        for (Part part : model.parts()) {
            if (lacks(layers.get(part))) {
                enter(part);
                leave(part);
            }
        }
        complete();
    }

    /** All layers have had the last update: it is in its files, and valid from now on. */
    private void complete() {
        pending.await();
        pending.close();
        slot = pending.to();
        pending = null;
        gradients.clear();
        uncommitted = true;
        if (done != null) {
            commit(done);
        }
    }

    @Override
    public void clear() {
        model.trainable().values().forEach(Tensor::clearGrad);
        if (pending == null) {
            gradients.clear();
        }
    }

    // ---- what outlives the process -----------------------------------------------------------------------------------------------------------

    @Override
    public boolean outlivesTheProcess() {
        return true;
    }

    @Override
    public Optional<Done> committed() {
        return files.committed().map(commit -> new Done(commit.steps(), commit.updates()));
    }

    /** An update that layers have yet to get is valid when the last has it: a process that is killed before goes on from the step before. */
    @Override
    public void commit(Done now) {
        if (pending != null) {
            done = now;
            return;
        }
        files.commit(new StateFiles.Commit(now.steps(), now.updates(), slot));
        done = null;
        uncommitted = false;
    }

    /** As in memory: whole tensors under their names. */
    @Override
    public void save(Path directory) {
        flush();
        NetworkFiles.save(model, directory, StorageType.F32);
        weights.forget();
        List<NetworkFiles.Named> moments = new ArrayList<>();
        var held = new Tensor[1];
        for (int kind = 0; kind < optimizer.moments().size(); kind++) {
            int number = 1 + kind;
            for (Place place : layout.places()) {
                moments.add(new NetworkFiles.Named(optimizer.moments().get(kind) + place.name(), place.parameter().shape(), () -> {
                    close(held[0]);
                    held[0] = Tensor.empty(DType.F32, place.parameter().shape()).keep();
                    read(number, slot, place, held[0].segment());
                    return held[0];
                }));
            }
        }
        try {
            NetworkFiles.writeTensors(directory.resolve(Optimizer.FILE), moments, StorageType.F32);
        } finally {
            close(held[0]);
        }
    }

    private static void close(Tensor tensor) {
        if (tensor != null) {
            tensor.close();
        }
    }

    @Override
    public void load(Path directory) {
        flush();
        weights.forget();
        gradients.clear();
        int to = 1 - slot;
        Checkpoints.weights(directory, spec, (parameter, tensor) -> {
            Place place = layout.place(parameter.name());
            if (place != null) {
                write(StateFiles.WEIGHTS, to, place, tensor.segment());
                Weight weight = model.weights().get(parameter.name());
                if (weight.isHere()) {
                    weight.tensor().segment().copyFrom(tensor.segment());
                }
            }
        });
        Map<String, Place> places = new HashMap<>();
        Map<String, Integer> kinds = new HashMap<>();
        Map<String, long[]> shapes = new LinkedHashMap<>();
        for (int kind = 0; kind < optimizer.moments().size(); kind++) {
            for (Place place : layout.places()) {
                String name = optimizer.moments().get(kind) + place.name();
                places.put(name, place);
                kinds.put(name, 1 + kind);
                shapes.put(name, place.parameter().shape());
            }
        }
        Optimizer.read(directory, shapes, (name, view) -> {
            try (Tensor moment = Tensor.empty(DType.F32, view.shape()).keep()) {
                MemorySegment data = view.data();
                HalfFloats.toF32(view.type(), data, moment.segment());
                if (data.isMapped()) {
                    data.unload();
                }
                write(kinds.get(name), to, places.get(name), moment.segment());
            }
        });
        slot = to;
        uncommitted = true;
    }

    /** Through the windows of weights, since direct I/O wants pages. */
    private void read(int kind, int from, Place place, MemorySegment into) {
        long piece = window(layout) / Float.BYTES;
        for (long at = 0; at < place.count(); at += piece) {
            long count = Math.min(piece, place.count() - at);
            files.read(kind, from, place.first() + at, memory.asSlice(0, StateLayout.whole(count) * Float.BYTES));
            into.asSlice(at * Float.BYTES, count * Float.BYTES).copyFrom(memory.asSlice(0, count * Float.BYTES));
        }
    }

    private void write(int kind, int to, Place place, MemorySegment elements) {
        long piece = window(layout) / Float.BYTES;
        for (long at = 0; at < place.count(); at += piece) {
            long count = Math.min(piece, place.count() - at);
            memory.asSlice(0, count * Float.BYTES).copyFrom(elements.asSlice(at * Float.BYTES, count * Float.BYTES));
            files.write(kind, to, place.first() + at, memory.asSlice(0, StateLayout.whole(count) * Float.BYTES));
        }
    }

    // ---- figures -----------------------------------------------------------------------------------------------------------------------------

    /**
     * What the disk did so far.
     *
     * @param bytes  read and written
     * @param busy   seconds in which it read or wrote
     * @param waited seconds that training waited for them
     */
    public record Traffic(long bytes, double busy, double waited) {
        /** The share of the disk's time that training did not wait for. */
        public double hidden() {
            return busy == 0 ? 1 : Math.max(0, 1 - waited / busy);
        }

        /** One line. */
        public String text() {
            return String.format(Locale.ROOT, "streamed %s at %.2f GB/s; training waited for %.1f s of the disk's %.1f s, %.0f %% were hidden", Sizes.of(bytes), bytes / 1e9 / Math.max(1e-9, busy),
                    waited, busy, 100 * hidden());
        }
    }

    public Traffic traffic() {
        return new Traffic(files.moved(), files.nanoseconds() / 1e9, queue.waited() / 1e9);
    }

    /** The files stay: weights are read from them until this is closed. */
    @Override
    public void release() {}

    /** Closes this and removes the files: the model is saved elsewhere. */
    public void delete() {
        close();
        FileTree.delete(directory);
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (model != null && model.residency() == this) {
            model.residency(Residency.HERE);
        }
        queue.close();
        if (pending != null) {
            pending.close();
        }
        files.close();
        arena.close();
    }
}
