package dev.zhulong.model;

import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorRandom;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A network: weights by name, and parts that a batch passes in order. Whatever trains, stores, adapts, shards, prunes or counts a model rests on this
 * alone.
 */
public abstract class Network implements AutoCloseable {
    private static final int OWN_PLACES = 1 << 20;

    private final NetworkSpec spec;
    private final Parameters table;
    private final Map<String, Weight> weights = new LinkedHashMap<>();
    private final Map<String, Linear> linears = new LinkedHashMap<>();
    private final Map<String, QuantizedMatrix> quantized;
    private final List<Dropout> dropouts = new ArrayList<>();
    private LoraAdapter adapter;
    /** Its own weights whose places an adapter has taken. */
    private final Map<String, Tensor> replaced = new LinkedHashMap<>();
    private Residency residency = Residency.HERE;
    private Products products = Products.FULL;
    /** Null for nobody. */
    private Consumer<Part> asked;
    private ExpertObserver expertObserver;

    /**
     * Over {@code tensors}, which this object owns from now on and which must be kept out of scopes.
     *
     * @param quantized the weights of some projections in blocks, by module name; {@code tensors} lacks them
     */
    Network(NetworkSpec spec, Map<String, Tensor> tensors, Map<String, QuantizedMatrix> quantized) {
        this.spec = spec;
        this.table = Parameters.of(spec);
        this.quantized = Map.copyOf(quantized);
        table.forEach(p -> weights.put(p.name(), new Weight(p, tensors.get(p.name()))));
    }

    /** Fresh tensors for a network on the device whose scope is open, the same for the same seed everywhere. */
    static Map<String, Tensor> fresh(NetworkSpec spec, long seed) {
        return fresh(spec, seed, Placing.HERE);
    }

    /** The same, each put somewhere as soon as it is drawn; those that are away then are not in the map. */
    static Map<String, Tensor> fresh(NetworkSpec spec, long seed, Placing placing) {
        int layers = spec.stack().layers().size();
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (var random = new TensorRandom()) {
            Libtorch.seed(random, seed);
            for (Parameter p : Parameters.of(spec)) {
                Tensor t = Tensor.empty(DType.F32, p.shape()).keep();
                switch (p.init()) {
                    case NORMAL -> t.normal_(random, 0, 0.02);
                    case RESIDUAL -> t.normal_(random, 0, 0.02 / Math.sqrt(2.0 * layers));
                    case ONE -> t.fill_(1);
                    case ZERO -> t.zero_();
                    case UNIT -> t.normal_(random, 0, 1);
                    case SINES -> sines(t);
                    case TEMPERATURE -> t.fill_(Math.log(1 / 0.07));
                    case FAN_IN -> t.normal_(random, 0, 1 / Math.sqrt(p.inputs()));
                    case FAN_IN_HEAD -> t.normal_(random, 0, 1 / Math.sqrt((double) p.inputs() * spec.stack().layers().getFirst().attention().headDim()));
                }
                Tensor placed = placing.place(p, t);
                if (placed != null) {
                    tensors.put(p.name(), placed);
                }
            }
        }
        return tensors;
    }

    private static void sines(Tensor t) {
        int width = (int) t.size(1);
        var rows = new Stack.Positions.Sinusoidal(0, true);
        t.write_(to -> {
            for (int row = 0; row < t.size(0); row++) {
                MemorySegment.copy(rows.row(row, width), 0, to, ValueLayout.JAVA_FLOAT, (long) row * width * Float.BYTES, width);
            }
        });
    }

    /** Its shape. */
    public NetworkSpec spec() {
        return spec;
    }

    /** The weights it has, by what they do. */
    public final Parameters table() {
        return table;
    }

    /** Hugging Face names to weights, in state-dictionary order; a tied head is not listed. What is quantized is away. */
    public final Map<String, Weight> weights() {
        return Collections.unmodifiableMap(weights);
    }

    /** Its parts, in the order in which a batch passes them. */
    public abstract List<Part> parts();

    /** The tensors of {@link #weights()} that are there. */
    public final Map<String, Tensor> parameters() {
        Map<String, Tensor> here = new LinkedHashMap<>();
        weights.forEach((name, weight) -> {
            if (weight.isHere()) {
                here.put(name, weight.tensor());
            }
        });
        return Collections.unmodifiableMap(here);
    }

    /** Number of weights. */
    public final long count() {
        return table.count();
    }

    /** Bytes of all weights as they are held. */
    public final long bytes() {
        return parameters().values().stream().mapToLong(t -> 4 * t.elements()).sum() + quantized.values().stream().mapToLong(QuantizedMatrix::bytes).sum();
    }

    /** Where its weights lie; its forward pass runs in a scope of this device. */
    public final Device device() {
        return weights.values().stream().filter(Weight::isHere).findFirst().orElseThrow().tensor().device();
    }

    /** Whether projections are held in blocks: then they are frozen, and only an adapter can be trained. */
    public final boolean isQuantized() {
        return !quantized.isEmpty();
    }

    // ---- for the parts -----------------------------------------------------------------------------------------------------------------------

    /** The weight of a role that the network has. */
    final Weight weight(Role role, int layer) {
        return weights.get(table.get(role, layer).name());
    }

    /** The weight of a role, or null where the network has none. */
    final Weight find(Role role, int layer) {
        return table.find(role, layer).map(p -> weights.get(p.name())).orElse(null);
    }

    /** The bias of a role, or null where the network has none. */
    final Weight bias(Role role, int layer) {
        return table.bias(role, layer).map(p -> weights.get(p.name())).orElse(null);
    }

    /** The norm of a role, or null where the network has none. */
    final Normalisation norm(Role role, int layer, Stack stack) {
        List<Weight> parts = table.parts(role, layer).stream().map(p -> weights.get(p.name())).toList();
        return parts.isEmpty() && !stack.hasPlainNorm(role) ? null : new Normalisation(stack.norm(), parts, bias(role, layer), stack.normEpsilon());
    }

    /** The projection of a role, or null where the network has none; adapters and observers find it among {@link #linears()}. */
    final Linear linear(Role role, int layer, int expert) {
        Parameter p = table.find(role, layer, expert, false).orElse(null);
        if (p == null) {
            return null;
        }
        Linear linear = new Linear(weights.get(p.name()), weights.get(p.module() + ".bias"), quantized.get(p.module()));
        linears.put(p.module(), linear);
        return linear;
    }

    /** A place where a part drops values while it is trained, if the network is told to. */
    final Dropout dropout() {
        // far from an adapter's places, whose masks would be the same
        var place = new Dropout(0, OWN_PLACES + dropouts.size());
        dropouts.add(place);
        return place;
    }

    // ---- adapters ----------------------------------------------------------------------------------------------------------------------------

    /** Projections inside the layers, by module name: what adapters, quantized bases, pruning and observers take hold of. */
    final Map<String, Linear> linears() {
        return linears;
    }

    /**
     * Puts an adapter on, which stays its owner's. The weights below it are frozen from now on.
     *
     * @throws IllegalStateException if there is one already
     */
    public final void attach(LoraAdapter lora) {
        if (adapter != null) {
            throw new IllegalStateException("this model has an adapter already: remove it first");
        }
        requiresGrad(false);
        adapter = lora;
        apply(lora);
    }

    /** Takes the adapter off, if there is one. */
    public final void detach() {
        adapter = null;
        bare();
    }

    private void bare() {
        linears.values().forEach(linear -> linear.adapt(null));
        replaced.forEach((name, own) -> weights.get(name).set(own));
        replaced.clear();
    }

    /** The adapter that was put on. */
    public final Optional<LoraAdapter> adapter() {
        return Optional.ofNullable(adapter);
    }

    /** The model without its adapter until closed: the reference that a policy is compared with, in the same weights. */
    public final AdapterOff withoutAdapter() {
        bare();
        return () -> {
            if (adapter != null) {
                apply(adapter);
            }
        };
    }

    /** Puts the adapter back. */
    @FunctionalInterface
    public interface AdapterOff extends AutoCloseable {
        @Override
        void close();
    }

    private void apply(LoraAdapter lora) {
        lora.parts().forEach((module, part) -> linears.get(module).adapt(part));
        lora.whole().forEach((name, tensor) -> {
            replaced.put(name, weights.get(name).tensor());
            weights.get(name).set(tensor);
        });
    }

    // ---- training ----------------------------------------------------------------------------------------------------------------------------

    /** What training changes: the adapter's weights if there is one, else all. */
    public final Map<String, Tensor> trainable() {
        if (adapter != null) {
            return adapter.parameters();
        }
        Map<String, Tensor> trained = new LinkedHashMap<>(parameters());
        table.all().stream().filter(p -> p.role().isConstant()).forEach(constant -> trained.remove(constant.name()));
        return Collections.unmodifiableMap(trained);
    }

    /** What is trained and gets its gradient of one batch in several pieces: what other than one part uses, and what a head may share with the embedding. */
    public final List<Tensor> gatheredInPieces() {
        Map<Tensor, Integer> uses = new IdentityHashMap<>();
        parts().forEach(part -> part.weights().forEach(weight -> {
            if (weight.isHere()) {
                uses.merge(weight.tensor(), 1, Integer::sum);
            }
        }));
        table.find(Role.EMBED).map(embedding -> weights.get(embedding.name())).filter(Weight::isHere).ifPresent(shared -> uses.put(shared.tensor(), 2));
        return trainable().values().stream().filter(weight -> uses.getOrDefault(weight, 0) != 1).toList();
    }

    /** How it multiplies. */
    final Products products() {
        return products;
    }

    /** Has all projections inside the layers, and the gradient of a head, multiply so from now on. */
    public final void products(Products how) {
        products = how;
        linears.values().forEach(linear -> linear.products(how));
    }

    /**
     * Has {@code observer} told what the projections inside the layers are given, from now on.
     *
     * @param observer null for nobody
     */
    public final void observe(ProjectionObserver observer) {
        linears.values().forEach(linear -> linear.observe(observer));
    }

    /** Has {@code observer} told what the experts of mixtures give, from now on. @param observer null for nobody */
    public final void observeExperts(ExpertObserver observer) {
        expertObserver = observer;
    }

    /** Null for nobody. */
    final ExpertObserver expertObserver() {
        return expertObserver;
    }

    /** Names of the trainable weights that weight decay applies to. */
    public final List<String> decayed() {
        return adapter == null ? table.decayed() : adapter.decayed(table.decayed());
    }

    /** Marks every trainable weight as trained, or none. */
    public final void requiresGrad(boolean on) {
        trainable().values().forEach(p -> p.requiresGrad(on));
    }

    /**
     * Sets the share of the embeddings and of each layer's results that is dropped while training, before they are added to the stream (Vaswani et al. 2017).
     *
     * @throws UnsupportedOperationException where the network's parts drop nothing
     */
    public final void dropout(double share) {
        if (share > 0 && !dropsEmbeddings()) {
            throw new UnsupportedOperationException("dropout in a " + spec.family().modelType() + " is not implemented");
        }
        dropouts.forEach(place -> place.probability(share));
    }

    /** Whether dropout, which layers of all networks share, is whole in this one. */
    boolean dropsEmbeddings() {
        return false;
    }

    /**
     * Drops values, here and in an adapter, from now on, the same ones for the same seed: a recomputed part and a resumed run see the masks that they saw
     * before.
     */
    public final void drop(long seed) {
        dropouts.forEach(place -> place.on(seed));
        adapter().ifPresent(lora -> lora.dropout(seed));
    }

    /** Drops nothing from now on. */
    public final void dropNothing() {
        dropouts.forEach(Dropout::off);
        adapter().ifPresent(LoraAdapter::noDropout);
    }

    /** What training changes of a part: its own weights, or those of the adapter on them. */
    public final List<Tensor> trainable(Part part) {
        if (adapter == null) {
            return part.weights().stream().filter(Weight::isHere).map(Weight::tensor).toList();
        }
        return part.weights().stream().map(weight -> weight.parameter().module()).distinct().map(adapter.parts()::get).filter(Objects::nonNull)
                .flatMap(lora -> Stream.of(lora.a(), lora.b(), lora.magnitude())).filter(Objects::nonNull).toList();
    }

    /**
     * Has {@code then} told in backward of each part whose weights have their whole gradients of that batch, as soon as they have. What a part uses together with others may
     * change afterwards, and of a part that is given nothing that gets a gradient, as the first one, it is not told.
     *
     * @param then null for nobody
     */
    public final void onGradients(Consumer<Part> then) {
        asked = then;
    }

    /** For whoever runs backward a part at a time: the gradients of this one are there. */
    public final void gradientsAreThere(Part part) {
        residency.gradientsAreThere(part);
        if (asked != null) {
            asked.accept(part);
        }
    }

    /** Runs all parts, each in a scope of its own. */
    public final Tensor[] run(Tensor[] flow, Pass pass) {
        return run(flow, pass, (part, given) -> { });
    }

    /** The same. @param seen told of what each part gives */
    public final Tensor[] run(Tensor[] flow, Pass pass, BiConsumer<Part, Tensor[]> seen) {
        Tensor[] before = flow;
        for (Part part : parts()) {
            if (asked != null && !NoGrad.isOn()) {
                watch(part, flow, before);
            }
            before = flow;
            flow = run(part, flow, pass);
            seen.accept(part, flow);
        }
        return flow;
    }

    /** Backward goes from the last operation to the first: when what a part was given has its gradient, so have the weights that the part used. */
    private void watch(Part part, Tensor[] flow, Tensor[] before) {
        for (Tensor given : flow) {
            if (given.requiresGrad() && !isAmong(given, before)) {
                given.onGradient(given.detach(), (gradient, same) -> gradientsAreThere(part));
                return;
            }
        }
    }

    /** Runs one part in a scope of its own; what it gives belongs to the scope around it. */
    public final Tensor[] run(Part part, Tensor[] flow, Pass pass) {
        residency.enter(part);
        try (var scope = TensorScope.open()) {
            Tensor[] next = part.forward(flow, pass);
            for (Tensor tensor : next) {
                if (!isAmong(tensor, flow)) {
                    scope.handOut(tensor);
                }
            }
            return next;
        } finally {
            residency.leave(part);
        }
    }

    /** Where its weights are between uses. */
    public final Residency residency() {
        return residency;
    }

    /** Has weights be elsewhere between uses from now on. */
    public final void residency(Residency where) {
        residency = where;
    }

    /** Whether a tensor is one of these, and no copy. */
    public static boolean isAmong(Tensor tensor, Tensor[] flow) {
        for (Tensor each : flow) {
            if (each == tensor) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void close() {
        // an adapter's weights stay their owner's
        bare();
        parameters().values().forEach(Tensor::close);
        quantized.values().forEach(QuantizedMatrix::close);
    }
}
