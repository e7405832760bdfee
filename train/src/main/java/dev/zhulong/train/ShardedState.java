package dev.zhulong.train;

import dev.zhulong.distribute.Call;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Parts;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.model.Network;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.model.Part;
import dev.zhulong.model.Residency;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.SumOfSquares;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.train.GatheredWeights.Away;
import dev.zhulong.train.GatheredWeights.Layer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * A state that ranks share (ZeRO, Rajbhandari et al. 2020). Each tensor that is trained is cut into as many parts as there are ranks, at multiples of 64 values. In stage 1 a rank has the
 * optimizer's moments of its parts alone and makes their update; the weights are gathered again after it. From stage 2 on it has the sums of its parts' gradients alone, and a
 * batch's own gradients only until they are sent. In stage 3 the weights of layers are shared out as well: a layer is gathered before it is used, in forward and again in backward, and
 * let go after it. Embedding, head and last norm, and what several layers share, are used outside of layers as well, and stay whole; of an adapter its base is shared out, and it stays.
 *
 * <p>AdamW is a function of each value, sums are in the order of the ranks, and the norm is that of the values however they are cut: all bits are those of whole states.
 */
final class ShardedState implements State, Residency {
    private static final int GRAIN = 64;

    private final Network model;
    private final Optimizer.Maker maker;
    private final Exchanges exchanges;
    private final int rank;
    private final int size;
    private final LongSupplier step;
    private final boolean eachBatch;
    /** What is trained, by name, in its order. */
    private final Map<String, Shard> shards = new LinkedHashMap<>();
    private final Map<String, Weight> away = new HashMap<>();
    private final Map<Weight, Shard> ofAway = new IdentityHashMap<>();
    private final Arena weightMemory = Arena.ofShared();
    private final Arena memory = Arena.ofShared();
    private final List<Map<String, Tensor>> moments = new ArrayList<>();
    private final Windows windows;
    private final ShardedGradients gradients;
    /** Null where all weights are whole. */
    private final GatheredWeights gathered;
    private final Optimizer optimizer;
    private final long sumBytes;
    private final long awayBytes;
    private boolean alone;
    private boolean released;

    /**
     * @param model whole; of stage 3, what is shared out of it is freed here
     * @param step  that is being done
     * @param stage 1 to 3
     */
    ShardedState(Network model, Optimizer.Maker maker, int stage, Exchanges exchanges, LongSupplier step) {
        if (!model.device().isCpu()) {
            throw new IllegalArgumentException("ranks share their state in the processor's memory: leave train.zero out on " + model.device());
        }
        if (stage == 3 && model.isQuantized()) {
            throw new IllegalArgumentException("train.zero=3 shares out weights in F32, and this base is quantized: choose train.zero=1 or 2");
        }
        this.model = model;
        this.maker = maker;
        this.exchanges = exchanges;
        this.step = step;
        rank = exchanges.ranks().rank();
        size = exchanges.ranks().size();
        eachBatch = stage > 1;
        Map<String, Tensor> trained = new LinkedHashMap<>(model.trainable());
        List<Layer> layers = stage == 3 ? layers(trained) : List.of();
        awayBytes = layers.stream().flatMap(layer -> layer.weights().stream()).mapToLong(each -> each.own().byteSize()).sum();
        Map<Tensor, Away> owners = new IdentityHashMap<>();
        layers.forEach(layer -> layer.weights().forEach(each -> owners.put(each.weight().tensor(), each)));
        trained.forEach((name, tensor) -> {
            var parts = new Parts(tensor.elements(), size);
            Away owner = owners.get(tensor);
            var shard = new Shard(name, tensor.shape(), parts, rank, owner != null ? owner.own() : parts.in(tensor.segment(), rank));
            shards.put(name, shard);
            if (owner != null) {
                away.put(name, owner.weight());
                ofAway.put(owner.weight(), shard);
            }
        });
        Map<Shard, MemorySegment> sums = eachBatch ? ofShards() : null;
        sumBytes = sums == null ? 0 : bytes(sums.values());
        for (int kind = 0; kind < maker.moments().size(); kind++) {
            Map<String, Tensor> each = new LinkedHashMap<>();
            ofShards().forEach((shard, part) -> each.put(shard.name(), Tensor.view(part, DType.F32, shard.length()).keep()));
            moments.add(each);
        }
        Map<String, Tensor> own = new LinkedHashMap<>();
        shards.values().stream().filter(shard -> shard.length() > 0).forEach(shard -> own.put(shard.name(), shard.values()));
        optimizer = maker.over(own, model.decayed(), moments);
        windows = new Windows(exchanges, shards.values().stream().mapToLong(Shard::count).max().orElse(0));
        gradients = new ShardedGradients(exchanges, windows, List.copyOf(shards.values()), sums, step);
        gathered = layers.isEmpty() ? null : new GatheredWeights(exchanges, layers, step);
        if (gathered != null) {
            owners.forEach((whole, each) -> {
                each.weight().set(null);
                whole.close();
            });
            model.residency(this);
        }
    }

    /** What is shared out, with the values of this rank's parts. */
    private List<Layer> layers(Map<String, Tensor> trained) {
        // what an adapter has in the place of a weight is the adapter's
        Set<Tensor> adapted = Collections.newSetFromMap(new IdentityHashMap<>());
        adapted.addAll(model.adapter().isPresent() ? trained.values() : List.of());
        Map<Weight, Integer> uses = new IdentityHashMap<>();
        model.parts().forEach(part -> part.weights().stream().distinct().forEach(weight -> uses.merge(weight, 1, Integer::sum)));
        List<List<Weight>> all = new ArrayList<>();
        for (Part part : model.parts()) {
            all.add(part.weights().stream().distinct().filter(weight -> weight.isHere() && weight.parameter().layer() >= 0 && uses.get(weight) == 1
                    && weight.parameter().role() != Role.CORRECTION && !adapted.contains(weight.tensor())).toList());
        }
        all.removeIf(List::isEmpty);
        SegmentAllocator place = SegmentAllocator.slicingAllocator(weightMemory.allocate(
                all.stream().flatMap(List::stream).mapToLong(weight -> room(new Parts(weight.parameter().count(), size).length(rank))).sum(), GRAIN));
        List<Layer> layers = new ArrayList<>();
        for (List<Weight> weights : all) {
            layers.add(new Layer(layers.size(), weights.stream().map(weight -> {
                MemorySegment values = new Parts(weight.parameter().count(), size).in(weight.tensor().segment(), rank);
                MemorySegment own = place.allocate(values.byteSize(), GRAIN);
                own.copyFrom(values);
                return new Away(weight, own, trained.get(weight.parameter().name()) == weight.tensor());
            }).toList()));
        }
        return layers;
    }

    private static long room(long values) {
        return Parts.whole(values) * Float.BYTES;
    }

    /** Zeroed memory for a value of each of this rank's. */
    private Map<Shard, MemorySegment> ofShards() {
        SegmentAllocator place = SegmentAllocator.slicingAllocator(memory.allocate(shards.values().stream().mapToLong(shard -> room(shard.length())).sum(), GRAIN));
        Map<Shard, MemorySegment> all = new LinkedHashMap<>();
        shards.values().forEach(shard -> all.put(shard, place.allocate(shard.length() * Float.BYTES, GRAIN)));
        return all;
    }

    private static long bytes(Collection<MemorySegment> all) {
        return all.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    // ---- for the ranks -----------------------------------------------------------------------------------------------------------------------

    /** Whether gradients go after each batch. */
    boolean sumsEachBatch() {
        return eachBatch;
    }

    /** How gradients go, of those weights that are whole in groups. */
    Reduction expect(List<List<Tensor>> groups) {
        Map<Tensor, Shard> weights = new IdentityHashMap<>();
        model.trainable().forEach((name, tensor) -> weights.put(tensor, shards.get(name)));
        gradients.expect(groups, weights);
        return gradients;
    }

    @Override
    public void enter(Part part) {
        gathered.enter(part);
    }

    @Override
    public void leave(Part part) {
        gathered.leave(part);
    }

    @Override
    public void gradientsAreThere(Part part) {
        Layer layer = gathered.of(part);
        if (layer != null) {
            layer.weights().stream().filter(Away::trained).forEach(each -> gradients.add(ofAway.get(each.weight()), each.weight().tensor()));
            gradients.beginWhereWorthIt();
        }
    }

    // ---- a step ------------------------------------------------------------------------------------------------------------------------------

    /** Squares of this rank's parts of the sums, by name. */
    private Map<String, SumOfSquares> squares() {
        gradients.allThere(step.getAsLong());
        gradients.handOut();
        Map<String, SumOfSquares> all = new LinkedHashMap<>();
        shards.forEach((name, shard) -> {
            if (shard.summed()) {
                all.put(name, SumOfSquares.of(List.of(sum(shard))));
            }
        });
        return all;
    }

    private Tensor sum(Shard shard) {
        return gradients.sum(shard, eachBatch ? null : model.trainable().get(shard.name()));
    }

    /** Of all ranks' parts. */
    @Override
    public double norm() {
        var mine = new SumOfSquares();
        squares().values().forEach(mine::add);
        var all = new SumOfSquares();
        for (double[] each : gather("squares of gradients", mine.exchanged())) {
            all.add(SumOfSquares.of(each));
        }
        return all.norm();
    }

    /** The first of all ranks', so that all say the same. */
    @Override
    public Optional<String> brokenGradient() {
        List<String> names = List.copyOf(shards.keySet());
        double mine = squares().entrySet().stream().filter(e -> !e.getValue().isFinite()).mapToInt(e -> names.indexOf(e.getKey())).min().orElse(Integer.MAX_VALUE);
        int first = Integer.MAX_VALUE;
        for (double[] each : gather("broken gradients", mine)) {
            first = Math.min(first, (int) each[0]);
        }
        return first == Integer.MAX_VALUE ? Optional.empty() : Optional.of(names.get(first));
    }

    private double[][] gather(String what, double... mine) {
        var call = new Call(step.getAsLong(), what);
        return exchanges.then(ranks -> ranks.gather(call, mine));
    }

    @Override
    public void update(long updates, double lr, Tensor gradScale) {
        for (Shard shard : shards.values()) {
            if (shard.summed() && shard.length() > 0) {
                shard.values().setGrad(sum(shard));
            }
        }
        optimizer.step(updates, lr, gradScale);
        if (gathered != null) {
            gathered.forget();
        }
        int calls = 0;
        List<MemorySegment> wholes = new ArrayList<>();
        for (Map.Entry<String, Tensor> each : model.trainable().entrySet()) {
            Shard shard = shards.get(each.getKey());
            if (!windows.fits(shard.count()) || windows.isWorthACall()) {
                gatherWeights(calls++, wholes);
                wholes = new ArrayList<>();
            }
            MemorySegment whole = each.getValue().segment();
            shard.own(windows.run(shard.count())).copyFrom(shard.own(whole));
            wholes.add(whole);
        }
        gatherWeights(calls, wholes);
        windows.await();
    }

    /** Fills weights with what their owners have made of them. */
    private void gatherWeights(int number, List<MemorySegment> wholes) {
        var call = new Call(step.getAsLong(), "weights, part " + number);
        windows.begin((ranks, runs) -> {
            ranks.allGather(call, runs);
            for (int i = 0; i < runs.size(); i++) {
                wholes.get(i).copyFrom(runs.get(i));
            }
        });
    }

    @Override
    public void clear() {
        // what is under way may write into gradients
        gradients.await();
        shards.values().forEach(Shard::clear);
        model.trainable().values().forEach(Tensor::clearGrad);
    }

    // ---- what one rank does alone ------------------------------------------------------------------------------------------------------------

    /** Tells the others what is needed before it is gathered: a layer, and in which window, or, of the kinds of moments from 1 on, those of a weight. */
    private static void ask(Collectives ranks, long step, double kind, double index, double window) {
        ranks.gather(new Call(step, "what rank 0 needs"), kind, index, window);
    }

    @Override
    public void alone(Runnable work) {
        long now = step.getAsLong();
        alone = true;
        if (gathered != null) {
            gathered.before((ranks, layer, window) -> ask(ranks, now, 0, layer, window));
        }
        try {
            work.run();
        } finally {
            alone = false;
            if (gathered != null) {
                gathered.forget();
                gathered.before(null);
            }
            exchanges.then(ranks -> {
                ask(ranks, now, -1, 0, 0);
                return null;
            });
        }
    }

    @Override
    public void serve() {
        for (;;) {
            double[] needed = gather("what rank 0 needs", 0, 0, 0)[0];
            if (needed[0] < 0) {
                break;
            } else if (needed[0] == 0) {
                gathered.provide((int) needed[1], (int) needed[2]);
            } else {
                moment((int) needed[0] - 1, List.copyOf(shards.values()).get((int) needed[1]));
            }
        }
        if (gathered != null) {
            gathered.forget();
        }
    }

    /** A moment of a whole weight, until the one after the next is asked for. */
    private MemorySegment moment(int kind, Shard shard) {
        windows.await();
        MemorySegment[] whole = new MemorySegment[1];
        whole[0] = windows.run(shard.count());
        shard.own(whole[0]).copyFrom(moments.get(kind).get(shard.name()).segment());
        var call = new Call(step.getAsLong(), maker.moments().get(kind) + shard.name());
        windows.begin((ranks, runs) -> ranks.allGather(call, runs));
        windows.await();
        return whole[0];
    }

    /** Whole tensors under their names, one after another, as of a state that is whole; in {@link #alone}. */
    @Override
    public void save(Path directory) {
        if (!alone) {
            throw new IllegalStateException("what is shared is saved by one rank while the others serve it");
        }
        model.adapter().ifPresentOrElse(adapter -> adapter.save(directory, StorageType.F32), () -> NetworkFiles.save(model, directory, StorageType.F32));
        List<Shard> all = List.copyOf(shards.values());
        List<NetworkFiles.Named> named = new ArrayList<>();
        for (int kind = 0; kind < moments.size(); kind++) {
            int number = kind;
            for (int i = 0; i < all.size(); i++) {
                int index = i;
                Shard shard = all.get(i);
                named.add(new NetworkFiles.Named(maker.moments().get(kind) + shard.name(), shard.shape(), () -> {
                    exchanges.then(ranks -> {
                        ask(ranks, step.getAsLong(), 1 + number, index, 0);
                        return null;
                    });
                    return Tensor.view(moment(number, shard), DType.F32, shard.shape());
                }));
            }
        }
        NetworkFiles.writeTensors(directory.resolve(Optimizer.FILE), named, StorageType.F32);
    }

    // ---- beginning and end -------------------------------------------------------------------------------------------------------------------

    /** Each rank reads its parts from files of whole tensors. */
    @Override
    public void load(Path directory) {
        if (gathered != null) {
            gathered.forget();
        }
        if (model.adapter().isPresent()) {
            try (LoraAdapter stored = LoraAdapter.load(directory, model)) {
                if (!stored.parameters().keySet().equals(shards.keySet())) {
                    throw new TrainingStopped(directory + " holds an adapter of other projections: choose another run directory");
                }
                stored.parameters().forEach((name, tensor) -> put(name, tensor.segment()));
            }
        } else {
            Checkpoints.weights(directory, model.spec(), (parameter, tensor) -> put(parameter.name(), tensor.segment()));
        }
        loadMoments(directory);
    }

    private void put(String name, MemorySegment values) {
        Shard shard = shards.get(name);
        if (shard != null && away.containsKey(name)) {
            shard.values().segment().copyFrom(shard.own(values));
        } else if (shard != null) {
            model.trainable().get(name).segment().copyFrom(values);
        }
    }

    private void loadMoments(Path directory) {
        Map<String, Shard> of = new HashMap<>();
        Map<String, MemorySegment> to = new HashMap<>();
        Map<String, long[]> shapes = new LinkedHashMap<>();
        for (int kind = 0; kind < moments.size(); kind++) {
            for (Shard shard : shards.values()) {
                String name = maker.moments().get(kind) + shard.name();
                of.put(name, shard);
                to.put(name, moments.get(kind).get(shard.name()).segment());
                shapes.put(name, shard.shape());
            }
        }
        Optimizer.read(directory, shapes, (name, view) -> {
            int bytes = view.type().bytes();
            HalfFloats.toF32(view.type(), view.data().asSlice(of.get(name).begin() * bytes, of.get(name).length() * bytes), to.get(name));
        });
    }

    /** Rank 0 has all weights again; on the others those of layers stay away. */
    @Override
    public void reunite() {
        freeOptimizer();
        if (gathered == null) {
            return;
        }
        gathered.forget();
        for (Part part : model.parts()) {
            Layer layer = gathered.of(part);
            gathered.enter(part);
            List<Tensor> whole = new ArrayList<>();
            if (layer != null && rank == 0) {
                layer.weights().forEach(each -> whole.add(Tensor.empty(DType.F32, each.weight().parameter().shape()).keep().write_(to -> to.copyFrom(each.weight().tensor().segment()))));
            }
            gathered.leave(part);
            for (int i = 0; i < whole.size(); i++) {
                layer.weights().get(i).weight().set(whole.get(i));
            }
        }
        gathered.forget();
        model.residency(Residency.HERE);
    }

    private void freeOptimizer() {
        if (!released) {
            released = true;
            shards.values().forEach(shard -> {
                shard.clear();
                shard.values().close();
            });
            optimizer.close();
            memory.close();
        }
    }

    @Override
    public void release() {
        freeOptimizer();
        if (model.residency() == this) {
            model.residency(Residency.HERE);
        }
        weightMemory.close();
    }

    // ---- figures -----------------------------------------------------------------------------------------------------------------------------

    @Override
    public Optional<Held> held() {
        return Optional.of(new Held(awayBytes + model.parameters().values().stream().mapToLong(t -> t.elements() * Float.BYTES).sum(),
                eachBatch ? sumBytes : shards.values().stream().mapToLong(shard -> shard.count() * Float.BYTES).sum(),
                moments.stream().flatMap(each -> each.values().stream()).mapToLong(t -> t.elements() * Float.BYTES).sum(), gathered == null ? 0 : gathered.bytes()));
    }
}
