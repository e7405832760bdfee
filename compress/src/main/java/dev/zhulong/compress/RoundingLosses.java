package dev.zhulong.compress;

import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Part;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What each tensor of a decoder would lose in each type that its rows can have, found by rounding some of its rows to each. Measured once, it answers for any number of {@link Budget}s.
 *
 * <p>A matrix of weights W, rounded with an error of ΔW, changes what it gives by ΔW·x. Half of the squares of that, each times the mean squared gradient at that output, is about the divergence in
 * nats a token, as far as losses are small. Where there is a text, both means are its: tr(ΔW·H·ΔWᵀ) with the Hessian of the inputs ({@link Hessian}), and the {@link RowGradients}. Where there is
 * only an {@link Importance}, H is its diagonal, and instead of gradients the error is divided by the mean square of what the matrix gives.
 */
public final class RoundingLosses {
    /** Of a matrix rows of about so many weights are rounded, those whose outputs matter more in proportion more often. */
    private static final int WEIGHTS = 1 << 16;
    private static final int LEAST_ROWS = 32;
    /**
     * What the head counts where there are no gradients, in all matrices of the layers together: an error of theirs is one of many that add up to a token's logits, the head's is the logits' own.
     * Measured, with the same relative errors: 1.5 on stories15M, 5 on a model of 5.8 million weights.
     */
    private static final double HEAD = 2;
    private static final List<WeightType> CANDIDATES = List.of(WeightType.Q2_0, WeightType.Q2_K, WeightType.Q3_K, WeightType.IQ4_XS, WeightType.Q4_0, WeightType.IQ4_NL, WeightType.Q4_K, WeightType.Q4_1,
            WeightType.Q5_0, WeightType.Q5_K, WeightType.Q5_1, WeightType.Q6_K, WeightType.Q8_0, WeightType.F16);

    private final List<Item> items;
    private final long whole;
    private final long rest;
    private final long weights;
    private final boolean nats;

    /**
     * A tensor of the file.
     *
     * @param tensor  its name in GGUF
     * @param layer   that it is of; -1 for none
     * @param weights how many it holds
     * @param options the types that its rows can have
     */
    public record Item(String tensor, int layer, long weights, List<Option> options) {}

    /**
     * A type that a tensor can have.
     *
     * @param bytes of the tensor
     * @param loss  predicted
     */
    public record Option(WeightType type, long bytes, double loss) {}

    RoundingLosses(List<Item> items, long whole, long rest, long weights, boolean nats) {
        this.items = List.copyOf(items);
        this.whole = whole;
        this.rest = rest;
        this.weights = weights;
        this.nats = nats;
    }

    /**
     * Measures on a text, with one layer in memory at a time; for the gradients, where there is room, with all.
     *
     * @param model a directory in Hugging Face's layout, or a GGUF file
     * @throws dev.zhulong.formats.FormatException when it is no decoder
     */
    public static RoundingLosses measure(Path model, CalibrationTokens text, int threads, Progress progress) {
        try (StoredDecoder stored = StoredDecoder.open(model); var pool = new ThreadPool(threads)) {
            Importance.requireVocabulary(text, stored.spec().vocabSize());
            Optional<RowGradients> gradients = RowGradients.of(stored, text.chunks(), progress);
            var measuring = new Measuring(stored, pool, gradients.orElse(null));
            try (var walk = new PartWalk(stored, text.chunks())) {
                measuring.walk(walk, progress);
            }
            return measuring.done(model, gradients.isPresent());
        }
    }

    /** Measures by the importance of columns alone. @param model a directory in Hugging Face's layout, or a GGUF file */
    public static RoundingLosses measure(Path model, Importance importance, int threads, Progress progress) {
        try (StoredDecoder stored = StoredDecoder.open(model); var pool = new ThreadPool(threads)) {
            var measuring = new Measuring(stored, pool, null);
            measuring.read(importance, progress);
            return measuring.done(model, false);
        }
    }

    /** The tensors that have a choice. */
    public List<Item> items() {
        return items;
    }

    /** How many weights the file holds. */
    public long weights() {
        return weights;
    }

    /** Bytes of tensors that have no choice. */
    long whole() {
        return whole;
    }

    /** Bytes of a file beside its tensors, by at most a few thousand too many. */
    long rest() {
        return rest;
    }

    /** Whether losses are nats a token; else shares of what matrices give. */
    boolean isNats() {
        return nats;
    }

    /** What rows of errors cost, for each of [rows, in]. */
    @FunctionalInterface
    private interface Cost {
        float[] of(Tensor errors);
    }

    private static final class Measuring {
        private final StoredDecoder stored;
        private final ThreadPool pool;
        private final RowGradients gradients;
        private final Map<String, List<GgufWeight>> tensors = new LinkedHashMap<>();
        private final Map<String, Map<WeightType, Double>> losses = new HashMap<>();

        Measuring(StoredDecoder stored, ThreadPool pool, RowGradients gradients) {
            this.stored = stored;
            this.pool = pool;
            this.gradients = gradients;
            GgufExport.weights(stored.spec()).forEach(weight -> tensors.computeIfAbsent(weight.gguf(), name -> new ArrayList<>()).add(weight));
        }

        private static boolean hasChoice(GgufWeight weight) {
            return weight.shape().length > 1 && !weight.parameter().role().isKeptWhole();
        }

        void walk(PartWalk walk, Progress progress) {
            List<Part> parts = walk.parts();
            for (int i = 0; i < parts.size(); i++) {
                progress.at("rounding to each type", i, parts.size(), "parts");
                Part part = parts.get(i);
                walk.enter(part);
                Map<String, Hessian> hessians = new LinkedHashMap<>();
                var squares = new SquaredInputs(stored);
                walk.advance(part, (x, by) -> {
                    if (by.getFirst().expert() >= 0) {
                        // Hessians of all experts have no room
                        squares.given(x, by);
                    } else {
                        Hessian shared = hessians.computeIfAbsent(by.getFirst().name(), name -> new Hessian(Math.toIntExact(x.size(-1))));
                        by.forEach(parameter -> hessians.put(parameter.name(), shared));
                        shared.add(x);
                    }
                });
                Importance diagonals = Importance.of(new CalibrationTokens(List.of("text"), List.of(new int[1])), squares.entries());
                part.weights().stream().filter(weight -> weight.parameter().isProjection()).forEach(weight -> {
                    Hessian hessian = hessians.get(weight.parameter().name());
                    if (hessian == null) {
                        byColumns(weight.parameter(), weight.tensor(), diagonals);
                    } else {
                        add(stored.name(weight.parameter()), weight.parameter(), weight.tensor(), hessian.diagonal(), hessian::cost, 1);
                    }
                });
                hessians.values().stream().distinct().forEach(Hessian::close);
                walk.leave(part);
            }
            try (var hessian = new Hessian(Math.toIntExact(walk.stream(0).size(-1))); var off = NoGrad.open()) {
                for (int chunk = 0; chunk < walk.chunkCount(); chunk++) {
                    try (var scope = TensorScope.open()) {
                        hessian.add(walk.stream(chunk));
                    }
                }
                vocabulary(hessian.diagonal(), hessian::cost);
            }
        }

        void read(Importance importance, Progress progress) {
            List<Parameter> projections = stored.projections();
            for (int i = 0; i < projections.size(); i++) {
                progress.at("rounding to each type", i, projections.size(), "matrices");
                Parameter parameter = projections.get(i);
                if (stored.place(parameter).gguf() == null) {
                    continue;
                }
                try (Tensor w = stored.read(parameter)) {
                    byColumns(parameter, w, importance);
                }
            }
            float[] head = importance.columns(Importance.HEAD, 0, 1, stored.spec().hiddenSize()).orElse(null);
            vocabulary(head, head == null ? null : errors -> weighted(errors, head));
        }

        private void byColumns(Parameter parameter, Tensor w, Importance importance) {
            int columns = Math.toIntExact(stored.place(parameter).shape()[1]);
            float[] means = importance.columns(stored.name(parameter), Math.max(0, parameter.expert()), stored.stacked(parameter), columns).orElse(null);
            add(stored.name(parameter), parameter, w, means, means == null ? null : errors -> weighted(errors, means), 1);
        }

        /** Embedding and head, and whatever else is looked up. */
        private void vocabulary(float[] means, Cost cost) {
            tensors.forEach((name, weights) -> {
                Parameter parameter = weights.getFirst().parameter();
                if (losses.containsKey(name) || !hasChoice(weights.getFirst())) {
                    return;
                }
                boolean head = name.equals(Importance.HEAD) || parameter.role() == Role.EMBED && stored.spec().tiedEmbeddings() && !tensors.containsKey(Importance.HEAD);
                try (Tensor w = stored.read(parameter)) {
                    add(name, parameter, w, head ? means : null, head ? cost : null, head ? HEAD * stored.projections().size() : 1);
                }
            });
        }

        private static float[] weighted(Tensor errors, float[] means) {
            return errors.square().matmul(Tensor.of(means, means.length, 1)).toFloats();
        }

        /**
         * Rounds rows of a matrix to each type.
         *
         * @param importance means of squares by column; null where nothing is known
         * @param cost       null for the sum of squares
         * @param share      what the relative error counts where there are no gradients
         */
        private void add(String tensor, Parameter parameter, Tensor stored, float[] importance, Cost cost, double share) {
            try (var off = NoGrad.open(); var scope = TensorScope.open()) {
                Tensor w = parameter.layout() == Layout.TRANSPOSED ? stored.transpose(0, 1).contiguous() : stored;
                int columns = Math.toIntExact(w.size(1));
                Optional<float[]> squares = gradients == null ? Optional.empty() : gradients.of(parameter.name());
                Sample sample = Sample.of(squares.orElseGet(() -> alike(Math.toIntExact(w.size(0)))), Math.max(LEAST_ROWS, WEIGHTS / columns));
                int count = sample.rows.length;
                Tensor rows = w.indexSelect(0, Tensor.of(sample.rows, count)).contiguous();
                float[] exact = rows.toFloats();
                Cost costs = cost != null ? cost : errors -> errors.square().sum(1, false).toFloats();
                double per;
                if (squares.isPresent()) {
                    double inputs = importance == null ? columns : sum(importance);
                    per = inputs > 0 ? 0.5 / (gradients.tokens() * inputs) : 0;
                } else {
                    double power = sample.sum(costs.of(rows));
                    per = power > 0 ? share / power : 0;
                }
                Map<WeightType, Double> each = losses.computeIfAbsent(tensor, name -> new EnumMap<>(WeightType.class));
                for (WeightType type : CANDIDATES) {
                    if (columns % type.blockElements() != 0) {
                        continue;
                    }
                    try (var inner = TensorScope.open()) {
                        Tensor rounded = type == WeightType.F16 ? halves(exact, count, columns)
                                : ErrorFeedback.decoded(ErrorFeedback.plain(tensor, exact, count, columns, type, importance, pool), count, columns, type, pool);
                        each.merge(type, per * sample.sum(costs.of(rounded.sub(rows))), Double::sum);
                    }
                }
            }
        }

        private static Tensor halves(float[] exact, int rows, int columns) {
            float[] halves = new float[exact.length];
            for (int i = 0; i < halves.length; i++) {
                halves[i] = Float.float16ToFloat(Float.floatToFloat16(exact[i]));
            }
            return Tensor.of(halves, rows, columns);
        }

        private static float[] alike(int rows) {
            float[] alike = new float[rows];
            Arrays.fill(alike, 1);
            return alike;
        }

        private static double sum(float[] values) {
            double sum = 0;
            for (float value : values) {
                sum += value;
            }
            return sum;
        }

        RoundingLosses done(Path model, boolean nats) {
            List<Item> items = new ArrayList<>();
            long whole = 0;
            long all = 0;
            for (Map.Entry<String, List<GgufWeight>> entry : tensors.entrySet()) {
                GgufWeight first = entry.getValue().getFirst();
                long elements = Arrays.stream(first.shape()).reduce(1, Math::multiplyExact) * entry.getValue().size();
                all += elements;
                if (!hasChoice(first)) {
                    whole += elements * Float.BYTES;
                    continue;
                }
                int columns = Math.toIntExact(first.shape()[first.shape().length - 1]);
                List<Option> options = new ArrayList<>();
                losses.get(entry.getKey()).forEach((type, loss) -> options.add(new Option(type, elements / columns * type.rowBytes(columns), loss)));
                items.add(new Item(entry.getKey(), first.parameter().layer(), elements, List.copyOf(options)));
            }
            return new RoundingLosses(items, whole, PredictedSize.besideTensors(model, tensors.size()), all, nats);
        }
    }

    /**
     * Rows that stand for all.
     *
     * @param weights what each counts
     */
    private record Sample(long[] rows, double[] weights) {
        /** Of few rows all; of many, those at equal distances along the sum of what they count, each for its distance. */
        static Sample of(float[] counts, int most) {
            if (counts.length <= most) {
                long[] rows = new long[counts.length];
                double[] weights = new double[counts.length];
                Arrays.setAll(rows, i -> i);
                Arrays.setAll(weights, i -> counts[i]);
                return new Sample(rows, weights);
            }
            double all = 0;
            for (float count : counts) {
                all += count;
            }
            long[] rows = new long[most];
            double[] weights = new double[most];
            double until = 0;
            int row = -1;
            for (int i = 0; i < most; i++) {
                double at = (i + 0.5) * all / most;
                while (row < 0 || until < at && row < counts.length - 1) {
                    until += counts[++row];
                }
                rows[i] = row;
                weights[i] = all / most;
            }
            return new Sample(rows, weights);
        }

        double sum(float[] costs) {
            double sum = 0;
            for (int i = 0; i < costs.length; i++) {
                sum += weights[i] * Math.max(0, costs[i]);
            }
            return sum;
        }
    }
}
