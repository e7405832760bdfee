package dev.zhulong.compress;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import dev.zhulong.train.Balancing;
import dev.zhulong.train.NextToken;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How much each output of a decoder's matrices matters to what it predicts: squared lengths of the gradients of cross-entropy by row, summed over texts. As tokens' gradients hardly go together,
 * a row's is the sum over tokens of its output's squared gradient times the squared length of the input.
 */
final class RowGradients {
    /** Tokens that are read; forward and backward through the whole model take long. */
    private static final int TOKENS = 2048;
    /** Bytes a weight, with room for the gradients of a layer and for what flows. */
    private static final int BYTES = 6;

    private final Map<String, float[]> squares = new HashMap<>();
    private long tokens;

    private RowGradients() {}

    /** Empty where the model has no room in memory, which is said. @param chunks of tokens */
    static Optional<RowGradients> of(StoredDecoder stored, List<int[]> chunks, Progress progress) {
        try (Decoder network = Decoder.away(stored.spec())) {
            Collection<Weight> weights = network.weights().values();
            long needed = BYTES * weights.stream().mapToLong(weight -> Arrays.stream(weight.parameter().shape()).reduce(1, Math::multiplyExact)).sum();
            if (needed > Machine.availableMemory()) {
                progress.message("no room in memory for gradients of the whole model: the error of each matrix counts relative to what it gives");
                return Optional.empty();
            }
            weights.forEach(weight -> weight.set(stored.read(weight.parameter())));
            network.requiresGrad(true);
            var rows = new RowGradients();
            network.onGradients(part -> part.weights().forEach(rows::take));
            var objective = new NextToken(network, new int[stored.spec().vocabSize()], Balancing.none());
            long all = chunks.stream().mapToLong(chunk -> chunk.length).sum();
            int step = (int) Math.max(1, all / TOKENS);
            for (int i = 0; i < chunks.size(); i += step) {
                progress.at("reading gradients", i, chunks.size(), "chunks");
                rows.tokens += objective.accumulate(batch(chunks.get(i)), true).count();
                weights.forEach(rows::take);
            }
            network.onGradients(null);
            return Optional.of(rows);
        }
    }

    private static Batch batch(int[] chunk) {
        var batch = new Batch(1, chunk.length);
        for (int i = 0; i < chunk.length; i++) {
            batch.tokens()[i] = chunk[i];
            batch.targets()[i] = i + 1 < chunk.length ? chunk[i + 1] : Batch.NO_TARGET;
            batch.positions()[i] = i;
        }
        return batch;
    }

    private void take(Weight weight) {
        if (!weight.isHere() || weight.parameter().shape().length != 2) {
            return;
        }
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            Tensor gradient = weight.tensor().grad();
            if (gradient == null) {
                return;
            }
            float[] lengths = gradient.square().sum(weight.parameter().layout() == Layout.TRANSPOSED ? 0 : 1, false).toFloats();
            weight.tensor().clearGrad();
            float[] sums = squares.computeIfAbsent(weight.parameter().name(), name -> new float[lengths.length]);
            for (int i = 0; i < lengths.length; i++) {
                sums[i] += Float.isFinite(lengths[i]) ? lengths[i] : 0;
            }
        }
    }

    /** Of a matrix, by row; empty of one that had no gradient. */
    Optional<float[]> of(String name) {
        return Optional.ofNullable(squares.get(name));
    }

    /** How many predictions there were. */
    long tokens() {
        return tokens;
    }
}
