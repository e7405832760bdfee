package dev.zhulong.formats.family;

import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Tensors of files that hold several weights one behind the other: the experts of a layer, or gate and way up. */
final class Piles {
    private Piles() {}

    /**
     * Taken apart, without a copy.
     *
     * @param piles names of weights by the tensor that holds them, in order
     * @param shape of the tensor that holds these weights
     */
    static Map<String, TensorView> apart(NetworkSpec spec, Map<String, List<String>> piles, Shape shape, Map<String, TensorView> stored) {
        var left = new LinkedHashMap<>(stored);
        var parts = new LinkedHashMap<String, TensorView>();
        Map<String, Parameter> all = parameters(spec);
        piles.forEach((name, weights) -> {
            TensorView pile = left.remove(name);
            if (pile == null) {
                return;
            }
            pile.requireShape(shape.of(weights.stream().map(all::get).toList()));
            long from = 0;
            for (String weight : weights) {
                Parameter p = all.get(weight);
                parts.put(weight, pile.part(name + " (" + weight + ")", from, p.shape()));
                from += p.count();
            }
        });
        return Mixtures.joined(left, parts);
    }

    /** The other way from {@link #apart}. */
    static Map<String, TensorView> together(NetworkSpec spec, Map<String, List<String>> piles, Shape shape, Map<String, TensorView> weights) {
        var left = new LinkedHashMap<>(weights);
        Map<String, Parameter> all = parameters(spec);
        piles.forEach((name, names) -> {
            List<TensorView> parts = names.stream().map(left::remove).toList();
            TensorView like = parts.getFirst();
            left.put(name, TensorView.made(name, like.type(), shape.of(names.stream().map(all::get).toList()), () -> {
                MemorySegment to = Arena.ofAuto().allocate(parts.stream().mapToLong(TensorView::elements).sum() * like.type().bytes(), 64);
                long at = 0;
                for (TensorView part : parts) {
                    MemorySegment from = part.data();
                    MemorySegment.copy(from, 0, to, at, from.byteSize());
                    at += from.byteSize();
                }
                return to;
            }, like.file()));
        });
        return left;
    }

    private static Map<String, Parameter> parameters(NetworkSpec spec) {
        return spec.family().parameters(spec).stream().collect(Collectors.toMap(Parameter::name, p -> p));
    }

    /** The shape of the tensor that holds some weights. */
    @FunctionalInterface
    interface Shape {
        long[] of(List<Parameter> weights);
    }
}
