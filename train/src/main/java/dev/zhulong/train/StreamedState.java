package dev.zhulong.train;

import dev.zhulong.formats.FileTree;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.Part;
import dev.zhulong.model.Placing;
import dev.zhulong.model.Residency;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.SumOfSquares;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.StateLayout.Place;
import dev.zhulong.train.StreamedWeights.Layer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;

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
    /** Pieces of an update that are in memory together: one is read, one is computed, one is written. */
    private static final int PIECES = 3;

    private final NetworkSpec spec;
    private final StateLayout layout;
    private final StateFiles files;
    private final Path directory;
    private final Optimizer.Maker optimizer;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final long piece;
    private final DiskQueue reads = new DiskQueue("reads of the training's state");
    private final DiskQueue writes = new DiskQueue("writes of the training's state");
    private final boolean found;
    private Network model;
    private StreamedWeights weights;
    private StreamedGradients gradients;
    /** The layer that is in use; null for none. */
    private Layer entered;
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
        piece = piece(layout, optimizer);
        memory = arena.allocate(windows(layout, optimizer), StateLayout.GRAIN * Float.BYTES);
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
     * @param windows   that layers, their gradients and the pieces of an update pass through
     * @param resident  weights that stay, and their gradients
     * @param layer     gradients of the largest layer, while they are computed
     * @param disk      bytes on the disk
     */
    public record Needs(long windows, long resident, long layer, long disk) {}

    /** What a network would need. */
    public static Needs needs(NetworkSpec spec, Optimizer.Maker optimizer) {
        var layout = new StateLayout(spec);
        return new Needs(windows(layout, optimizer), 2 * Float.BYTES * (layout.elements() - layout.streamed()), Float.BYTES * layout.largestLayer(),
                StateFiles.diskBytes(layout, optimizer.moments().size()));
    }

    /** Two layers' weights and two layers' gradients; at another time, three pieces of an update with weights, gradients and moments. */
    private static long windows(StateLayout layout, Optimizer.Maker optimizer) {
        return Float.BYTES * Math.max(4 * layout.largestLayer(), PIECES * (2 + optimizer.moments().size()) * piece(layout, optimizer));
    }

    private static long piece(StateLayout layout, Optimizer.Maker optimizer) {
        long fits = 4 * layout.largestLayer() / (PIECES * (2 + optimizer.moments().size()));
        return Math.max(StateLayout.GRAIN, fits / StateLayout.GRAIN * StateLayout.GRAIN);
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
        Map<Part, Layer> layers = new IdentityHashMap<>();
        Set<Weight> seen = new HashSet<>();
        for (Part part : network.parts()) {
            List<Weight> streamed = part.weights().stream().filter(weight -> !weight.isHere()).distinct()
                    .sorted((a, b) -> Long.compare(place(a).first(), place(b).first())).toList();
            if (!streamed.isEmpty()) {
                var layer = new Layer(layers.size(), streamed, streamed.stream().map(this::place).toList());
                boolean together = layer.places().stream().mapToLong(p -> p.end() - p.first()).sum() == layer.end() - layer.first();
                if (!together || !streamed.stream().allMatch(seen::add)) {
                    throw new UnsupportedOperationException("training from the disk is not implemented for a " + spec.family().modelType() + ": its layers share matrices");
                }
                layers.put(part, layer);
            }
        }
        if (seen.size() != network.weights().values().stream().filter(weight -> !weight.isHere()).count()) {
            throw new IllegalStateException("a weight is away that no layer has");
        }
        long layer = layout.largestLayer() * Float.BYTES;
        weights = new StreamedWeights(layers, reads, (l, into) -> files.read(StateFiles.WEIGHTS, slot, l.first(), into), true, memory.asSlice(0, layer), memory.asSlice(layer, layer));
        gradients = new StreamedGradients(files, reads, writes, memory.asSlice(2 * layer, layer), memory.asSlice(3 * layer, layer));
        network.residency(this);
        if (!found) {
            files.commit(new StateFiles.Commit(0, 0, slot));
        }
    }

    private Place place(Weight weight) {
        return layout.place(weight.parameter().name());
    }

    @Override
    public void enter(Part part) {
        Layer layer = weights.enter(part);
        if (layer != null && weights.goesDown()) {
            gradients.expect(layer);
        }
        entered = layer;
    }

    @Override
    public void leave(Part part) {
        if (entered != null) {
            gradients.add(entered);
            entered = null;
        }
        weights.leave(part);
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

    /** Elements from {@code first} on, in memory. */
    private final class Piece {
        private final MemorySegment[] kinds = new MemorySegment[2 + optimizer.moments().size()];
        private long first;
        private long end;
        private Future<?> read = DiskQueue.NOTHING;
        private Future<?> written = DiskQueue.NOTHING;

        Piece(int number) {
            for (int kind = 0; kind < kinds.length; kind++) {
                kinds[kind] = memory.asSlice(((long) number * kinds.length + kind) * piece * Float.BYTES, piece * Float.BYTES);
            }
        }

        MemorySegment bytes(int kind, long from, long count) {
            return kinds[kind].asSlice((from - first) * Float.BYTES, count * Float.BYTES);
        }

        /** Begins to read; of weights that stay in memory the moments alone. */
        void read(long from) {
            first = from;
            boolean streamed = from < layout.streamed();
            end = Math.min(from + piece, streamed ? layout.streamed() : layout.elements());
            Future<?> before = written;
            long bytes = (end - first) * Float.BYTES;
            read = reads.submit(() -> {
                DiskQueue.done(before);
                for (int kind = streamed ? StateFiles.WEIGHTS : 1; kind < kinds.length - 1; kind++) {
                    files.read(kind, slot, from, kinds[kind].asSlice(0, bytes));
                }
                if (streamed) {
                    files.readGradients(from, kinds[kinds.length - 1].asSlice(0, bytes));
                }
            });
        }

        void write(int to) {
            long from = first;
            long bytes = (end - first) * Float.BYTES;
            written = writes.submit(() -> {
                for (int kind = 0; kind < kinds.length - 1; kind++) {
                    files.write(kind, to, from, kinds[kind].asSlice(0, bytes));
                }
            });
        }
    }

    @Override
    public void update(long updates, double lr, Tensor gradScale) {
        if (uncommitted) {
            throw new IllegalStateException("the last update was not committed: another would overwrite what is");
        }
        gradients.settle();
        weights.forget();
        Piece[] pieces = new Piece[PIECES];
        for (int i = 0; i < PIECES; i++) {
            pieces[i] = new Piece(i);
        }
        List<Long> starts = new ArrayList<>();
        for (long at = 0; at < layout.elements(); at = at < layout.streamed() ? Math.min(at + piece, layout.streamed()) : at + piece) {
            starts.add(at);
        }
        for (int i = 0; i < starts.size(); i++) {
            for (int ahead = i == 0 ? 0 : i + PIECES - 2; ahead < Math.min(starts.size(), i + PIECES - 1); ahead++) {
                pieces[ahead % PIECES].read(starts.get(ahead));
            }
            Piece now = pieces[i % PIECES];
            reads.await(now.read);
            update(now, updates, lr, gradScale);
            now.write(1 - slot);
        }
        for (Piece each : pieces) {
            writes.await(each.written);
        }
        slot = 1 - slot;
        uncommitted = true;
        weights.begin();
    }

    private void update(Piece now, long updates, double lr, Tensor gradScale) {
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            Map<String, Tensor> parameters = new LinkedHashMap<>();
            List<Map<String, Tensor>> moments = new ArrayList<>();
            optimizer.moments().forEach(kind -> moments.add(new LinkedHashMap<>()));
            for (Place place : layout.places()) {
                long from = Math.max(now.first, place.first());
                long count = Math.min(now.end, place.first() + place.count()) - from;
                if (count <= 0) {
                    continue;
                }
                Weight weight = model.weights().get(place.name());
                Tensor gradient = weight.isHere() ? weight.tensor().grad() : null;
                if (weight.isHere()) {
                    now.bytes(StateFiles.WEIGHTS, from, count).copyFrom(part(weight.tensor(), place, from, count));
                }
                if (gradient == null && !gradients.squares().containsKey(place.name())) {
                    continue;
                }
                Tensor p = Tensor.view(now.bytes(StateFiles.WEIGHTS, from, count), DType.F32, count);
                p.setGrad(gradient != null ? gradient.contiguous().view(-1).narrow(0, from - place.first(), count)
                        : Tensor.view(now.bytes(now.kinds.length - 1, from, count), DType.F32, count));
                parameters.put(place.name(), p);
                for (int kind = 0; kind < moments.size(); kind++) {
                    moments.get(kind).put(place.name(), Tensor.view(now.bytes(1 + kind, from, count), DType.F32, count));
                }
            }
            try (Optimizer step = optimizer.over(parameters, model.decayed(), moments)) {
                step.step(updates, lr, gradScale);
            }
            for (Place place : layout.places()) {
                long from = Math.max(now.first, place.first());
                long count = Math.min(now.end, place.first() + place.count()) - from;
                if (count > 0 && model.weights().get(place.name()).isHere()) {
                    part(model.weights().get(place.name()).tensor(), place, from, count).copyFrom(now.bytes(StateFiles.WEIGHTS, from, count));
                }
            }
        }
    }

    private static MemorySegment part(Tensor whole, Place place, long from, long count) {
        return whole.segment().asSlice((from - place.first()) * Float.BYTES, count * Float.BYTES);
    }

    @Override
    public void clear() {
        model.trainable().values().forEach(Tensor::clearGrad);
        gradients.clear();
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

    @Override
    public void commit(Done done) {
        files.commit(new StateFiles.Commit(done.steps(), done.updates(), slot));
        uncommitted = false;
    }

    /** As in memory: whole tensors under their names. */
    @Override
    public void save(Path directory) {
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
        weights.forget();
        gradients.clear();
        int to = 1 - slot;
        try {
            NetworkFiles.read(directory, spec, (parameter, tensor) -> {
                Place place = layout.place(parameter.name());
                if (place != null) {
                    write(StateFiles.WEIGHTS, to, place, tensor.segment());
                    Weight weight = model.weights().get(parameter.name());
                    if (weight.isHere()) {
                        weight.tensor().segment().copyFrom(tensor.segment());
                    }
                }
            });
        } catch (FormatException e) {
            throw new TrainingStopped(e.getMessage() + ": choose another run directory");
        }
        Path file = directory.resolve(Optimizer.FILE);
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            for (int kind = 0; kind < optimizer.moments().size(); kind++) {
                for (Place place : layout.places()) {
                    String name = optimizer.moments().get(kind) + place.name();
                    TensorView view = stored.tensors().get(name);
                    if (view == null) {
                        throw new FormatException(file, "tensor " + name + " is missing: these moments belong to another model");
                    }
                    view.requireShape(place.parameter().shape());
                    try (Tensor moment = Tensor.empty(DType.F32, place.parameter().shape()).keep()) {
                        MemorySegment data = view.data();
                        HalfFloats.toF32(view.type(), data, moment.segment());
                        if (data.isMapped()) {
                            data.unload();
                        }
                        write(1 + kind, to, place, moment.segment());
                    }
                }
            }
        }
        slot = to;
        uncommitted = true;
    }

    /** Through the windows, since direct I/O wants pages. */
    private void read(int kind, int from, Place place, MemorySegment into) {
        for (long at = 0; at < place.count(); at += piece) {
            long count = Math.min(piece, place.count() - at);
            files.read(kind, from, place.first() + at, memory.asSlice(0, StateLayout.whole(count) * Float.BYTES));
            into.asSlice(at * Float.BYTES, count * Float.BYTES).copyFrom(memory.asSlice(0, count * Float.BYTES));
        }
    }

    private void write(int kind, int to, Place place, MemorySegment elements) {
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
     * @param busy   seconds that reads and writes took, those at the same time added up
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
        return new Traffic(files.moved(), files.nanoseconds() / 1e9, (reads.waited() + writes.waited()) / 1e9);
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
        reads.close();
        writes.close();
        files.close();
        arena.close();
    }
}
