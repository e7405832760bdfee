package dev.zhulong.train;

import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Where each trained weight lies in a file of a {@link StateFiles}: the matrices of layers first, a layer after another, which are streamed; then what is small or
 * is used outside of layers, and stays in memory. Each begins at a multiple of {@link #GRAIN} elements, as direct I/O wants it and as AdamW's bits need it.
 */
final class StateLayout {
    /** Elements of a page. */
    static final int GRAIN = 1024;

    /**
     * A weight's place.
     *
     * @param first element
     */
    record Place(Parameter parameter, long first) {
        String name() {
            return parameter.name();
        }

        long count() {
            return parameter.count();
        }

        /** Where the next begins. */
        long end() {
            return first + whole(count());
        }
    }

    private final Map<String, Place> places = new LinkedHashMap<>();
    private final long streamed;
    private final long elements;

    StateLayout(NetworkSpec spec) {
        List<Parameter> all = new ArrayList<>(Parameters.of(spec).all());
        all.removeIf(parameter -> parameter.role().isConstant());
        all.sort(Comparator.comparing((Parameter parameter) -> isStreamed(parameter) ? parameter.layer() : Integer.MAX_VALUE));
        long at = 0;
        long last = 0;
        for (Parameter parameter : all) {
            Place place = new Place(parameter, at);
            places.put(parameter.name(), place);
            at = place.end();
            last = isStreamed(parameter) ? at : last;
        }
        streamed = last;
        elements = at;
    }

    /** Whether a weight is away between uses. */
    static boolean isStreamed(Parameter parameter) {
        return parameter.layer() >= 0 && parameter.shape().length > 1;
    }

    static long whole(long count) {
        return (count + GRAIN - 1) / GRAIN * GRAIN;
    }

    /** By name; null for a weight that is not trained. */
    Place place(String name) {
        return places.get(name);
    }

    /** In the order in which they lie. */
    List<Place> places() {
        return List.copyOf(places.values());
    }

    /** Elements that are streamed, from 0; the others stay in memory. */
    long streamed() {
        return streamed;
    }

    /** Elements of a file. */
    long elements() {
        return elements;
    }

    /** Elements of the layer with the most that are streamed. */
    long largestLayer() {
        Map<Integer, Long> layers = new LinkedHashMap<>();
        places.values().stream().filter(place -> isStreamed(place.parameter())).forEach(place ->
                layers.merge(place.parameter().layer(), place.end() - place.first(), Long::sum));
        return layers.values().stream().mapToLong(Long::longValue).max().orElse(0);
    }

    /** Two that differ in a name, a shape or a place hardly share it. */
    long hash() {
        var sum = new CRC32C();
        places.values().forEach(place -> sum.update((place.name() + Arrays.toString(place.parameter().shape()) + place.first()).getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        return sum.getValue();
    }
}
