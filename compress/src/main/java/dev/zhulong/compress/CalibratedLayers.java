package dev.zhulong.compress;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Part;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Rounds the matrices of a decoder's layers with {@link ErrorFeedback}, layer after layer, each on what the layers before it give now that they are
 * rounded; and within a layer, queries, keys and values first, then the output projection on what the attention gives by then, and so on. Matrices of one
 * input share a Hessian. One layer is in memory at a time; what is done is kept in a {@link CalibrationState}, so that an interrupted run goes on there.
 */
final class CalibratedLayers {
    /** Of Hessians that are gathered in one run through a layer; a mixture with more of them is run through several times. */
    private static final long MOST_BYTES = 3L << 30;

    private final StoredDecoder stored;
    private final PartWalk walk;
    private final Function<Parameter, WeightType> types;
    private final CalibrationState state;
    private final ThreadPool pool;
    private final Progress progress;
    private final SquaredInputs squares;
    private final List<String> notices = new ArrayList<>();

    /** @param types what a matrix of a layer becomes */
    CalibratedLayers(StoredDecoder stored, PartWalk walk, Function<Parameter, WeightType> types, CalibrationState state, ThreadPool pool, Progress progress) {
        this.stored = stored;
        this.walk = walk;
        this.types = types;
        this.state = state;
        this.pool = pool;
        this.progress = progress;
        squares = new SquaredInputs(stored);
    }

    /** What the user should know, a line each. */
    List<String> notices() {
        return notices;
    }

    /** What the head is given by the rounded layers. */
    SquaredInputs squares() {
        return squares;
    }

    /** Does all layers. */
    void run() {
        List<Part> parts = walk.parts();
        int done = state.done();
        if (done == 0) {
            walk.enter(parts.getFirst());
            walk.advance(parts.getFirst(), null);
            walk.leave(parts.getFirst());
        } else {
            walk.flows(state.flows());
            progress.message("going on after layer " + (done - 1) + ", as an earlier run left it");
        }
        for (int i = done + 1; i < parts.size() - 1; i++) {
            int layer = i - 1;
            progress.at("calibrating", layer, parts.size() - 2, "layers");
            Part part = parts.get(i);
            walk.enter(part);
            layer(layer, part);
            walk.advance(part, null);
            walk.leave(part);
            state.finish(layer, walk.flows());
        }
        Part last = parts.getLast();
        walk.enter(last);
        walk.advance(last, null);
        walk.leave(last);
        for (int chunk = 0; chunk < walk.chunkCount(); chunk++) {
            try (var off = NoGrad.open(); var scope = TensorScope.open()) {
                squares.head(walk.stream(chunk));
            }
        }
    }

    private void layer(int layer, Part part) {
        Map<String, Weight> open = new LinkedHashMap<>();
        part.weights().stream().filter(weight -> weight.parameter().isProjection()).forEach(weight -> open.put(weight.parameter().name(), weight));
        double before = 0;
        double after = 0;
        int matrices = 0;
        while (!open.isEmpty()) {
            Inputs inputs = inputs(part, open.keySet());
            for (Group group : inputs.groups) {
                try (Hessian hessian = group.hessian) {
                    var factor = hessian.factor();
                    if (hessian.skipped() > 0) {
                        notices.add("layer " + layer + ": " + hessian.skipped() + " rows of inputs held numbers that are not finite, and were left out");
                    }
                    if (factor.isEmpty()) {
                        notices.add(stored.name(group.by.getFirst()) + ": " + (hessian.rows() < Hessian.LEAST_ROWS ? hessian.rows() + " rows of inputs are too few"
                                : "its Hessian has no factor") + " for error feedback, so it is rounded by importance alone");
                    }
                    for (Parameter parameter : group.by) {
                        ErrorFeedback.Result result = round(open.remove(parameter.name()), hessian, factor);
                        before += result.before();
                        after += result.after();
                        matrices++;
                    }
                    factor.ifPresent(each -> each.tensor().close());
                }
            }
            if (inputs.isAll) {
                // what nothing is sent to stays to be rounded without calibration
                open.values().removeIf(weight -> inputs.roles.contains(weight.parameter().role()) || inputs.roles.isEmpty());
            }
        }
        if (matrices > 0) {
            progress.message(String.format(Locale.ROOT, "layer %d: error %.3g of the outputs rounded plainly, %.3g with feedback (means of %d matrices)", layer, before / matrices,
                    after / matrices, matrices));
        }
    }

    private ErrorFeedback.Result round(Weight weight, Hessian hessian, Optional<Hessian.Factor> factor) {
        Parameter parameter = weight.parameter();
        boolean transposed = parameter.layout() == Layout.TRANSPOSED;
        WeightType type = types.apply(parameter);
        try (var scope = TensorScope.open()) {
            Tensor w = transposed ? weight.tensor().transpose(0, 1).contiguous() : weight.tensor();
            if (!type.quantised()) {
                return new ErrorFeedback.Result(null, null, 0, 0, 0);
            }
            ErrorFeedback.Result result = ErrorFeedback.round(stored.name(parameter), w, hessian, factor, type, pool);
            state.add(parameter.name(), type, result.blocks(), w.size(0));
            try (Tensor rounded = result.rounded(); var off = NoGrad.open()) {
                weight.tensor().copy_(transposed ? rounded.transpose(0, 1) : rounded);
            }
            return result;
        }
    }

    /** Matrices of one input. */
    private record Group(List<Parameter> by, Hessian hessian) {}

    /**
     * @param roles what these matrices are in the layer
     * @param isAll whether no group was left out for want of memory
     */
    private record Inputs(List<Group> groups, Set<Role> roles, boolean isAll) {}

    /**
     * Of the first matrices in the layer's order that are still open, the inputs; of all experts together.
     *
     * @param open names of the matrices that are still to be rounded
     */
    private Inputs inputs(Part part, Set<String> open) {
        Map<String, Group> groups = new LinkedHashMap<>();
        Set<Role> roles = new HashSet<>();
        boolean[] isAll = {true};
        walk.observe(part, (x, by) -> {
            if (!open.contains(by.getFirst().name())) {
                return;
            }
            if (roles.isEmpty()) {
                by.forEach(parameter -> roles.add(parameter.role()));
            }
            if (!roles.contains(by.getFirst().role())) {
                if (by.getFirst().expert() < 0) {
                    throw PartWalk.Seen.IT;
                }
                return;
            }
            Group group = groups.get(by.getFirst().name());
            if (group == null) {
                long bytes = (groups.values().stream().mapToLong(each -> Hessian.bytes(each.hessian.columns())).sum()) + Hessian.bytes(x.size(-1));
                if (!groups.isEmpty() && bytes > MOST_BYTES) {
                    isAll[0] = false;
                    return;
                }
                group = new Group(by, new Hessian(Math.toIntExact(x.size(-1))));
                groups.put(by.getFirst().name(), group);
            }
            group.hessian.add(x);
        });
        return new Inputs(List.copyOf(groups.values()), roles, isAll[0]);
    }
}
