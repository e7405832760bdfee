package dev.zhulong.recipe.verify;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.Tensor;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The norms of a network's gradients, under the names that transformers has for the weights. */
final class Gradients {
    private Gradients() {}

    /** @param count by which the summed gradients are divided */
    static void put(Network network, long count, Computed computed) {
        double all = 0;
        Set<String> constants = network.table().all().stream().filter(p -> p.role().isConstant() || p.role() == Role.CORRECTION).map(Parameter::name)
                .collect(Collectors.toSet());
        for (var entry : network.spec().family().together(network.spec()).entrySet()) {
            if (constants.containsAll(entry.getValue())) {
                continue; // no gradient moves it
            }
            double squares = squares(network, entry.getValue());
            computed.put("gradient_norm." + entry.getKey(), Math.sqrt(squares) / count);
            all += squares;
        }
        computed.put("gradient_norm", Math.sqrt(all) / count);
    }

    private static double squares(Network network, List<String> names) {
        double squares = 0;
        for (String name : names) {
            Tensor gradient = network.parameters().get(name).grad();
            for (float value : gradient == null ? new float[0] : gradient.toFloats()) {
                squares += (double) value * value;
            }
        }
        return squares;
    }
}
