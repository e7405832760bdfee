package dev.zhulong.compress.prune;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Part;
import dev.zhulong.model.Pass;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What each part of a decoder does to texts: the less it does, the less it is missed. One pass over the texts measures all of it.
 *
 * <ul>
 * <li>a layer's block influence: 1 less the cosine of the stream before it and behind it, a mean over tokens (ShortGPT, Men et al. 2024);
 * <li>an MLP's channel, and a group of heads that share a key and a value: the squares of its activations times the squared length of its columns on the way
 *     out, summed over tokens: what it adds to the stream (Minitron, Muralidharan et al. 2024, ranks by activations too);
 * <li>an expert: the length of its result times the router's weight, a mean over the tokens that it was given (REAP, Lasby et al. 2025); 0 for one that was given none.
 * </ul>
 */
public final class PartImportance {
    private final double[] layers;
    private final double[][] channels;
    private final double[][] groups;
    private final double[][] experts;

    private PartImportance(double[] layers, double[][] channels, double[][] groups, double[][] experts) {
        this.layers = layers;
        this.channels = channels;
        this.groups = groups;
        this.experts = experts;
    }

    /** By layer, from 0 (changes nothing) to 2. */
    public double[] layers() {
        return layers.clone();
    }

    /** Of a layer's MLP, by channel; empty where it is a mixture. */
    public double[] channels(int layer) {
        return channels[layer].clone();
    }

    /** Of a layer's attention, by group of heads. */
    public double[] groups(int layer) {
        return groups[layer].clone();
    }

    /** Of a layer's mixture, by expert; empty where it has none. */
    public double[] experts(int layer) {
        return experts[layer].clone();
    }

    /**
     * Measures.
     *
     * @param sequences of ids, each at most as long as the model's context
     */
    public static PartImportance of(Decoder model, List<int[]> sequences, Progress progress) {
        DecoderSpec spec = model.spec();
        var sums = new Sums(model);
        model.observe((x, by) -> sums.given(x, by.getFirst()));
        model.observeExperts(sums::gave);
        try (var off = NoGrad.open()) {
            for (int i = 0; i < sequences.size(); i++) {
                progress.at("measuring parts", i, sequences.size(), "texts");
                int[] ids = sequences.get(i);
                try (var scope = TensorScope.open()) {
                    Tensor[] flow = {Tensor.of(ids, 1, ids.length)};
                    Pass pass = model.causal(ids.length);
                    int layer = -1;
                    for (Part part : model.parts()) {
                        Tensor[] next = model.run(part, flow, pass);
                        if (layer >= 0 && layer < spec.layers()) {
                            sums.influence(layer, flow[0], next[0]);
                        }
                        flow = next;
                        layer++;
                    }
                }
            }
        } finally {
            model.observe(null);
            model.observeExperts(null);
        }
        return sums.done();
    }

    private static final class Sums {
        private final Decoder model;
        private final DecoderSpec spec;
        private final double[] layers;
        private long tokens;
        /** Of inputs of the ways out, by name: sums of squares. */
        private final Map<Parameter, double[]> squares = new HashMap<>();
        private final double[][] results;
        private final long[][] given;

        Sums(Decoder model) {
            this.model = model;
            spec = model.spec();
            layers = new double[spec.layers()];
            results = new double[spec.layers()][];
            given = new long[spec.layers()][];
            for (int layer = 0; layer < spec.layers(); layer++) {
                int count = spec.layer(layer).mlp() instanceof Mlp.Experts mixture ? mixture.count() : 0;
                results[layer] = new double[count];
                given[layer] = new long[count];
            }
        }

        void influence(int layer, Tensor before, Tensor after) {
            Tensor product = before.mul(after).sum(-1, false);
            Tensor lengths = before.square().sum(-1, false).mul(after.square().sum(-1, false)).sqrt().clamp(1e-30, 1e38);
            float[] cosines = product.div(lengths).toFloats();
            for (float cosine : cosines) {
                layers[layer] += 1 - cosine;
            }
            tokens += layer == 0 ? cosines.length : 0;
        }

        void given(Tensor x, Parameter by) {
            boolean channel = by.role() == Role.DOWN && by.expert() < 0 && spec.layer(by.layer()).mlp() instanceof Mlp.Dense;
            if (!channel && by.role() != Role.OUT) {
                return;
            }
            try (var scope = TensorScope.open()) {
                float[] sums = x.reshape(-1, x.size(-1)).square().sum(0, false).toFloats();
                double[] all = squares.computeIfAbsent(by, _ -> new double[sums.length]);
                for (int i = 0; i < sums.length; i++) {
                    // an activation that overflowed says nothing of the others
                    all[i] += Float.isFinite(sums[i]) ? sums[i] : 0;
                }
            }
        }

        void gave(int layer, Tensor experts, Tensor weights, Tensor outputs) {
            try (var scope = TensorScope.open()) {
                long[] chosen = experts.toLongs();
                float[] norms = outputs.square().sum(-1, false).sqrt().mul(weights).toFloats();
                for (int i = 0; i < chosen.length; i++) {
                    results[layer][(int) chosen[i]] += norms[i];
                    given[layer][(int) chosen[i]]++;
                }
            }
        }

        PartImportance done() {
            int count = spec.layers();
            double[][] channels = new double[count][0];
            double[][] groups = new double[count][];
            for (int layer = 0; layer < count; layer++) {
                groups[layer] = new double[spec.layer(layer).attention().kvHeads()];
                layers[layer] /= Math.max(1, tokens);
                for (int expert = 0; expert < results[layer].length; expert++) {
                    results[layer][expert] /= Math.max(1, given[layer][expert]);
                }
            }
            squares.forEach((by, sums) -> {
                double[] energy = energies(by, sums);
                if (by.role() == Role.DOWN) {
                    channels[by.layer()] = energy;
                    return;
                }
                int wide = energy.length / groups[by.layer()].length;
                Arrays.setAll(groups[by.layer()], group -> Arrays.stream(energy, group * wide, (group + 1) * wide).sum());
            });
            return new PartImportance(layers, channels, groups, results);
        }

        /** What each input adds to the results, in squares. */
        private double[] energies(Parameter by, double[] sums) {
            try (var off = NoGrad.open(); var scope = TensorScope.open()) {
                boolean transposed = by.layout() == Parameter.Layout.TRANSPOSED;
                float[] columns = model.parameters().get(by.name()).square().sum(transposed ? 1 : 0, false).toFloats();
                double[] energy = new double[sums.length];
                Arrays.setAll(energy, i -> sums[i] * columns[i]);
                return energy;
            }
        }
    }
}
