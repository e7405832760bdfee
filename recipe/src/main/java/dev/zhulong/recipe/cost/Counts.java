package dev.zhulong.recipe.cost;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A network's parameters, counted once: a mixture has tens of thousands of tensors, and an estimate is made of many settings.
 *
 * @param spec         whose they are
 * @param all          of them
 * @param sizes        how many tensors there are of each number of values
 * @param projections  parameters of the matrices inside layers
 * @param largestBlock parameters of the largest layer; the embedding and the head count as layers
 * @param largest      parameters of the largest tensor
 * @param layers       parameters of layers
 * @param layer        parameters of the largest layer alone
 * @param outside      the same as {@code sizes}, of what lies outside of layers
 */
public record Counts(NetworkSpec spec, long all, Map<Long, Long> sizes, double projections, long largestBlock, long largest, long layers, long layer, Map<Long, Long> outside) {
    /** Counts. */
    public static Counts of(NetworkSpec spec) {
        List<Parameter> parameters = Parameters.of(spec).all();
        Map<Long, Long> sizes = new HashMap<>();
        Map<Integer, Long> blocks = new HashMap<>();
        long all = 0;
        long largest = 0;
        Map<Long, Long> outside = new HashMap<>();
        parameters.stream().filter(p -> p.layer() < 0).forEach(p -> outside.merge(p.count(), 1L, Long::sum));
        for (Parameter p : parameters) {
            all += p.count();
            sizes.merge(p.count(), 1L, Long::sum);
            largest = Math.max(largest, p.layer() < 0 ? p.count() : blocks.merge(p.layer(), p.count(), Long::sum));
        }
        double projections = spec instanceof DecoderSpec decoder ? (double) decoder.layerWeights()
                : parameters.stream().filter(Parameter::isProjection).mapToDouble(Parameter::count).sum();
        return new Counts(spec, all, Map.copyOf(sizes), projections, largest, parameters.stream().mapToLong(Parameter::count).max().orElse(0),
                blocks.values().stream().mapToLong(Long::longValue).sum(), blocks.values().stream().mapToLong(Long::longValue).max().orElse(0), Map.copyOf(outside));
    }
}
