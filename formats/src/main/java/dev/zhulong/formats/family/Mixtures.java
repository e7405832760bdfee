package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What families with mixtures of experts share in their files: since version 5 transformers holds the experts of a layer in two tensors. */
final class Mixtures {
    private Mixtures() {}

    /** {@link dev.zhulong.formats.Family#together}: experts under the two names below {@code module}, such as {@code mlp.experts}, of their layer. */
    static Map<String, List<String>> together(NetworkSpec network, String module) {
        var together = new LinkedHashMap<String, List<String>>();
        network.family().parameters(network).forEach(p -> together.computeIfAbsent(p.expert() < 0 ? p.name() : stacked(p, module), key -> new ArrayList<>()).add(p.name()));
        return together;
    }

    private static String stacked(Parameter p, String module) {
        return "model.layers." + p.layer() + "." + module + (p.role() == Role.DOWN ? ".down_proj" : ".gate_up_proj") + (p.bias() ? "_bias" : "");
    }

    /**
     * Stored tensors with those that hold all experts of a layer taken apart, without a copy: {@code gate_up_proj} [experts, 2 · width, hidden] with the gate's
     * rows before those of the way up, and {@code down_proj} [experts, hidden, width].
     */
    static Map<String, TensorView> apart(NetworkSpec network, String module, Map<String, TensorView> stored) {
        var spec = (DecoderSpec) network;
        var left = new LinkedHashMap<>(stored);
        var parts = new LinkedHashMap<String, TensorView>();
        for (Parameter p : spec.family().parameters(spec)) {
            String name = p.expert() < 0 ? null : stacked(p, module);
            TensorView all = name == null ? null : stored.get(name);
            if (all == null) {
                continue;
            }
            left.remove(name);
            var mixture = (Mlp.Experts) spec.layer(p.layer()).mlp();
            long[] shape = p.shape();
            boolean down = p.role() == Role.DOWN;
            all.requireShape(mixture.count(), down ? shape[0] : 2 * shape[0], shape[1]);
            long matrix = shape[0] * shape[1];
            long from = down ? p.expert() * matrix : (2L * p.expert() + (p.role() == Role.UP ? 1 : 0)) * matrix;
            parts.put(p.name(), all.part(all.name() + " (" + p.role() + " of expert " + p.expert() + ")", from, shape));
        }
        return joined(left, parts);
    }

    /** @throws FormatException where a weight is there both ways */
    static Map<String, TensorView> joined(Map<String, TensorView> left, Map<String, TensorView> parts) {
        parts.forEach((name, view) -> {
            TensorView twin = left.put(name, view);
            if (twin != null) {
                throw new FormatException(view.file(), "tensors " + twin.name() + " and " + view.name() + " are the same weight; keep one");
            }
        });
        return left;
    }
}
