package dev.zhulong.formats;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The weights of a network, found by what they do. */
public final class Parameters implements Iterable<Parameter> {
    private final List<Parameter> all;
    /** A mixture has thousands of weights, and each is asked for. */
    private final Map<Place, Parameter> byPlace = new HashMap<>();

    private record Place(Role role, int layer, int expert, boolean bias) {}

    private Parameters(List<Parameter> all) {
        this.all = all;
        all.forEach(p -> byPlace.putIfAbsent(new Place(p.role(), p.layer(), p.expert(), p.bias()), p));
    }

    /** Of a network, in the order of its state dictionary; a tied head is not among them. */
    public static Parameters of(NetworkSpec spec) {
        return new Parameters(List.copyOf(spec.family().parameters(spec)));
    }

    /** All of them. */
    public List<Parameter> all() {
        return all;
    }

    @Override
    public Iterator<Parameter> iterator() {
        return all.iterator();
    }

    /** Trainable elements; a tied head counts once. */
    public long count() {
        return all.stream().mapToLong(Parameter::count).sum();
    }

    /** The weight of a role outside of layers, where the network has one. */
    public Optional<Parameter> find(Role role) {
        return find(role, -1);
    }

    /** The weight of a role in a layer, where the network has one; of experts, the first. */
    public Optional<Parameter> find(Role role, int layer) {
        return find(role, layer, -1, false).or(() -> find(role, layer, 0, false));
    }

    /** The weights of a role in a layer: one, or none; or where files hold several that are used as one (a norm's of each head), all of them in order. */
    public List<Parameter> parts(Role role, int layer) {
        List<Parameter> parts = new ArrayList<>();
        find(role, layer, -1, false).ifPresent(parts::add);
        for (int part = 0; parts.size() == part; part++) {
            find(role, layer, part, false).ifPresent(parts::add);
        }
        return parts;
    }

    /** The bias of a role in a layer, where the network has one. */
    public Optional<Parameter> bias(Role role, int layer) {
        return find(role, layer, -1, true);
    }

    /** The weight, or the bias, of a role in an expert of a layer, or in the layer itself where {@code expert} is -1. */
    public Optional<Parameter> find(Role role, int layer, int expert, boolean bias) {
        return Optional.ofNullable(byPlace.get(new Place(role, layer, expert, bias)));
    }

    /**
     * The weight of a role that every network of its kind has.
     *
     * @throws IllegalArgumentException when it has none
     */
    public Parameter get(Role role, int layer) {
        return find(role, layer).orElseThrow(() -> new IllegalArgumentException("this network has no " + role + (layer < 0 ? "" : " in layer " + layer)));
    }

    /** The weight of a role outside of layers. */
    public Parameter get(Role role) {
        return get(role, -1);
    }

    /** Names of the weights that weight decay applies to. */
    public List<String> decayed() {
        return all.stream().filter(Parameter::decays).map(Parameter::name).toList();
    }
}
