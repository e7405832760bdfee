package dev.zhulong.compress;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Part;
import dev.zhulong.model.Weight;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Zeros in the matrices of a decoder's layers, for comparing how they are chosen. Nothing here becomes smaller or faster by them: every file and every kernel takes a zero for a number as any other.
 *
 * <p>Layer after layer, each on what the layers before it give with their zeros. Embedding, head, norms and biases stay.
 */
public final class ZeroedWeights {
    /** How it is chosen which weights go. */
    public enum Rule {
        /** The smallest of a matrix. */
        MAGNITUDE,
        /** Of each output the smallest, each times the root mean square of its input (Wanda, Sun et al. 2024). */
        WANDA,
        /** Those that cost the outputs least while the others make up for them, as error feedback does for rounding (SparseGPT, Frantar and Alistarh 2023). */
        SPARSEGPT
    }

    /**
     * How many go: a share of a matrix (magnitude), of a row (Wanda) or of a block of columns (SparseGPT); or of each {@code of} neighbours in a row {@code zeros}, as 2 of 4.
     *
     * @param share above 0 and below 1
     * @param zeros of the neighbours; {@code of} is 0 for no such groups
     */
    public record Pattern(double share, int zeros, int of) {
        public Pattern {
            if (!(share > 0 && share < 1) || of > 0 && (zeros < 1 || zeros >= of)) {
                throw new IllegalArgumentException("zeros are a share between 0% and 100%, or some of a few neighbours such as 2:4");
            }
        }

        private int count(int weights) {
            return (int) Math.round(share * weights);
        }
    }

    /** Columns whose zeros SparseGPT chooses together. */
    private static final int BLOCK = 128;

    private final Rule rule;
    private final Pattern pattern;
    private final ThreadPool pool;
    private final Progress progress;

    private ZeroedWeights(Rule rule, Pattern pattern, ThreadPool pool, Progress progress) {
        this.rule = rule;
        this.pattern = pattern;
        this.pool = pool;
        this.progress = progress;
    }

    /**
     * Changes a model.
     *
     * @param texts ids that inputs are seen on; not read for {@link Rule#MAGNITUDE}
     * @throws IllegalArgumentException where a matrix's rows are no multiple of the pattern's group
     */
    public static void in(Decoder model, Rule rule, Pattern pattern, List<int[]> texts, ThreadPool pool, Progress progress) {
        new ZeroedWeights(rule, pattern, pool, progress).run(model, rule == Rule.MAGNITUDE ? List.of() : texts);
    }

    private void run(Decoder model, List<int[]> texts) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            List<Tensor[]> flows = new ArrayList<>();
            texts.forEach(text -> flows.add(new Tensor[] {Tensor.of(text, 1, text.length)}));
            for (int i = 0; i < model.parts().size() - 1; i++) {
                Part part = model.parts().get(i);
                if (i > 0) {
                    progress.at("zeros", i - 1, model.parts().size() - 2, "layers");
                    layer(model, part, flows, texts);
                }
                for (int t = 0; t < flows.size(); t++) {
                    flows.set(t, model.run(part, flows.get(t), model.causal(texts.get(t).length)));
                }
            }
        }
    }

    private void layer(Decoder model, Part part, List<Tensor[]> flows, List<int[]> texts) {
        Map<String, Hessian> inputs = new LinkedHashMap<>();
        model.observe((x, by) -> {
            Hessian first = inputs.computeIfAbsent(by.getFirst().name(), name -> new Hessian(Math.toIntExact(x.size(-1))));
            first.add(x);
            by.forEach(parameter -> inputs.put(parameter.name(), first));
        });
        try {
            for (int t = 0; t < flows.size(); t++) {
                try (var inner = TensorScope.open()) {
                    model.run(part, flows.get(t), model.causal(texts.get(t).length));
                }
            }
        } finally {
            model.observe(null);
        }
        part.weights().stream().filter(weight -> weight.parameter().isProjection()).forEach(weight -> zero(weight, inputs.get(weight.parameter().name())));
        inputs.values().stream().distinct().forEach(Hessian::close);
    }

    private void zero(Weight weight, Hessian inputs) {
        Parameter parameter = weight.parameter();
        try (var inner = TensorScope.open()) {
            boolean transposed = parameter.layout() == Layout.TRANSPOSED;
            Tensor matrix = transposed ? weight.tensor().transpose(0, 1).contiguous() : weight.tensor();
            int rows = Math.toIntExact(matrix.size(0));
            int columns = Math.toIntExact(matrix.size(1));
            if (pattern.of > 0 && columns % pattern.of != 0) {
                throw new IllegalArgumentException(parameter.name() + " has rows of " + columns + ", which groups of " + pattern.of + " do not divide: ask for a share of zeros (50%)");
            }
            if (rule != Rule.MAGNITUDE && inputs == null) {
                throw new IllegalArgumentException(parameter.name() + " was given nothing by the texts: give more text, or choose by magnitude");
            }
            float[] w = matrix.toFloats();
            Optional<Hessian.Factor> factor = rule == Rule.SPARSEGPT ? inputs.factor() : Optional.empty();
            if (rule == Rule.SPARSEGPT) {
                float[] upper = factor.orElseThrow(() -> new IllegalArgumentException(parameter.name() + ": the texts are too few to see how its inputs go together; give more")).tensor().toFloats();
                feedback(w, rows, columns, upper);
                factor.get().tensor().close();
            } else {
                byScore(w, rows, columns, rule == Rule.WANDA ? inputs.diagonal() : null);
            }
            Tensor zeroed = Tensor.of(w, rows, columns);
            weight.tensor().copy_(transposed ? zeroed.transpose(0, 1) : zeroed);
        }
    }

    /** @param squares mean squared inputs by column; null for magnitudes alone, which a whole matrix is ordered by */
    private void byScore(float[] w, int rows, int columns, float[] squares) {
        float[] scores = new float[w.length];
        for (int i = 0; i < w.length; i++) {
            scores[i] = w[i] * w[i] * (squares == null ? 1 : squares[i % columns]);
        }
        boolean whole = squares == null && pattern.of == 0;
        int length = whole ? w.length : pattern.of > 0 ? pattern.of : columns;
        int count = pattern.of > 0 ? pattern.zeros : pattern.count(length);
        pool.run(group -> {
            for (int i : least(scores, group * length, length, count)) {
                w[i] = 0;
            }
        }, w.length / length);
    }

    /** Places of the {@code count} least of {@code n} scores from {@code at} on; of equal ones the first. */
    private static int[] least(float[] scores, int at, int n, int count) {
        long[] order = new long[n];
        for (int i = 0; i < n; i++) {
            // what is not negative is ordered as its bits are
            order[i] = (long) Float.floatToIntBits(scores[at + i]) << 32 | i;
        }
        Arrays.sort(order);
        return IntStream.range(0, count).map(i -> at + (int) order[i]).toArray();
    }

    /** @param upper of the inputs' inverse, [columns, columns] */
    private void feedback(float[] w, int rows, int columns, float[] upper) {
        // groups of neighbours lie whole in a block
        int block = pattern.of == 0 ? BLOCK : Math.max(1, BLOCK / pattern.of) * pattern.of;
        for (int from = 0; from < columns; from += block) {
            int first = from;
            int end = Math.min(columns, from + block);
            int width = end - from;
            boolean[] gone = new boolean[rows * width];
            if (pattern.of == 0) {
                float[] scores = new float[rows * width];
                for (int i = 0; i < scores.length; i++) {
                    int column = from + i % width;
                    float cost = w[i / width * columns + column] / upper[column * columns + column];
                    scores[i] = cost * cost;
                }
                for (int i : least(scores, 0, scores.length, pattern.count(scores.length))) {
                    gone[i] = true;
                }
            }
            pool.run(row -> row(w, row, columns, upper, first, end, gone), rows);
        }
    }

    /** A row of a block: what goes, and what the columns behind it make up for. */
    private void row(float[] w, int row, int columns, float[] upper, int from, int end, boolean[] gone) {
        int at = row * columns;
        int flags = row * (end - from) - from;
        for (int j = from; j < end; j++) {
            if (pattern.of > 0 && j % pattern.of == 0) {
                float[] scores = new float[pattern.of];
                for (int i = 0; i < pattern.of; i++) {
                    float cost = w[at + j + i] / upper[(j + i) * columns + j + i];
                    scores[i] = cost * cost;
                }
                for (int i : least(scores, 0, pattern.of, pattern.zeros)) {
                    gone[flags + j + i] = true;
                }
            }
            if (gone[flags + j]) {
                float error = w[at + j] / upper[j * columns + j];
                for (int k = j + 1; k < columns; k++) {
                    w[at + k] -= error * upper[j * columns + k];
                }
                w[at + j] = 0;
            }
        }
    }
}
