package dev.zhulong.train;

import dev.zhulong.model.Network;
import dev.zhulong.model.Part;
import dev.zhulong.model.Weight;
import dev.zhulong.train.StateLayout.Place;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A layer whose weights are away between its uses; they lie together.
 *
 * @param index  among such layers
 * @param places of {@code weights}
 */
record StreamedLayer(int index, List<Weight> weights, List<Place> places) {
    /** Those of a network, by the part that uses each. */
    static Map<Part, StreamedLayer> of(Network network, StateLayout layout) {
        Map<Part, StreamedLayer> layers = new IdentityHashMap<>();
        Set<Weight> seen = new HashSet<>();
        for (Part part : network.parts()) {
            List<Weight> away = part.weights().stream().filter(weight -> !weight.isHere()).distinct()
                    .sorted(Comparator.comparing(weight -> place(layout, weight).first())).toList();
            if (away.isEmpty()) {
                continue;
            }
            var layer = new StreamedLayer(layers.size(), away, away.stream().map(weight -> place(layout, weight)).toList());
            boolean together = layer.places.stream().mapToLong(p -> p.end() - p.first()).sum() == layer.elements();
            if (!together || !away.stream().allMatch(seen::add)) {
                throw new UnsupportedOperationException("training from the disk is not implemented for a " + network.spec().family().modelType() + ": its layers share matrices");
            }
            layers.put(part, layer);
        }
        if (seen.size() != network.weights().values().stream().filter(weight -> !weight.isHere()).count()) {
            throw new IllegalStateException("a weight is away that no layer has");
        }
        return layers;
    }

    private static Place place(StateLayout layout, Weight weight) {
        return layout.place(weight.parameter().name());
    }

    long first() {
        return places.getFirst().first();
    }

    long elements() {
        return places.getLast().end() - first();
    }

    /** The bytes of one of its weights in memory that holds them all. */
    MemorySegment in(MemorySegment memory, int weight) {
        Place place = places.get(weight);
        return memory.asSlice((place.first() - first()) * Float.BYTES, place.count() * Float.BYTES);
    }

    /** All its bytes. */
    MemorySegment in(MemorySegment memory) {
        return memory.asSlice(0, elements() * Float.BYTES);
    }

    /** Compared as what it is, and quickly. */
    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return index;
    }
}
